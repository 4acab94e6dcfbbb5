//! Tables that are too large to be held in memory.

use arrow::array::{BooleanArray, Float64Array};
use domain::models::Task;
use domain::training_runs::{Algorithm, LogLevel};
use model::Predictor;
use serde_json::json;
use trainer::{TrainEvent, Trained};

use crate::parquet::{array, file};
use crate::{TestFile, spec_of};

const ROWS: u32 = 90_000;
const COLUMNS: u32 = 50;

/// Of 4.6 million values, more than are held with 256 MB.
fn table() -> TestFile {
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("x{column}")).collect();
    let value = |row: u32, column: u32| {
        let key = u64::from(row * 64 + column).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (key >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let sum = |row: u32| 3.0 * value(row, 0) - 2.0 * value(row, 1) + 0.1 * value(row, 2);
    let rows = || 0..ROWS;
    let mut columns = Vec::new();
    for (column, name) in (0..COLUMNS).zip(&names) {
        let values: Float64Array = rows().map(|row| Some(value(row, column))).collect();
        columns.push((name.as_str(), array(values)));
    }
    let y: Float64Array = rows().map(|row| Some(7.0 + sum(row))).collect();
    let is_high: BooleanArray = rows()
        .map(|row| Some(sum(row) + value(row, 3) > 0.0))
        .collect();
    columns.push(("y", array(y)));
    columns.push(("is_high", array(is_high)));
    file(columns)
}

fn train(file: &TestFile, algorithm: Algorithm, target: &str) -> (Trained, Vec<String>) {
    let mut spec = spec_of(algorithm, target, json!({}));
    spec.budget.memory_mb = 256;
    let features = (0..COLUMNS).map(|column| format!("x{column}"));
    spec.features = Some(features.collect());
    if target == "is_high" {
        spec.task = Some(Task::Classification);
    }
    let (trained, events) = file.train_with_events(&spec);
    let told = events.into_iter().filter_map(|event| match event {
        TrainEvent::Log { level, message } => {
            assert!(level < LogLevel::Warn, "{message}");
            Some(message)
        }
        TrainEvent::Progress(_) => None,
    });
    (trained.unwrap(), told.collect())
}

#[test]
fn what_does_not_fit_into_memory_is_read_again_and_again() {
    let file = table();
    for algorithm in [
        Algorithm::LinearRegression,
        Algorithm::Ridge,
        Algorithm::Poisson,
    ] {
        let (trained, told) = train(&file, algorithm, "y");
        assert!(
            told.iter().any(|line| line.contains("rows of the file")),
            "{told:?}"
        );
        // A fifth is held out, in memory or not.
        let learned = trained.metrics["train_rows"] / f64::from(ROWS);
        assert!((learned - 0.8).abs() < 0.01, "{learned}");
        assert!(trained.test_rows.iter().all(|row| *row < ROWS));
        assert!(
            trained.metrics["r2"] > 0.97,
            "{algorithm:?} {:?}",
            trained.metrics
        );
        let coefficient = |name: &str| {
            let coefficients = &trained.evaluation.coefficients;
            let mut found = coefficients.iter().filter(|found| found.feature == name);
            found.next().unwrap().value
        };
        if algorithm == Algorithm::LinearRegression {
            for (name, expected) in [("x0", 3.0), ("x1", -2.0), ("x2", 0.1), ("x9", 0.0)] {
                assert!((coefficient(name) - expected).abs() < 1e-9, "{name}");
            }
            let again = train(&file, algorithm, "y").0;
            assert_eq!(again.artifact, trained.artifact);
        }
    }
}

#[test]
fn two_classes_are_told_apart_by_all_rows_of_a_file() {
    let (trained, told) = train(&table(), Algorithm::LogisticRegression, "is_high");
    assert!(
        told.iter().any(|line| line.contains("rows of the file")),
        "{told:?}"
    );
    assert!(trained.metrics["accuracy"] > 0.95, "{:?}", trained.metrics);
    let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
    assert_eq!(predictor.classes().unwrap(), ["false", "true"]);
}
