//! A model that was just trained, beside another one, on the rows that were held out of its training.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::datasets::ColumnType;
use domain::models::{GivenSignature, Metric, Task};
use domain::retraining::{Compared, Comparison};
use domain::training_runs::{Algorithm, SplitMethod, TrainingSpec};
use serde_json::json;
use tempfile::NamedTempFile;
use trainer::{Rival, Trained, compare, import};

use crate::{TestFile, california_housing, csv, spec, titanic};

struct Beside {
    artifact: NamedTempFile,
}

impl Beside {
    fn of(artifact: &[u8]) -> Self {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), artifact).unwrap();
        Self { artifact: file }
    }

    fn compare(&self, file: &TestFile, trained: &Trained) -> Comparison {
        let profile = file.profile().unwrap();
        let rival = Rival {
            artifact: self.artifact.path().to_owned(),
            types: profile.columns.iter().map(|column| column.kind).collect(),
        };
        let until = Instant::now() + Duration::from_mins(1);
        compare(&file.path(), file.format, &rival, trained, until)
    }

    fn compared(&self, file: &TestFile, trained: &Trained) -> Compared {
        match self.compare(file, trained) {
            Comparison::Compared(compared) => compared,
            Comparison::NotComparable { reason } => panic!("{reason}"),
        }
    }

    fn refused(&self, file: &TestFile, trained: &Trained) -> String {
        match self.compare(file, trained) {
            Comparison::Compared(compared) => panic!("{compared:?}"),
            Comparison::NotComparable { reason } => reason,
        }
    }
}

fn of_features(target: &str, features: &[&str]) -> TrainingSpec {
    TrainingSpec {
        features: Some(features.iter().map(|name| (*name).to_owned()).collect()),
        ..spec(target)
    }
}

#[test]
fn the_same_model_twice_makes_no_difference_and_has_the_metric_of_its_run() {
    let file = california_housing();
    let trained = file.train(&spec("median_house_value")).unwrap();
    let found = Beside::of(&trained.artifact).compared(&file, &trained);
    assert_eq!(found.metric, Metric::Rmse);
    assert_eq!((found.rows, found.refused), (4128, 0));
    assert_eq!(
        (found.challenger, found.difference.value),
        (found.live, 0.0)
    );
    assert_eq!((found.difference.low, found.difference.high), (0.0, 0.0));
    let of_run = trained.metrics["rmse"];
    assert!(
        (found.challenger - of_run).abs() < 1e-6 * of_run,
        "{found:?}"
    );
}

#[test]
fn more_columns_do_better_than_fewer_on_the_same_rows() {
    let file = california_housing();
    let poor = file
        .train(&of_features("median_house_value", &["median_income"]))
        .unwrap();
    let rich = file.train(&spec("median_house_value")).unwrap();
    let found = Beside::of(&poor.artifact).compared(&file, &rich);
    assert!(found.difference.high < 0.0, "{found:?}");
    let back = Beside::of(&rich.artifact).compared(&file, &poor);
    assert!(back.difference.low > 0.0);
    assert_eq!((found.challenger, found.live), (back.live, back.challenger));
    assert!((found.difference.value + back.difference.value).abs() < 1e-6);
}

#[test]
fn classes_are_compared_by_their_log_loss() {
    let file = titanic();
    let classification = |features: &[&str]| TrainingSpec {
        task: Some(Task::Classification),
        algorithm: Algorithm::LogisticRegression,
        split: domain::training_runs::Split {
            method: Some(SplitMethod::Stratified),
            ..Default::default()
        },
        ..of_features("Survived", features)
    };
    let poor = file.train(&classification(&["Fare"])).unwrap();
    let rich = file
        .train(&classification(&["Fare", "Sex", "Pclass", "Age"]))
        .unwrap();
    let found = Beside::of(&poor.artifact).compared(&file, &rich);
    assert_eq!(found.metric, Metric::LogLoss);
    assert!(found.difference.high < 0.0, "{found:?}");
    let of_run = rich.metrics["log_loss"];
    assert!(
        (found.challenger - of_run).abs() < 1e-9,
        "{found:?} {of_run}"
    );
    let amounts = file.train(&spec("Fare")).unwrap();
    assert_eq!(
        Beside::of(&amounts.artifact).refused(&file, &rich),
        "it is a regression, and the new version a classification"
    );
}

#[test]
fn an_imported_model_is_asked_like_any_other() {
    let fixture =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/fixtures/housing_ridge.onnx");
    let given: GivenSignature = serde_json::from_value(json!({})).unwrap();
    let imported = import(&fixture, &given).unwrap();
    let file = california_housing();
    let trained = file.train(&spec("median_house_value")).unwrap();
    let found = Beside::of(&imported.artifact).compared(&file, &trained);
    assert!(found.rows > 4000, "{found:?}");
    assert!(found.live.is_finite() && found.live > 0.0);
}

#[test]
fn what_can_not_be_compared_says_why() {
    let rows = |target: &str, columns: &str| {
        csv(
            &format!("{columns},{target}"),
            (0..200).map(|i| format!("{},{},{}", i % 17, i % 5, 3 * (i % 17) + i % 5)),
        )
    };
    let file = rows("y", "a,b");
    let trained = file.train(&spec("y")).unwrap();
    let elsewhere = rows("y", "a,c");
    let other = elsewhere.train(&spec("y")).unwrap();
    let reason = Beside::of(&other.artifact).refused(&file, &trained);
    assert!(reason.contains("no column \"c\""), "{reason}");
    let other = file.train(&spec("b")).unwrap();
    let reason = Beside::of(&other.artifact).refused(&file, &trained);
    assert_eq!(reason, "it predicts \"b\", and the new version \"y\"");
    let reason = Beside::of(b"nothing").refused(&file, &trained);
    assert!(reason.starts_with("its file can not be used"), "{reason}");
    let beside = Beside::of(&trained.artifact);
    let late = Rival {
        artifact: beside.artifact.path().to_owned(),
        types: vec![ColumnType::Integer; 3],
    };
    let found = compare(&file.path(), file.format, &late, &trained, Instant::now());
    let Comparison::NotComparable { reason } = found else {
        panic!("{found:?}")
    };
    assert!(reason.contains("time ended"), "{reason}");
}

/// What one of the two refuses counts for neither.
#[test]
fn rows_that_a_model_refuses_are_counted_apart() {
    let whole = csv(
        "a,b,y",
        (0..200).map(|i| format!("{},{},{}", i % 17, i % 5, 3 * (i % 17) + i % 5)),
    );
    let strict = whole.train(&spec("y")).unwrap();
    let gaps = csv(
        "a,b,y",
        (0..200).map(|i| {
            let b = if i % 4 == 0 {
                String::new()
            } else {
                (i % 5).to_string()
            };
            format!("{},{b},{}", i % 17, 3 * (i % 17) + i % 5)
        }),
    );
    let trained = gaps.train(&spec("y")).unwrap();
    let found = Beside::of(&strict.artifact).compared(&gaps, &trained);
    assert_eq!(found.rows + found.refused, 40);
    assert!(found.refused > 0, "{found:?}");
}
