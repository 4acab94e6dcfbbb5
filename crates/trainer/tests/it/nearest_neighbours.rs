//! Models that remember their rows: how good they are, and which tables they are not for.

use domain::models::Task;
use domain::training_runs::Algorithm;
use model::{Body, Predictor, check_row};
use serde_json::{Value, json};
use trainer::Trained;

use crate::{TestFile, california_housing, csv, spec_of, titanic};

fn spec(target: &str, params: Value) -> domain::training_runs::TrainingSpec {
    let mut spec = spec_of(Algorithm::KNearestNeighbors, target, params);
    spec.split.seed = 0;
    spec
}

fn predict(trained: &Trained, row: &Value) -> Vec<f64> {
    let artifact = model::decode(&trained.artifact).unwrap();
    let predictor = Predictor::new(&artifact);
    let row = check_row(&predictor, None, row.as_object().unwrap()).unwrap();
    let mut out = vec![0.0; predictor.width()];
    predictor.predict(&row, &mut out).unwrap();
    out
}

/// The figures of `docs/reference/algorithms.md`.
#[test]
fn neighbours_know_house_values_and_survivors() {
    let housing = california_housing();
    for (params, r2) in [
        (json!({}), 0.65),
        (json!({"neighbors": 10, "weights": "distance"}), 0.68),
    ] {
        let trained = housing.train(&spec("median_house_value", params)).unwrap();
        assert!(trained.metrics["r2"] > r2, "{:?}", trained.metrics);
    }
    let mut spec = spec("Survived", json!({"neighbors": 15}));
    spec.task = Some(Task::Classification);
    let trained = titanic().train(&spec).unwrap();
    assert!(trained.metrics["accuracy"] > 0.7, "{:?}", trained.metrics);
    let artifact = model::decode(&trained.artifact).unwrap();
    assert!(matches!(artifact.body, Body::Neighbours(_)));
    assert!(artifact.background.is_none());
}

/// Every third row is of another place, which says it all.
fn places() -> TestFile {
    let row = |i: u32| {
        let place = ["hill", "shore", "town"][i as usize % 3];
        format!("{place},{},{}", i % 10, i % 3 * 100 + i % 10)
    };
    csv("place,size,price", (0..300).map(row))
}

#[test]
fn the_same_row_alone_counts_where_distances_do() {
    let params = json!({"neighbors": 30, "weights": "distance"});
    let trained = places().train(&spec("price", params)).unwrap();
    for (place, base) in [("hill", 0.0), ("shore", 100.0), ("town", 200.0)] {
        let [found] = predict(&trained, &json!({"place": place, "size": 4}))[..] else {
            panic!("a number");
        };
        assert!((found - base - 4.0).abs() < 1e-9, "{place}: {found}");
    }
}

#[test]
fn tables_that_are_too_large_or_too_small_are_refused_with_the_number() {
    let row = |i: u32| {
        let values = (0..2_000).map(|column| (i * 7 + column * 13 + i * column) % 9);
        let values = values.map(|value| value.to_string()).collect::<Vec<_>>();
        values.join(",")
    };
    let names = (0..2_000).map(|column| format!("x{column}"));
    let header = names.collect::<Vec<_>>().join(",");
    let wide = csv(&header, (0..3_000).map(row));
    let refused = wide.train(&spec("x0", json!({}))).unwrap_err();
    assert_eq!(refused.code, "too_large");
    assert!(refused.message.contains("at most 4000000"), "{refused:?}");

    let few = csv("x,y", (0..40).map(|i| format!("{},{}", i % 7, i % 5)));
    let refused = few
        .train(&spec("y", json!({"neighbors": 100})))
        .unwrap_err();
    assert_eq!(refused.code, "invalid_params");
    assert!(refused.message.contains("100 neighbours"), "{refused:?}");
}
