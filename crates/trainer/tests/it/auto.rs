//! `auto`: which algorithm it takes, and what it tells of the others.

use domain::training_runs::{Algorithm, LogLevel, Stage};
use serde_json::json;
use trainer::{TrainEvent, Trained};

use crate::{TestFile, csv, spec_of, titanic};

/// 600 rows of a target that `y` makes of two columns.
fn table(y: impl Fn(f64, f64) -> f64) -> TestFile {
    let rows = (0..600_u32).map(|row| {
        let (a, b) = (
            f64::from(row * 7919 % 600) / 100.0,
            f64::from(row * 104_729 % 601) / 100.0,
        );
        // Something that nothing explains.
        let noise = f64::from(row * 31 % 17) / 17.0 - 0.5;
        format!("{a},{b},{}", y(a, b) + 0.2 * noise)
    });
    csv("a,b,y", rows)
}

fn train(file: &TestFile, target: &str) -> Trained {
    file.train(&spec_of(Algorithm::Auto, target, json!({})))
        .unwrap()
}

#[test]
fn the_best_on_rows_that_were_held_out_from_it_is_taken() {
    let bent = train(&table(|a, b| (a * b).sin() * 10.0 + a * a), "y");
    assert_eq!(bent.algorithm, Algorithm::GradientBoosting);
    let straight = train(&table(|a, b| 3.0 * a - 2.0 * b), "y");
    assert!(
        !matches!(
            straight.algorithm,
            Algorithm::GradientBoosting | Algorithm::Auto
        ),
        "{:?}",
        straight.evaluation.candidates
    );
    for trained in [bent, straight] {
        let artifact = model::decode(&trained.artifact).unwrap();
        assert_eq!(artifact.algorithm, trained.algorithm.as_str());
        let candidates = &trained.evaluation.candidates;
        assert_eq!(candidates.len(), 5);
        assert_eq!(candidates[0].algorithm, trained.algorithm);
        assert_eq!(candidates[0].params, trained.params);
        let folds: Vec<u32> = candidates.iter().map(|tried| tried.folds).collect();
        assert_eq!(folds, [3, 3, 2, 1, 1]);
        for tried in candidates {
            let rmse = tried.estimate.unwrap();
            assert!(rmse.low <= rmse.value && rmse.value <= rmse.high);
            assert!(tried.fit_seconds > 0.0 && tried.predict_micros > 0.0);
            assert_eq!(tried.problem, None);
        }
        let among_the_last = |place: usize| candidates[place].estimate.unwrap().value;
        assert!(among_the_last(0) <= among_the_last(1));
    }
}

#[test]
fn the_same_run_takes_the_same_and_makes_the_same_bytes() {
    let file = titanic();
    let (one, other) = (train(&file, "Fare"), train(&file, "Fare"));
    assert_eq!((one.algorithm, one.params), (other.algorithm, other.params));
    assert_eq!(one.artifact, other.artifact);
    assert_eq!(one.metrics, other.metrics);
}

#[test]
fn every_trial_is_told_and_the_bar_never_goes_back() {
    let spec = spec_of(Algorithm::Auto, "y", json!({}));
    let (trained, events) = table(|a, b| a * b).train_with_events(&spec);
    let mut last = (Stage::Prepare, 0.0);
    let mut tried = Vec::new();
    for event in events {
        match event {
            TrainEvent::Progress(progress) => {
                assert!(progress.stage >= last.0 && progress.fraction >= last.1);
                last = (progress.stage, progress.fraction);
            }
            TrainEvent::Log { level, message } if message.starts_with("fold ") => {
                assert_eq!(level, LogLevel::Info, "{message}");
                tried.push(message);
            }
            TrainEvent::Log { .. } => {}
        }
    }
    assert_eq!(last, (Stage::Package, 1.0));
    // Five, then three, then two.
    assert_eq!(tried.len(), 10);
    assert!(tried[0].starts_with("fold 1 of 3: linear_regression has RMSE "));
    assert!(tried[9].starts_with("fold 3 of 3: "));
    let best = trained.unwrap();
    assert!(
        tried[8..]
            .iter()
            .any(|line| line.contains(best.algorithm.as_str()))
    );
}

#[test]
fn an_algorithm_that_can_not_learn_from_so_few_rows_leaves_it_to_the_others() {
    let rows = (0..12_u32).map(|row| {
        let columns = (1..9).map(|column| (row * column * 37 % 23).to_string());
        format!("{},{row}", columns.collect::<Vec<_>>().join(","))
    });
    let trained = train(&csv("a,b,c,d,e,f,g,h,y", rows), "y");
    assert_ne!(trained.algorithm, Algorithm::LinearRegression);
    let candidates = &trained.evaluation.candidates;
    let failed = candidates
        .iter()
        .find(|tried| tried.algorithm == Algorithm::LinearRegression)
        .unwrap();
    assert_eq!((failed.folds, failed.estimate), (0, None));
    let problem = failed.problem.as_deref().unwrap();
    assert!(problem.contains("too few"), "{problem}");
}

#[test]
fn a_row_far_beyond_the_others_is_no_reason_to_take_a_model_that_fails_on_it() {
    let place = trainer::split(120, 0.2, 42).train[3];
    for far in ["1e200", "1e90"] {
        let rows = (0..120_u32).map(|row| {
            let a = if row == place {
                far.to_owned()
            } else {
                (row * 37 % 101).to_string()
            };
            format!("{a},{},{}", row * 53 % 97, row * 53 % 97 + row % 3)
        });
        let trained = train(&csv("a,b,y", rows), "y");
        for tried in &trained.evaluation.candidates {
            let finite = |rmse: domain::models::Estimate| {
                rmse.value.is_finite() && rmse.low.is_finite() && rmse.high.is_finite()
            };
            assert!(tried.estimate.is_none_or(finite), "{tried:?}");
        }
        let best = &trained.evaluation.candidates[0];
        assert_eq!(best.problem, None);
        assert!(best.estimate.unwrap().value > 0.0, "{best:?}");
    }
}
