//! What every algorithm makes of real tables, as an ONNX file: its graph gives what the predictor says.

use domain::datasets::ColumnType;
use domain::models::{InputField, Task};
use domain::training_runs::Algorithm;
use model::{Feed, OTHER, Predictor, Value};
use onnx::{Data, Model};
use serde_json::{Value as Json, json};

use crate::{TestFile, algorithms, california_housing, spec_of, titanic};

const ROWS: u64 = 300;
const AT_ONCE: usize = 20;

/// Fewer trees than by default: the steps are the same.
fn params(algorithm: Algorithm) -> Json {
    match algorithm {
        Algorithm::RandomForest => json!({"trees": 12}),
        Algorithm::GradientBoosting => json!({"budget": 0.3}),
        Algorithm::HistogramBoosting => json!({"trees": 20}),
        _ => json!({}),
    }
}

/// A number that looks random, and is the same every time.
fn drawn(row: u64, slot: u64) -> u64 {
    let mixed = (row * 1_000_003 + slot).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// Within what training saw and beyond, with what may be missing and categories that it did not see.
fn value(input: &InputField, row: u64, slot: u64) -> Value {
    let drawn = drawn(row, slot);
    if input.nullable && drawn.is_multiple_of(5) {
        return Value::Missing;
    }
    match input.kind {
        ColumnType::Float | ColumnType::Integer => {
            let (min, max) = (input.min.unwrap_or(0.0), input.max.unwrap_or(1.0));
            let share = (drawn % 1_201) as f64 / 1_000.0 - 0.1;
            let number = min + share * (max - min);
            Value::Number(if input.kind == ColumnType::Integer {
                number.round()
            } else {
                number
            })
        }
        ColumnType::Boolean => Value::Category((drawn % 2) as u32),
        ColumnType::String => {
            let known = input.categories.as_ref().map_or(0, Vec::len) as u64;
            match drawn % (known + 1) {
                place if place == known => Value::Category(OTHER),
                place => Value::Category(place as u32),
            }
        }
    }
}

/// The largest difference of any number, relative to the largest number.
fn off(file: &TestFile, algorithm: Algorithm, target: &str, task: Task) -> f64 {
    let mut spec = spec_of(algorithm, target, params(algorithm));
    spec.task = Some(task);
    let trained = file.train(&spec).unwrap();
    let artifact = model::decode(&trained.artifact).unwrap();
    let predictor = Predictor::new(&artifact);
    let inputs = &artifact.signature.inputs;
    let row = |row| {
        let slots = inputs.iter().zip(0..);
        slots
            .map(move |(input, slot)| value(input, row, slot))
            .collect()
    };
    let rows: Vec<Vec<Value>> = (0..ROWS).map(row).collect();

    let width = predictor.width();
    let mut expected = vec![0.0; rows.len() * width];
    for (row, out) in rows.iter().zip(expected.chunks_mut(width)) {
        predictor.predict(row, out).unwrap();
    }
    let model = Model::read(&artifact.to_onnx().unwrap()).unwrap();
    let feed = Feed::new(&model, &vec![1; inputs.len()], inputs);
    let mut found = Vec::with_capacity(expected.len());
    // Remembered rows need room for each pair of theirs and one that is asked for.
    for some in rows.chunks(AT_ONCE) {
        let outputs = feed
            .run(some)
            .unwrap_or_else(|error| panic!("{algorithm:?}: {error:?}"));
        let Data::F64(numbers) = &outputs.last().unwrap().data else {
            panic!("the answer is not in double precision");
        };
        found.extend_from_slice(numbers);
    }
    assert_eq!(found.len(), expected.len());
    let scale = expected
        .iter()
        .fold(0.0, |most: f64, number| most.max(number.abs()));
    let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    off.fold(0.0, f64::max) / scale
}

#[test]
fn every_regression_is_the_same_in_a_graph() {
    for algorithm in algorithms(Task::Regression) {
        let off = off(
            &california_housing(),
            algorithm,
            "median_house_value",
            Task::Regression,
        );
        assert!(off < 1e-12, "{algorithm:?}: {off}");
    }
    for algorithm in [
        Algorithm::LinearRegression,
        Algorithm::GradientBoosting,
        Algorithm::HistogramBoosting,
    ] {
        let off = off(&titanic(), algorithm, "Fare", Task::Regression);
        assert!(off < 1e-12, "{algorithm:?}: {off}");
    }
}

#[test]
fn every_classification_is_the_same_in_a_graph() {
    for algorithm in algorithms(Task::Classification) {
        for target in ["Survived", "Pclass"] {
            let off = off(&titanic(), algorithm, target, Task::Classification);
            assert!(off < 1e-12, "{algorithm:?} of {target}: {off}");
        }
    }
}
