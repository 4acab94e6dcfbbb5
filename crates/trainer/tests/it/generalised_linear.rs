//! Models of the prediction's logarithm. What scikit-learn says of two of the runs, `tests/sklearn/generalised_linear.py` wrote down.

use std::collections::BTreeMap;

use domain::predictions::Scale;
use domain::training_runs::Algorithm;
use model::{Body, Predictor, decode};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::sklearn::{coefficients, predictions, requests};
use crate::{TestFile, california_housing, csv, spec_of, titanic};

const ALL: [Algorithm; 3] = [Algorithm::Poisson, Algorithm::Gamma, Algorithm::Tweedie];

#[derive(Deserialize)]
struct Expected {
    intercept: f64,
    coefficients: BTreeMap<String, f64>,
    /// Every so many of the held-out rows.
    predictions: Vec<f64>,
    predictions_sum: f64,
}

fn close(what: &str, ours: f64, theirs: f64) {
    let size = ours.abs().max(theirs.abs()).max(1e-3);
    let error = (ours - theirs).abs() / size;
    assert!(
        error <= 1e-6,
        "{what}: {ours} and {theirs} differ by {error:e}"
    );
}

/// The same split as the other runs of `tests/sklearn`.
fn as_scikit_learn(case: &str, file: &TestFile, target: &str, test_fraction: f64, seed: u64) {
    let text = include_str!("../sklearn/generalised_linear.json");
    let mut all: BTreeMap<String, BTreeMap<String, Expected>> = serde_json::from_str(text).unwrap();
    let expected = all.remove(case).unwrap();
    for (algorithm, expected) in expected {
        let algorithm = Algorithm::named(&algorithm).unwrap();
        let mut spec = spec_of(algorithm, target, json!({}));
        spec.split.test_fraction = test_fraction;
        spec.split.seed = seed;
        let trained = file.train(&spec).unwrap();
        let name = algorithm.as_str();
        let predicted = predictions(file, &trained);
        let step = (predicted.len() / 100).max(1);
        let sampled: Vec<f64> = predicted.iter().copied().step_by(step).collect();
        assert_eq!(sampled.len(), expected.predictions.len());
        for (ours, theirs) in sampled.iter().zip(&expected.predictions) {
            close(&format!("a prediction of {name}"), *ours, *theirs);
        }
        close(
            &format!("the sum of {name}"),
            predicted.iter().sum(),
            expected.predictions_sum,
        );
        let intercept = trained.evaluation.intercept;
        close(
            &format!("the intercept of {name}"),
            intercept,
            expected.intercept,
        );
        let ours = coefficients(&trained);
        for (feature, theirs) in &expected.coefficients {
            close(&format!("{feature} of {name}"), ours[feature], *theirs);
        }
    }
}

#[test]
fn house_values_are_as_scikit_learn_has_them() {
    let file = california_housing();
    as_scikit_learn("california_housing", &file, "median_house_value", 0.2, 42);
}

#[test]
fn fares_with_gaps_and_collinear_columns_are_as_scikit_learn_has_them() {
    as_scikit_learn("titanic", &titanic(), "Fare", 0.25, 7);
}

#[test]
fn factors_are_found_whatever_the_unit() {
    for unit in [1e-6, 1.0, 1e9] {
        let rows = (0..400_u32).map(|row| {
            let (a, b) = (f64::from(row % 17) / 4.0, f64::from(row * 7 % 23) / 9.0);
            let c = if row % 3 == 0 { "x" } else { "w" };
            let factor = if row % 3 == 0 { 3.0 } else { 1.0 };
            let y = unit * factor * (0.5 * a - 0.8 * b + 1.0).exp();
            format!("{a},{b},{c},{y:?}")
        });
        let file = csv("a,b,c,y", rows);
        for algorithm in ALL {
            let trained = file
                .train(&spec_of(algorithm, "y", json!({"penalty": 1e-6})))
                .unwrap();
            assert!(trained.metrics["r2"] > 0.999_9, "{algorithm:?} {unit}");
            let of = |feature: &str| {
                let mut all = trained.evaluation.coefficients.iter();
                all.find(|found| found.feature == feature).unwrap().value
            };
            assert!((of("a") - 0.5).abs() < 1e-3, "{}", of("a"));
            assert!((of("b") + 0.8).abs() < 1e-3, "{}", of("b"));
            assert!((of("c = x") - 3.0_f64.ln()).abs() < 1e-3);
            let artifact = decode(&trained.artifact).unwrap();
            assert!(matches!(artifact.body, Body::Exponential(_)));
            assert_eq!(Predictor::new(&artifact).scale(), Scale::LogPrediction);
        }
    }
}

#[test]
fn a_target_out_of_range_is_named_with_its_row() {
    let table = |odd: &str| {
        let y = |row: u32| match row {
            41 => odd.to_owned(),
            _ => (1 + row % 5).to_string(),
        };
        csv("a,y", (0..90).map(|row| format!("{row},{}", y(row))))
    };
    for (algorithm, odd, range) in [
        (Algorithm::Poisson, "-3", "from 0 up"),
        (Algorithm::Tweedie, "-0.5", "from 0 up"),
        (Algorithm::Gamma, "-1", "above 0"),
        (Algorithm::Gamma, "0", "above 0"),
    ] {
        let spec = spec_of(algorithm, "y", json!({}));
        let error = table(odd).train(&spec).unwrap_err();
        assert_eq!(error.code, "invalid_target");
        let told = format!("the target is {odd} in row 42: {}", algorithm.as_str());
        assert!(error.message.starts_with(&told), "{error:?}");
        assert!(error.message.ends_with(range), "{error:?}");
        assert!(error.fix.contains("another algorithm"));
        table("7").train(&spec).unwrap();
    }
    for algorithm in [Algorithm::Poisson, Algorithm::Tweedie] {
        let spec = spec_of(algorithm, "y", json!({}));
        table("0").train(&spec).unwrap();
    }
}

#[test]
fn a_value_far_from_all_others_is_no_trouble() {
    let place = trainer::split(500, 0.2, 42).train[200];
    let rows = (0..500_u32).map(|row| {
        let a = if row == place {
            1e7
        } else {
            f64::from(row % 23)
        };
        format!("{a},{},{}", row % 7, (row % 23) * (row % 7) + row % 2)
    });
    let file = csv("a,b,y", rows);
    for algorithm in [Algorithm::Poisson, Algorithm::Tweedie] {
        let trained = file.train(&spec_of(algorithm, "y", json!({}))).unwrap();
        assert!(trained.metrics["r2"] > 0.2, "{:?}", trained.metrics);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Where the cost is least, what counts are predicted of the training rows adds up to what they are: the intercept bears no
    /// penalty. Of a gamma distribution the actual values are the predicted ones on average, as shares of these.
    #[test]
    fn training_rows_are_predicted_right_on_average(
        rows in proptest::collection::vec((-10.0..10.0f64, prop_oneof![Just("x"), Just("w"), Just("")], 1..400_u32), 30..150),
        penalty in 1e-6..1.0f64,
    ) {
        let file = csv("a,c,y", rows.iter().map(|(a, c, y)| format!("{a:?},{c},{y}")));
        for algorithm in [Algorithm::Poisson, Algorithm::Gamma] {
            let trained = match file.train(&spec_of(algorithm, "y", json!({"penalty": penalty}))) {
                Ok(trained) => trained,
                Err(error) => {
                    prop_assert!(error.code != "internal", "{error:?}");
                    continue;
                }
            };
            let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
            let learned = requests(&file, &trained).into_iter().zip(&rows).enumerate();
            let learned = learned.filter(|(row, _)| !trained.test_rows.contains(&(*row as u32)));
            let pairs: Vec<(f64, f64)> = learned
                .map(|(_, (request, row))| {
                    let values = model::check_row(&predictor, None, &request).unwrap();
                    (f64::from(row.2), predictor.number(&values).unwrap())
                })
                .collect();
            prop_assert!(pairs.iter().all(|(_, predicted)| *predicted > 0.0));
            let count = pairs.len() as f64;
            let (left, right): (f64, f64) = match algorithm {
                Algorithm::Poisson => (pairs.iter().map(|pair| pair.0).sum(), pairs.iter().map(|pair| pair.1).sum()),
                _ => (count, pairs.iter().map(|(actual, predicted)| actual / predicted).sum()),
            };
            prop_assert!((left - right).abs() < 1e-7 * left, "{algorithm:?}: {left} {right}");
        }
    }
}
