use domain::datasets::ColumnType;
use model::{Artifact, OTHER, PredictError, Predictor, Transform, Value, decode, encode};
use proptest::prelude::*;

use crate::{houses, input};

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

#[test]
fn a_prediction_is_the_sum_of_its_parts() {
    let predictor = Predictor::new(&houses());
    let row = [
        Value::Number(120.0),
        Value::Number(4.0),
        predictor.category(2, "Genf"),
        Predictor::boolean(true),
    ];
    assert!(close(
        predictor.number(&row).unwrap(),
        100.0 + 60.0 - 1.0 + 35.5 + 12.0
    ));
}

#[test]
fn missing_values_are_imputed() {
    let predictor = Predictor::new(&houses());
    let given = predictor.number(&[
        Value::Number(80.0),
        Value::Number(3.0),
        Value::Category(1),
        Value::Category(0),
    ]);
    let missing = predictor.number(&[Value::Missing; 4]);
    assert!(close(given.unwrap(), missing.unwrap()));
}

#[test]
fn unknown_categories_are_other() {
    let predictor = Predictor::new(&houses());
    assert_eq!(predictor.category(2, "Chur"), Value::Category(1));
    assert_eq!(predictor.category(2, "chur"), Value::Category(OTHER));
    let row = |city| {
        [
            Value::Number(90.0),
            Value::Number(3.5),
            city,
            Value::Category(0),
        ]
    };
    assert!(close(
        predictor
            .number(&row(predictor.category(2, "Paris")))
            .unwrap(),
        105.0
    ));
    assert!(close(
        predictor
            .number(&row(predictor.category(2, "Bern")))
            .unwrap(),
        100.0
    ));
}

#[test]
fn many_categories_are_found_as_few_are() {
    let names: Vec<String> = (0..100).map(|index| format!("c{index}")).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let transform = Transform::Categorical {
        impute: 0,
        effects: (0..100).map(f64::from).collect(),
        other: -1.0,
    };
    let predictor = Predictor::new(&Artifact::linear(
        "y",
        0.0,
        vec![(
            input("c", ColumnType::String, false, Some(&borrowed)),
            transform,
        )],
    ));
    for (index, name) in names.iter().enumerate() {
        let value = predictor.category(0, name);
        assert_eq!(value, Value::Category(index as u32));
        assert!(close(predictor.number(&[value]).unwrap(), index as f64));
    }
    assert_eq!(predictor.category(0, "c100"), Value::Category(OTHER));
}

#[test]
fn inputs_are_found_by_name_in_any_order() {
    let predictor = Predictor::new(&houses());
    for (slot, name) in ["area", "rooms", "city", "garden"].into_iter().enumerate() {
        assert_eq!(predictor.slot(name), Some(slot));
        for expected in 0..6 {
            assert_eq!(predictor.slot_near(expected, name), Some(slot));
        }
    }
    assert_eq!(predictor.slot("street"), None);
    assert_eq!(predictor.slot_near(0, "street"), None);
}

#[test]
fn a_result_that_is_no_number_is_an_error() {
    // How a model that fails at predict time comes about: a sound file with coefficients that overflow.
    let artifact = Artifact::linear(
        "y",
        0.0,
        vec![(
            input("x", ColumnType::Float, false, None),
            Transform::Numeric {
                impute: 0.0,
                mean: 0.0,
                std: 1e-300,
                coefficient: 1e300,
            },
        )],
    );
    let predictor = Predictor::new(&decode(&encode(&artifact).unwrap()).unwrap());
    for x in [1.0, 0.0, -3.0, f64::MAX] {
        assert_eq!(
            predictor.number(&[Value::Number(x)]),
            Err(PredictError::NotFinite)
        );
    }
}

#[test]
fn a_row_that_does_not_fit_is_an_error() {
    let predictor = Predictor::new(&houses());
    assert_eq!(
        predictor.number(&[]),
        Err(PredictError::WrongLength {
            expected: 4,
            got: 0
        })
    );
    let mut row = [
        Value::Number(1.0),
        Value::Number(1.0),
        Value::Category(0),
        Value::Category(0),
    ];
    row[2] = Value::Number(1.0);
    assert_eq!(
        predictor.number(&row),
        Err(PredictError::WrongKind { slot: 2 })
    );
    row[2] = Value::Category(3);
    assert_eq!(
        predictor.number(&row),
        Err(PredictError::WrongKind { slot: 2 })
    );
}

proptest! {
    /// Folding the standardisation into one factor changes nothing but the last digits.
    #[test]
    fn folding_keeps_the_result(
        columns in proptest::collection::vec((-1e6..1e6f64, 1e-3..1e6f64, -1e6..1e6f64, -1e6..1e6f64), 1..12),
        intercept in -1e6..1e6f64,
    ) {
        let inputs = columns.iter().enumerate().map(|(index, &(mean, std, coefficient, _))| (
            input(&format!("x{index}"), ColumnType::Float, true, None),
            Transform::Numeric { impute: mean, mean, std, coefficient },
        )).collect();
        let predictor = Predictor::new(&Artifact::linear("y", intercept, inputs));
        let row: Vec<Value> = columns.iter().map(|column| Value::Number(column.3)).collect();
        let mut direct = intercept;
        let mut size = intercept.abs();
        for (mean, std, coefficient, x) in columns {
            direct += (x - mean) / std * coefficient;
            size += (x.abs() + mean.abs()) / std * coefficient.abs();
        }
        let folded = predictor.number(&row).unwrap();
        prop_assert!((folded - direct).abs() <= 1e-12 * size.max(1.0), "{} and {}", folded, direct);
    }

    #[test]
    fn never_anything_but_a_finite_number(values in proptest::collection::vec(any::<f64>(), 2)) {
        let predictor = Predictor::new(&houses());
        let row = [Value::Number(values[0]), Value::Number(values[1]), Value::Missing, Value::Missing];
        if let Ok(prediction) = predictor.number(&row) {
            prop_assert!(prediction.is_finite());
        }
    }
}
