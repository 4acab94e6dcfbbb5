//! What a trained model says of its inputs: of each for one row, and of each over the held-out rows.

use domain::models::{Metric, Permutation, Task};
use domain::predictions::Scale;
use domain::training_runs::Algorithm;
use model::{Explanation, Predictor, Value, decode};
use serde_json::json;

use crate::{TestFile, algorithms, spec_of, titanic};

/// `price` depends on `size` most and on `city` a little; `noise` says nothing. Some sizes are missing.
fn flats() -> TestFile {
    let rows = (0..600_u32).map(|i| {
        let (size, city) = (20 + i * 7 % 61, i % 3);
        let price = 10 * size + 40 * city + i * i % 11;
        let size = if i.is_multiple_of(29) {
            String::new()
        } else {
            size.to_string()
        };
        let city = ["Bern", "Chur", "Genf"][city as usize];
        format!("{size},{city},{},{price}\n", i * 31 % 17)
    });
    let table: String = std::iter::once("size,city,noise,price\n".to_owned())
        .chain(rows)
        .collect();
    TestFile::csv(table)
}

fn rows(predictor: &Predictor) -> Vec<Vec<Value>> {
    let example = predictor.signature().sample_row();
    let example = model::check_row(predictor, None, &example).unwrap();
    let others = (0..example.len()).map(|slot| {
        let mut row = example.clone();
        row[slot] = match row[slot] {
            Value::Number(number) => Value::Number(number * 1.5 + 1.0),
            _ => Value::Missing,
        };
        row
    });
    std::iter::once(example.clone()).chain(others).collect()
}

/// Of what the algorithm makes, every input has a share.
fn is_explained(algorithm: Algorithm) -> bool {
    algorithm != Algorithm::KNearestNeighbors
}

fn whole(explanation: &Explanation) -> f64 {
    explanation.base + explanation.contributions.iter().sum::<f64>()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn importance(permutation: &Permutation, feature: &str) -> (f64, f64) {
    let mut all = permutation.importances.iter();
    let found = all.find(|importance| importance.feature == feature);
    found.map_or((0.0, 0.0), |found| (found.mean, found.std))
}

#[test]
fn every_regression_is_explained_and_knows_what_it_relies_on() {
    let flats = flats();
    for algorithm in algorithms(Task::Regression)
        .into_iter()
        .filter(|&algorithm| is_explained(algorithm))
    {
        let trained = flats
            .train(&spec_of(algorithm, "price", json!({})))
            .unwrap();
        let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
        for row in rows(&predictor) {
            let predicted = predictor.number(&row).unwrap();
            let explanations = predictor.explain(&row).unwrap();
            assert_eq!(explanations.len(), 1);
            let explained = whole(&explanations[0]);
            match predictor.scale() {
                Scale::Prediction => assert!(
                    close(explained, predicted),
                    "{algorithm:?}: {explained} for {predicted}"
                ),
                Scale::LogPrediction => assert!(
                    close(explained, predicted.ln()),
                    "{algorithm:?}: {explained} for the logarithm of {predicted}"
                ),
                scale => panic!("{algorithm:?}: {scale:?}"),
            }
        }

        let permutation = trained.evaluation.permutation.unwrap();
        assert_eq!(
            (permutation.metric, permutation.rows, permutation.repeats),
            (Metric::Rmse, 120, 5)
        );
        let (size, spread) = importance(&permutation, "size");
        let (city, _) = importance(&permutation, "city");
        let (noise, _) = importance(&permutation, "noise");
        assert!(
            size > 100.0 && spread > 0.0 && spread < size,
            "{permutation:?}"
        );
        assert!(city > 5.0 && city < size / 2.0, "{permutation:?}");
        assert!(noise.abs() < city / 2.0, "{permutation:?}");
        assert_eq!(permutation.importances[0].feature, "size");
    }
}

#[test]
fn every_classifier_is_explained_and_knows_what_it_relies_on() {
    let passengers = titanic();
    for algorithm in algorithms(Task::Classification)
        .into_iter()
        .filter(|&algorithm| is_explained(algorithm))
    {
        let mut spec = spec_of(algorithm, "Survived", json!({}));
        spec.task = Some(Task::Classification);
        spec.features = Some(["Pclass", "Sex", "Age", "Fare"].map(str::to_owned).to_vec());
        let trained = passengers.train(&spec).unwrap();
        let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
        for row in rows(&predictor) {
            let mut predicted = [0.0; 2];
            predictor.predict(&row, &mut predicted).unwrap();
            let explanations = predictor.explain(&row).unwrap();
            let explained: Vec<f64> = explanations.iter().map(whole).collect();
            let expected = match predictor.scale() {
                Scale::LogOdds => (predicted[1] / predicted[0]).ln(),
                Scale::Probability => predicted[1],
                Scale::Score => {
                    let odds = explained[1] - explained[0];
                    assert!(close(odds, (predicted[1] / predicted[0]).ln()));
                    continue;
                }
                scale => panic!("{algorithm:?}: {scale:?}"),
            };
            assert_eq!(
                (explained.len(), predictor.explained_class(0)),
                (1, Some("1"))
            );
            assert!(
                close(explained[0], expected),
                "{algorithm:?}: {explained:?} for {expected}"
            );
        }
        let permutation = trained.evaluation.permutation.unwrap();
        assert_eq!(permutation.metric, Metric::LogLoss);
        assert_eq!(permutation.importances[0].feature, "Sex", "{permutation:?}");
        assert!(permutation.importances[0].mean > 0.05, "{permutation:?}");
    }
}

/// The residuals of least squares are 0 on average, so what the model says of the training rows on average is their mean.
#[test]
fn an_explanation_begins_at_the_mean() {
    let spec = spec_of(
        domain::training_runs::Algorithm::LinearRegression,
        "price",
        json!({}),
    );
    let trained = flats().train(&spec).unwrap();
    let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
    let price = |i: u32| f64::from(10 * (20 + i * 7 % 61) + 40 * (i % 3) + i * i % 11);
    let learned = (0..600).filter(|row| trained.test_rows.binary_search(row).is_err());
    let prices: Vec<f64> = learned.map(price).collect();
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    let base = predictor.explain(&rows(&predictor)[0]).unwrap()[0].base;
    assert!(close(base, mean), "{base} for {mean}");
}
