//! What earlier releases have stored is read still.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use domain::models::{Candidate, Metric, OutputField, Task};
use domain::training_runs::{Algorithm, SplitMethod, TrainingSpec};
use serde_json::{from_value, json, to_value};

#[test]
fn a_candidate_that_was_judged_by_its_rmse() {
    let stored = json!({
        "algorithm": "ridge", "params": {"penalty": 0.01}, "folds": 3,
        "rmse": {"value": 2.0, "low": 1.5, "high": 2.5}, "fit_seconds": 0.5, "predict_micros": 0.2,
    });
    let candidate: Candidate = from_value(stored).unwrap();
    assert_eq!(candidate.metric, Metric::Rmse);
    assert!((candidate.estimate.unwrap().high - 2.5).abs() < 1e-12);
    let written = to_value(&candidate).unwrap();
    assert_eq!(written["metric"], "rmse");
    assert_eq!(from_value::<Candidate>(written).unwrap(), candidate);
    let failed = json!({
        "algorithm": "ridge", "params": {}, "folds": 0, "rmse": null, "fit_seconds": 0.0, "predict_micros": 0.0,
        "problem": "it failed",
    });
    assert_eq!(from_value::<Candidate>(failed).unwrap().estimate, None);
}

#[test]
fn a_run_and_a_signature_without_a_task() {
    let stored = json!({
        "dataset": "d", "dataset_version": 1, "target": "y", "model": "m", "algorithm": "linear_regression",
        "split": {"method": "random", "test_fraction": 0.2, "seed": 42},
        "budget": {"seconds": 600, "memory_mb": 4096},
    });
    let spec: TrainingSpec = from_value(stored).unwrap();
    assert_eq!(
        (spec.task, spec.algorithm),
        (None, Algorithm::LinearRegression)
    );
    assert_eq!(spec.split.method, Some(SplitMethod::Random));
    let output: OutputField = from_value(json!({"name": "y", "task": "regression"})).unwrap();
    assert_eq!(output, OutputField::regression("y"));
    assert_eq!(
        to_value(&output).unwrap(),
        json!({"name": "y", "task": "regression"}),
        "as releases before write and read it"
    );
    assert_eq!(
        Task::of(domain::datasets::ColumnType::Integer, 2),
        Task::Classification
    );
}
