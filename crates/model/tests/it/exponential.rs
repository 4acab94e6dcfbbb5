//! Models of the prediction's logarithm.

use domain::models::Task;
use domain::predictions::Scale;
use model::{Artifact, Body, PredictError, Predictor, Value, decode, encode};

use crate::{explained, houses};

fn exponential(mut artifact: Artifact) -> Artifact {
    let Body::Linear(mut linear) = artifact.body else {
        panic!("not linear");
    };
    linear.intercept = 0.0;
    artifact.body = Body::Exponential(linear);
    artifact
}

#[test]
fn the_prediction_is_e_to_the_power_of_the_sum() {
    let artifact = exponential(houses());
    let bytes = encode(&artifact).unwrap();
    assert_eq!(bytes[8..10], 6_u16.to_le_bytes());
    let read = decode(&bytes).unwrap();
    assert_eq!(read, artifact);
    let predictor = Predictor::new(&read);
    assert_eq!(predictor.signature().output.task, Task::Regression);
    assert!(!predictor.gains_from_batches());

    let mut linear = houses();
    if let Body::Linear(linear) = &mut linear.body {
        linear.intercept = 0.0;
    }
    let sums = Predictor::new(&linear);
    let row = |area: f64| {
        [
            Value::Number(area),
            Value::Missing,
            Value::Category(1),
            Value::Category(0),
        ]
    };
    let rows = [row(90.0), row(110.5), row(-20.0)];
    let mut together = [0.0; 3];
    let done = predictor.predict_batch(&rows, &mut together);
    assert!(done.iter().all(Result::is_ok));
    for (row, together) in rows.iter().zip(together) {
        let predicted = predictor.number(row).unwrap();
        assert_eq!(
            predicted.to_bits(),
            sums.number(row).unwrap().exp().to_bits()
        );
        assert_eq!(predicted.to_bits(), together.to_bits());
        assert!(predicted > 0.0);
    }
    assert_eq!(predictor.number(&row(1e4)), Err(PredictError::NotFinite));
}

#[test]
fn it_is_explained_as_its_logarithm() {
    let [linear, _] = explained();
    let artifact = exponential(linear);
    let predictor = Predictor::new(&decode(&encode(&artifact).unwrap()).unwrap());
    assert_eq!(predictor.scale(), Scale::LogPrediction);
    let row = [
        Value::Number(91.0),
        Value::Number(2.0),
        Value::Missing,
        Value::Category(1),
    ];
    let explanation = predictor.explain(&row).unwrap().remove(0);
    let sum = explanation.base + explanation.contributions.iter().sum::<f64>();
    let predicted = predictor.number(&row).unwrap();
    assert!((sum.exp() - predicted).abs() < 1e-9 * predicted);
}
