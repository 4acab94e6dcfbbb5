//! What onnxruntime answered for the rows of the fixtures is what is answered here.

use std::fs;
use std::sync::Arc;

use onnx::{Data, Element, Model, Tensor};
use serde_json::Value as Json;

use crate::{files, fixtures};

/// How far apart answers may be, where they are small and where they are large.
const NEAR: f64 = 1e-5;

pub(crate) struct Example {
    pub(crate) inputs: Vec<Tensor>,
    outputs: Vec<(String, Tensor)>,
}

/// The inputs of a fixture, and its outputs with their names.
pub(crate) fn example(name: &str) -> Example {
    let text = fs::read_to_string(fixtures().join(format!("{name}.json"))).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let named = |json: &Json| (json["name"].as_str().unwrap().to_owned(), tensor(json));
    let list = |key: &str| json[key].as_array().unwrap().iter().map(named).collect();
    let inputs: Vec<_> = list("inputs");
    Example {
        inputs: inputs.into_iter().map(|(_, tensor)| tensor).collect(),
        outputs: list("outputs"),
    }
}

fn tensor(json: &Json) -> Tensor {
    let values = json["data"].as_array().unwrap();
    let number = |value: &Json| match value {
        Json::String(text) => text.parse::<f64>().unwrap(),
        other => other.as_f64().unwrap(),
    };
    let whole = |value: &Json| value.as_i64().unwrap();
    let data = match json["element"].as_str().unwrap() {
        "float" => Data::F32(values.iter().map(|value| number(value) as f32).collect()),
        "double" => Data::F64(values.iter().map(number).collect()),
        "int64" => Data::I64(values.iter().map(whole).collect()),
        "int32" => Data::I32(values.iter().map(|value| whole(value) as i32).collect()),
        "bool" => Data::Bool(
            values
                .iter()
                .map(|value| value.as_bool().unwrap())
                .collect(),
        ),
        _ => Data::Text(
            values
                .iter()
                .map(|value| value.as_str().unwrap().into())
                .collect(),
        ),
    };
    let shape = json["shape"].as_array().unwrap();
    let shape = shape.iter().map(|length| length.as_u64().unwrap() as usize);
    Tensor {
        shape: shape.collect(),
        data,
    }
}

/// The largest difference, absolute and as a share of what was expected.
#[derive(Clone, Copy, Debug, Default)]
struct Apart {
    absolute: f64,
    relative: f64,
}

/// # Panics
/// Where answers differ by more than rounding.
fn compare(name: &str, got: &Tensor, expected: &Tensor) -> Apart {
    assert_eq!(got.shape, expected.shape, "{name}: shape");
    let numbers = |data: &Data| -> Option<Vec<f64>> {
        match data {
            Data::F32(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Data::F64(values) => Some(values.clone()),
            _ => None,
        }
    };
    assert_eq!(got.data.element(), expected.data.element(), "{name}: type");
    let (Some(got), Some(expected)) = (numbers(&got.data), numbers(&expected.data)) else {
        assert_eq!(got.data, expected.data, "{name}");
        return Apart::default();
    };
    let mut apart = Apart::default();
    for (place, (&got, &expected)) in got.iter().zip(&expected).enumerate() {
        if got.total_cmp(&expected).is_eq() || got.is_nan() && expected.is_nan() {
            continue;
        }
        let absolute = (got - expected).abs();
        assert!(
            absolute <= NEAR * expected.abs().max(1.0),
            "{name}: {got} at {place}, but {expected} was expected"
        );
        apart.absolute = apart.absolute.max(absolute);
        apart.relative = apart.relative.max(absolute / expected.abs().max(1e-6));
    }
    apart
}

/// The rows from `start` to `end` of each input.
fn part(inputs: &[Tensor], start: usize, end: usize) -> Vec<Tensor> {
    fn cut<T: Clone>(values: &[T], rows: usize, start: usize, end: usize) -> Vec<T> {
        let width = values.len() / rows;
        values[start * width..end * width].to_vec()
    }
    let cut = |tensor: &Tensor| {
        let rows = tensor.shape[0];
        let mut shape = tensor.shape.clone();
        shape[0] = end - start;
        let data = match &tensor.data {
            Data::F32(values) => Data::F32(cut(values, rows, start, end)),
            Data::F64(values) => Data::F64(cut(values, rows, start, end)),
            Data::I64(values) => Data::I64(cut(values, rows, start, end)),
            Data::I32(values) => Data::I32(cut(values, rows, start, end)),
            Data::Bool(values) => Data::Bool(cut(values, rows, start, end)),
            Data::Text(values) => Data::Text(cut(values, rows, start, end)),
        };
        Tensor { shape, data }
    };
    inputs.iter().map(cut).collect()
}

#[test]
fn every_fixture_is_answered_as_onnxruntime_did() {
    for (name, bytes) in files(&fixtures()) {
        let example = example(&name);
        let model = Model::read(&bytes).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let outputs = model
            .run(example.inputs)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outputs.len(), example.outputs.len(), "{name}");
        let mut most = Apart::default();
        for (got, (output, expected)) in outputs.iter().zip(&example.outputs) {
            let apart = compare(&format!("{name}, {output}"), got, expected);
            most.absolute = most.absolute.max(apart.absolute);
            most.relative = most.relative.max(apart.relative);
        }
        // Shown by `cargo test -- --nocapture`.
        println!(
            "{name}: at most {:.1e} apart, {:.1e} of the value",
            most.absolute, most.relative
        );
    }
}

/// A model whose rows are told apart by their first dimension answers each by itself.
#[test]
fn a_row_alone_is_answered_as_among_others() {
    for (name, bytes) in files(&fixtures()) {
        let model = Model::read(&bytes).unwrap();
        let is_free = |shape: &[Option<usize>]| shape.first() == Some(&None);
        if !model.inputs().iter().all(|field| is_free(&field.shape)) {
            continue;
        }
        let inputs = example(&name).inputs;
        let rows = inputs[0].shape[0];
        let whole = model.run(inputs.clone()).unwrap();
        let alone = (0..rows)
            .map(|row| model.run(part(&inputs, row, row + 1)).unwrap())
            .collect::<Vec<_>>();
        for (output, whole) in whole.iter().enumerate() {
            for (row, alone) in alone.iter().enumerate() {
                let cut = part(std::slice::from_ref(whole), row, row + 1);
                compare(&format!("{name}, row {row}"), &alone[output], &cut[0]);
            }
        }
    }
}

#[test]
fn no_rows_are_answered_with_none() {
    for name in [
        "titanic_forest",
        "housing_hist",
        "network",
        "torch_classifier",
        "torch_classifier_dynamo",
        "torch_embedding",
        "torch_embedding_dynamo",
        "torch_regression",
        "torch_regression_dynamo",
        "lightgbm_binary",
    ] {
        let bytes = fs::read(fixtures().join(format!("{name}.onnx"))).unwrap();
        let model = Model::read(&bytes).unwrap();
        let outputs = model.run(part(&example(name).inputs, 0, 0)).unwrap();
        for output in outputs {
            assert_eq!(output.shape[0], 0, "{name}");
        }
    }
}

#[test]
fn a_model_says_what_it_takes_and_gives() {
    let bytes = fs::read(fixtures().join("titanic_forest.onnx")).unwrap();
    let model = Model::read(&bytes).unwrap();
    let inputs = model.inputs().iter();
    let inputs = inputs.map(|field| (field.name.as_str(), field.element, field.shape.as_slice()));
    let column: &[Option<usize>] = &[None, Some(1)];
    assert_eq!(
        inputs.collect::<Vec<_>>(),
        [
            ("Age", Element::F32, column),
            ("SibSp", Element::F32, column),
            ("Parch", Element::F32, column),
            ("Fare", Element::F32, column),
            ("Sex", Element::Text, column),
            ("Embarked", Element::Text, column),
            ("Pclass", Element::Text, column),
        ]
    );
    assert_eq!(model.classes().unwrap(), ["died", "survived"]);
    assert_eq!(model.producer(), Some("skl2onnx 1.20.0"));
    let opsets = model.opsets().iter().map(|(name, _)| name.as_str());
    assert!(opsets.eq(["ai.onnx.ml", "ai.onnx"]) || model.opsets().len() == 2);
    let probabilities = &model.outputs()[1];
    assert_eq!(probabilities.element, Element::F32);
    assert_eq!(probabilities.shape, [None, Some(2)]);
}

#[test]
fn classes_are_found_where_a_graph_says_them() {
    let classes = |name: &str| {
        let bytes = fs::read(fixtures().join(format!("{name}.onnx"))).unwrap();
        let model = Model::read(&bytes).unwrap();
        model.classes().map(<[String]>::to_vec)
    };
    let proximities = ["<1H OCEAN", "INLAND", "NEAR OCEAN"].map(str::to_owned);
    for name in [
        "proximity_svc",
        "proximity_bayes",
        "proximity_logistic",
        "proximity_forest",
        "proximity_hist",
    ] {
        assert_eq!(classes(name).unwrap(), proximities, "{name}");
    }
    assert_eq!(classes("titanic_mlp").unwrap(), ["died", "survived"]);
    assert_eq!(classes("titanic_logistic").unwrap(), ["0", "1"]);
    assert_eq!(classes("lightgbm_multiclass").unwrap(), ["0", "1", "2"]);
    for name in ["housing_ridge", "xgboost_regressor", "network"] {
        assert_eq!(classes(name), None, "{name}");
    }
}

#[test]
fn a_model_is_shared_between_threads() {
    let bytes = fs::read(fixtures().join("titanic_logistic.onnx")).unwrap();
    let model = Model::read(&bytes).unwrap();
    let inputs = Arc::new(example("titanic_logistic").inputs);
    let expected = model.run(inputs.to_vec()).unwrap();
    std::thread::scope(|scope| {
        let runs = (0..4).map(|_| {
            let (model, inputs) = (model.clone(), Arc::clone(&inputs));
            scope.spawn(move || model.run(inputs.to_vec()).unwrap())
        });
        for run in runs.collect::<Vec<_>>() {
            assert_eq!(run.join().unwrap(), expected);
        }
    });
}
