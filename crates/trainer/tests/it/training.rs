use domain::datasets::ColumnType;
use domain::models::Task;
use domain::training_runs::{LogLevel, Stage};
use model::{Predictor, check_row};
use proptest::prelude::*;
use serde_json::json;
use trainer::TrainEvent;

use crate::{algorithms, california_housing, csv, spec, spec_of};

/// `y = 3 a - 2 b + 10 * (c is "x") + 5`, with a second category and noise-free.
pub(crate) fn exact(rows: u32) -> impl Iterator<Item = String> {
    (0..rows).map(|index| {
        let (a, b) = (f64::from(index % 17), f64::from(index * 7 % 23));
        let c = if index % 3 == 0 { "x" } else { "w" };
        let y = 3.0 * a - 2.0 * b + if c == "x" { 10.0 } else { 0.0 } + 5.0;
        format!("{a},{b},{c},{y}")
    })
}

#[test]
fn a_rule_without_noise_is_found_exactly() {
    let trained = csv("a,b,c,y", exact(200)).train(&spec("y")).unwrap();
    assert!((trained.metrics["r2"] - 1.0).abs() < 1e-12);
    assert!(trained.metrics["rmse"] < 1e-9);
    assert_eq!(
        (trained.metrics["train_rows"], trained.metrics["test_rows"]),
        (160.0, 40.0)
    );
    let value = |feature: &str| {
        trained
            .evaluation
            .coefficients
            .iter()
            .find(|coefficient| coefficient.feature == feature)
            .unwrap()
            .value
    };
    assert!((value("a") - 3.0).abs() < 1e-9);
    assert!((value("b") + 2.0).abs() < 1e-9);
    assert!((value("c = x") - 10.0).abs() < 1e-9);

    let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
    let inputs = json!({"a": 1.5, "b": 2, "c": "x"});
    assert!(
        check_row(&predictor, None, inputs.as_object().unwrap()).is_err(),
        "a holds whole numbers"
    );
    let inputs = json!({"a": 4, "b": 2, "c": "x"});
    let row = check_row(&predictor, None, inputs.as_object().unwrap()).unwrap();
    assert!((predictor.number(&row).unwrap() - 23.0).abs() < 1e-9);
}

#[test]
fn the_same_run_gives_the_same_bytes_and_another_seed_others() {
    let file = california_housing();
    let first = file.train(&spec("median_house_value")).unwrap();
    assert_eq!(first, file.train(&spec("median_house_value")).unwrap());
    let mut other = spec("median_house_value");
    other.split.seed = 43;
    assert_ne!(first.artifact, file.train(&other).unwrap().artifact);
}

#[test]
fn a_signature_says_what_the_table_held() {
    let trained = california_housing()
        .train(&spec("median_house_value"))
        .unwrap();
    let inputs = &trained.signature.inputs;
    assert_eq!(inputs.len(), 9);
    let input = |name: &str| inputs.iter().find(|input| input.name == name).unwrap();

    let bedrooms = input("total_bedrooms");
    assert_eq!(
        (bedrooms.kind, bedrooms.nullable),
        (ColumnType::Float, true)
    );
    assert!(bedrooms.impute.as_ref().unwrap().starts_with("median "));
    assert_eq!(bedrooms.example, Some(json!(129.0)));
    let income = input("median_income");
    assert_eq!((income.nullable, income.impute.as_ref()), (false, None));
    assert_eq!((income.min, income.max), (Some(0.4999), Some(15.0001)));
    let ocean = input("ocean_proximity");
    assert_eq!(ocean.kind, ColumnType::String);
    assert_eq!(
        ocean.categories.as_ref().unwrap()[..],
        ["<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN"]
    );
    assert_eq!(trained.signature.output.name, "median_house_value");

    let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
    let sample = check_row(&predictor, None, &trained.signature.sample_row()).unwrap();
    assert!((300_000.0..500_000.0).contains(&predictor.number(&sample).unwrap()));
}

#[test]
fn an_evaluation_fits_its_charts() {
    let trained = california_housing()
        .train(&spec("median_house_value"))
        .unwrap();
    let evaluation = &trained.evaluation;
    assert_eq!(evaluation.points.len(), 500);
    assert_eq!(
        evaluation
            .residuals
            .iter()
            .map(|bar| bar.count)
            .sum::<u64>(),
        4_128
    );
    assert!(
        evaluation
            .coefficients
            .is_sorted_by(|a, b| a.standardized.abs() >= b.standardized.abs())
    );
    assert_eq!(trained.metrics["features"], 12.0);
}

#[test]
fn progress_grows_and_the_log_tells_the_story() {
    let (result, events) = california_housing().train_with_events(&spec("median_house_value"));
    result.unwrap();
    let mut last = (Stage::Prepare, 0.0);
    let mut stages = Vec::new();
    let mut log = String::new();
    for event in events {
        match event {
            TrainEvent::Progress(progress) => {
                assert!(
                    progress.stage >= last.0
                        && progress.fraction >= last.1
                        && progress.fraction <= 1.0
                );
                last = (progress.stage, progress.fraction);
                stages.push(progress.stage);
            }
            TrainEvent::Log { level, message } => {
                assert_eq!(level, LogLevel::Info, "{message}");
                log.push_str(&message);
                log.push('\n');
            }
        }
    }
    stages.dedup();
    assert_eq!(stages, Stage::ALL);
    assert_eq!(last, (Stage::Package, 1.0));
    assert!(log.contains("read 20640 rows, 9 feature columns"), "{log}");
    assert!(
        log.contains("16512 rows to train on, 4128 held out"),
        "{log}"
    );
    assert!(log.contains("R2 0.6414"), "{log}");
}

#[test]
fn useless_columns_are_dropped_and_reported() {
    let rows = (0..120).map(|index| {
        let (a, b) = (index % 17, index * 7 % 23);
        format!(
            "{a},{b},{},id-{index},7,,{},{}",
            2 * a + b,
            if index % 2 == 0 { "true" } else { "false" },
            3 * a - b + index % 2
        )
    });
    let (trained, events) = csv("a,b,sum,id,same,none,flag,y", rows).train_with_events(&spec("y"));
    let trained = trained.unwrap();
    let dropped: Vec<_> = trained
        .evaluation
        .dropped
        .iter()
        .map(|dropped| (dropped.column.as_str(), dropped.reason.as_str()))
        .collect();
    assert_eq!(
        dropped,
        [
            (
                "id",
                "id-like: (nearly) every row has another value: 120 different values in 120 rows; leave the column out of features, or \
                 make columns of few values of it before you upload the table"
            ),
            ("same", "constant: every training row has 7"),
            ("none", "all missing: no training row has a value"),
            ("sum", "collinear with a, b"),
        ]
    );
    let names: Vec<_> = trained
        .signature
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "flag"]);
    assert_eq!(trained.signature.inputs[2].kind, ColumnType::Boolean);
    assert!(trained.metrics["rmse"] < 1e-9);
    let warned = events
        .iter()
        .filter(|event| {
            matches!(
                event,
                TrainEvent::Log {
                    level: LogLevel::Warn,
                    ..
                }
            )
        })
        .count();
    assert_eq!(warned, 4);
}

#[test]
fn only_the_chosen_features_are_taken() {
    let mut spec = spec("median_house_value");
    spec.features = Some(vec!["median_income".to_owned(), "latitude".to_owned()]);
    let trained = california_housing().train(&spec).unwrap();
    let names: Vec<_> = trained
        .signature
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["latitude", "median_income"]);
}

#[test]
fn rows_without_a_target_are_left_out_and_told() {
    let rows = (0..100).map(|index| {
        if index % 4 == 0 {
            format!("{index},")
        } else {
            format!("{index},{}", index * 2)
        }
    });
    let (trained, events) = csv("a,y", rows).train_with_events(&spec("y"));
    let trained = trained.unwrap();
    assert_eq!(
        trained.metrics["train_rows"] + trained.metrics["test_rows"],
        75.0
    );
    assert!(trained.test_rows.iter().all(|row| row % 4 != 0));
    assert!(events.iter().any(|event| matches!(event, TrainEvent::Log { level: LogLevel::Warn, message } if message.starts_with("left out 25 rows"))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the table: a model whose every promise holds, or a reason.
    #[test]
    fn any_table_trains_or_says_why_not(
        rows in proptest::collection::vec(
            (
                prop_oneof![8 => (-1e6..1e6f64).prop_map(|x| x.to_string()), 1 => Just(String::new()), 1 => Just("0".to_owned())],
                prop_oneof![4 => "[abc]", 1 => "[a-z]{3}", 1 => Just("NA".to_owned())],
                prop_oneof![Just("true"), Just("FALSE"), Just("")],
                prop_oneof![9 => (-1000..1000i32).prop_map(|x| x.to_string()), 1 => Just(String::new())],
            ),
            1..120,
        ),
        seed in any::<u64>(),
        algorithm in proptest::sample::select(algorithms(Task::Regression)),
    ) {
        let file = csv("number,text,flag,y", rows.iter().map(|(number, text, flag, y)| format!("{number},{text},{flag},{y}")));
        let mut spec = spec_of(algorithm, "y", json!({}));
        spec.split.seed = seed;
        match file.train(&spec) {
            Ok(trained) => {
                // A missing value goes its own way there.
                let is_trees = !trained.evaluation.importances.is_empty();
                prop_assert!(trained.metrics.values().all(|value| value.is_finite()));
                let predictor = Predictor::new(&model::decode(&trained.artifact).unwrap());
                let sample = trained.signature.sample_row();
                let row = check_row(&predictor, None, &sample);
                prop_assert!(row.is_ok(), "{:?} for {:?}", row, sample);
                prop_assert!(predictor.number(&row.unwrap()).unwrap().is_finite());
                // Null is taken exactly where the signature says so.
                for input in &trained.signature.inputs {
                    let mut gap = sample.clone();
                    gap.insert(input.name.clone(), serde_json::Value::Null);
                    prop_assert_eq!(check_row(&predictor, None, &gap).is_ok(), input.nullable);
                    let imputes = input.nullable && !is_trees;
                    prop_assert_eq!(input.impute.is_some(), imputes);
                }
            }
            Err(error) => prop_assert!(!error.fix.is_empty() && error.code != "internal", "{:?}", error),
        }
    }
}
