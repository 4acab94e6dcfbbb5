use domain::models::Task;
use domain::training_runs::{Algorithm, SplitMethod, TrainingSpec};
use model::{Body, Density, Link, OTHER, Predictor, Score, Value, decode};
use serde_json::json;
use trainer::Trained;

use crate::{csv, spec_of, titanic};

fn spec(target: &str, params: serde_json::Value) -> TrainingSpec {
    let mut spec = spec_of(Algorithm::NaiveBayes, target, params);
    spec.task = Some(Task::Classification);
    spec.split.method = Some(SplitMethod::Stratified);
    spec
}

fn share(trained: &Trained, row: &[Value]) -> f64 {
    let predictor = Predictor::new(&decode(&trained.artifact).unwrap());
    let mut out = vec![0.0; predictor.width()];
    predictor.predict(row, &mut out).unwrap();
    *out.last().unwrap()
}

/// A column of categories alone, of which the shares are known.
fn one_column() -> Trained {
    // Of "u" 3 in 4 are "yes", of "v" 1 in 4; both have as many rows.
    let rows = (0..800_u32).map(|row| {
        let (category, step) = (row % 2, row / 2 % 4);
        let yes = if category == 0 { step < 3 } else { step < 1 };
        format!(
            "{},{}",
            ["u", "v"][category as usize],
            if yes { "yes" } else { "no" }
        )
    });
    csv("c,y", rows).train(&spec("y", json!({}))).unwrap()
}

#[test]
fn a_single_column_says_its_shares() {
    let trained = one_column();
    let (u, v) = (
        share(&trained, &[Value::Category(0)]),
        share(&trained, &[Value::Category(1)]),
    );
    assert!((u - 0.75).abs() < 0.03, "{u}");
    assert!((v - 0.25).abs() < 0.03, "{v}");
    // What nobody has seen, and what is missing, says nothing or nearly so.
    let missing = share(&trained, &[Value::Missing]);
    assert!((missing - 0.5).abs() < 1e-9, "{missing}");
    let other = share(&trained, &[Value::Category(OTHER)]);
    assert!((other - 0.5).abs() < 0.05, "{other}");
}

#[test]
fn columns_that_say_the_same_are_not_heard_twice() {
    let once = one_column();
    let artifact = decode(&once.artifact).unwrap();
    let Body::Classifier(classifier) = &artifact.body else {
        panic!("no classifier");
    };
    assert_eq!(
        (classifier.link, classifier.scores.len()),
        (Link::Softmax, 2)
    );
    let Score::Densities(densities) = &classifier.scores[0] else {
        panic!("no densities");
    };
    assert!(matches!(densities.terms[0], Density::Categorical { .. }));

    let rows = (0..800_u32).map(|row| {
        let (category, step) = (row % 2, row / 2 % 4);
        let yes = if category == 0 { step < 3 } else { step < 1 };
        let category = ["u", "v"][category as usize];
        format!(
            "{category},{category}{category},x{category},{}",
            if yes { "yes" } else { "no" }
        )
    });
    let thrice = csv("c,d,e,y", rows).train(&spec("y", json!({}))).unwrap();
    let said = share(&thrice, &[Value::Category(0); 3]);
    assert!((said - 0.75).abs() < 0.03, "{said}");
    assert!((thrice.metrics["log_loss"] - once.metrics["log_loss"]).abs() < 0.01);
}

#[test]
fn numbers_are_told_by_their_range() {
    // Two classes that no line parts: one in the middle, one on both sides of it.
    let rows = (0..900_u32).map(|row| {
        let x = f64::from(row * 7919 % 900) / 100.0;
        format!(
            "{x},{}",
            if (3.0..6.0).contains(&x) {
                "middle"
            } else {
                "sides"
            }
        )
    });
    let trained = csv("x,y", rows).train(&spec("y", json!({}))).unwrap();
    assert!(trained.metrics["accuracy"] > 0.95, "{:?}", trained.metrics);
    let of = |x: f64| share(&trained, &[Value::Number(x)]);
    assert!(of(1.0) > 0.9 && of(4.5) < 0.1 && of(8.0) > 0.9);
    // As far out as one goes, it is what the last range says.
    assert!((of(1e300) - of(8.99)).abs() < 1e-12 && (of(-1e300) - of(0.0)).abs() < 1e-12);
}

#[test]
fn smoothing_draws_categories_together() {
    let of = |smoothing: f64| {
        let mut spec = spec("Survived", json!({"smoothing": smoothing}));
        spec.features = Some(vec!["Sex".to_owned()]);
        let trained = titanic().train(&spec).unwrap();
        let (women, men) = (
            share(&trained, &[Value::Category(0)]),
            share(&trained, &[Value::Category(1)]),
        );
        assert!(women > men);
        trained
    };
    let (little, much) = (of(0.001), of(1_000.0));
    assert!(little.metrics["log_loss"] <= much.metrics["log_loss"] + 1e-3);
    assert!(little.evaluation.coefficients.is_empty() && little.evaluation.importances.is_empty());
}
