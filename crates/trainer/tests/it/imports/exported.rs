//! What scikit-learn, XGBoost, LightGBM and PyTorch export: imported, it gives the numbers that onnxruntime gave.

use std::path::PathBuf;

use domain::models::Task;
use model::{Predictor, Value, check_row};
use serde_json::{Map, Value as Json, json};

use super::{NotImported, attempt_file};

fn fixture(name: &str) -> PathBuf {
    let path = format!("../onnx/tests/fixtures/{name}");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What onnxruntime was asked and gave.
struct Recorded(Json);

impl Recorded {
    fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture(&format!("{name}.json"))).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn rows(&self) -> usize {
        self.0["inputs"][0]["shape"][0].as_u64().unwrap() as usize
    }

    /// The values of a row, in the order of the file's inputs.
    fn row(&self, row: usize) -> Vec<Json> {
        let mut values = Vec::new();
        for input in self.0["inputs"].as_array().unwrap() {
            let shape = input["shape"].as_array().unwrap();
            let width = shape.get(1).map_or(1, |width| width.as_u64().unwrap()) as usize;
            let data = &input["data"].as_array().unwrap()[row * width..(row + 1) * width];
            let is_text = input["element"] == "string";
            values.extend(data.iter().map(|value| match value {
                // Not a number is a missing one.
                Json::String(_) if !is_text => Json::Null,
                value => value.clone(),
            }));
        }
        values
    }

    fn answer(&self, row: usize, width: usize) -> Vec<f64> {
        let outputs = self.0["outputs"].as_array().unwrap();
        let numbers = |output: &&Json| {
            let is_number = ["float", "double"].contains(&output["element"].as_str().unwrap());
            is_number && output["data"].as_array().unwrap().len() == self.rows() * width
        };
        let output = outputs.iter().find(numbers).unwrap();
        let data = &output["data"].as_array().unwrap()[row * width..(row + 1) * width];
        data.iter().map(|number| number.as_f64().unwrap()).collect()
    }
}

fn check(name: &str, given: Json) {
    let made = attempt_file(&fixture(&format!("{name}.onnx")), given);
    let made = made.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
    let recorded = Recorded::of(name);
    let (predictor, width) = (&made.predictor, made.predictor.width());
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for row in 0..recorded.rows() {
        let values = recorded.row(row);
        let inputs = made.signature.inputs.iter().zip(values);
        let inputs: Map<_, _> = inputs
            .map(|(input, value)| {
                let is_missing = input.nullable && value == "";
                (
                    input.name.clone(),
                    if is_missing { Json::Null } else { value },
                )
            })
            .collect();
        let checked = check_row(predictor, None, &inputs);
        rows.push(checked.unwrap_or_else(|errors| panic!("{name}, row {row}: {errors:?}")));
    }
    let mut together = vec![0.0; rows.len() * width];
    let done = predictor.predict_batch(&rows, &mut together);
    assert!(done.iter().all(Result::is_ok), "{name}: {done:?}");
    for (place, row) in rows.iter().enumerate() {
        let mut alone = vec![0.0; width];
        predictor.predict(row, &mut alone).unwrap();
        assert_eq!(
            alone,
            together[place * width..(place + 1) * width],
            "{name}, row {place}"
        );
        for (number, expected) in alone.iter().zip(recorded.answer(place, width)) {
            let off = (number - expected).abs();
            assert!(
                off <= 1e-5 * expected.abs().max(1.0),
                "{name}, row {place}: {number}, not {expected}"
            );
        }
    }
    if predictor.signature().output.task == Task::Classification {
        assert!(made.predictor.classes().unwrap().len() == width, "{name}");
    }
}

#[test]
fn pipelines_of_scikit_learn() {
    for name in [
        "titanic_logistic",
        "titanic_forest",
        "titanic_mlp",
        "titanic_voting",
        "titanic_calibrated",
        "housing_ridge",
        "housing_mlp",
        "housing_gradient",
    ] {
        check(name, json!({}));
    }
}

#[test]
fn a_missing_text_is_imputed() {
    check("titanic_ordinal", json!({}));
    let made = attempt_file(&fixture("titanic_ordinal.onnx"), json!({})).unwrap();
    let sex = made.input("Sex");
    assert_eq!(sex.categories.as_deref().unwrap(), ["female", "male", ""]);
    assert!(sex.nullable);
    assert_eq!(sex.example, Some(json!("female")));
    let row = |sex: Value| {
        let inputs = made.signature.inputs.iter();
        let row = inputs.map(
            |input| match (input.name.as_str(), input.kind.is_numeric()) {
                ("Sex", _) => sex,
                (_, true) => Value::Number(30.0),
                (_, false) => Value::Category(0),
            },
        );
        made.predict(&row.collect::<Vec<_>>())
    };
    // Most of the passengers were male.
    let (missing, male) = (row(Value::Missing), row(Value::Category(1)));
    assert_eq!((&missing, &missing), (&male, &row(Value::Category(2))));
    assert_ne!(missing, row(Value::Category(0)));
}

#[test]
fn models_of_a_matrix() {
    for name in [
        "housing_hist",
        "housing_extra",
        "housing_zoo",
        "housing_ridge_double",
        "housing_svr",
        "proximity_svc",
        "proximity_svc_binary",
        "proximity_bayes",
        "proximity_logistic",
        "proximity_forest",
        "proximity_hist",
    ] {
        check(name, json!({}));
    }
}

#[test]
fn boosted_trees_and_networks() {
    for name in [
        "lightgbm_binary",
        "lightgbm_multiclass",
        "lightgbm_regressor",
        "lightgbm_sets",
        "network",
        "torch_classifier",
        "torch_classifier_dynamo",
        "torch_embedding",
        "torch_embedding_dynamo",
        "torch_regression",
        "torch_regression_dynamo",
    ] {
        check(name, json!({}));
    }
}

#[test]
fn the_texts_of_a_pipeline_are_its_categories() {
    let made = attempt_file(&fixture("titanic_logistic.onnx"), json!({})).unwrap();
    let texts = made
        .signature
        .inputs
        .iter()
        .filter_map(|input| input.categories.as_deref());
    let texts: Vec<_> = texts.collect();
    assert!(!texts.is_empty());
    assert!(
        texts.iter().any(|texts| *texts == ["female", "male"]),
        "{texts:?}"
    );
    assert_eq!(
        made.notes
            .iter()
            .filter(|note| note.contains("refused"))
            .count(),
        0
    );
}

#[test]
fn what_is_no_table_is_refused() {
    for (name, word) in [
        ("housing_two_targets", "one number for each row"),
        ("titanic_linear_svc", "probabilities"),
        ("proximity_svc_poly", "probabilities"),
    ] {
        let refused = attempt_file(&fixture(&format!("{name}.onnx")), json!({}));
        let Err(NotImported::Refused(errors)) = refused.map(|made| made.signature) else {
            panic!("{name} was taken");
        };
        assert!(errors[0].expected.contains(word), "{name}: {errors:?}");
    }
}

#[test]
fn what_can_not_be_run_is_refused_with_its_reason() {
    let mut count = 0;
    for entry in std::fs::read_dir(fixture("refused")).unwrap() {
        let path = entry.unwrap().path();
        let refused = attempt_file(&path, json!({}));
        let Err(NotImported::Refused(errors)) = refused.map(|made| made.signature) else {
            panic!("{path:?} was taken");
        };
        assert_eq!(errors[0].pointer, "/file", "{path:?}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

/// A predictor can be shared by threads.
#[test]
fn threads_share_a_predictor() {
    fn shared<T: Send + Sync>() {}
    shared::<Predictor>();
}
