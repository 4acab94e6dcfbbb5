//! Models of columns that are made of their inputs.

use domain::datasets::{ColumnType, TextFormat};
use domain::dates::DatePart;
use domain::models::InputField;
use model::{
    Artifact, ArtifactError, Background, Body, Linear, OTHER, PredictError, Predictor, Prepared,
    PreparedColumn, Reference, Step, Transform, Value, check_row, decode, encode,
};
use serde_json::{Value as Json, json};

use crate::input;

/// The sum of all that is made of a number, a category and a date: each step once, in the target's unit.
pub(crate) fn people() -> Artifact {
    let day = InputField {
        format: Some(TextFormat::Date),
        example: Some(json!("2026-01-31")),
        ..input("day", ColumnType::String, true, None)
    };
    let inputs = vec![
        input("income", ColumnType::Float, true, None),
        input("city", ColumnType::String, true, Some(&["Bern", "Chur"])),
        day,
    ];
    let columns = [
        (
            "income",
            0,
            Step::Number {
                missing: Some(3.0),
                logarithm: true,
            },
        ),
        ("income (missing)", 0, Step::IsMissing),
        ("city", 1, Step::Category { missing: 1 }),
        (
            "city (target)",
            1,
            Step::Lookup {
                numbers: vec![1.5, 2.5],
                other: 2.0,
                missing: Some(1.0),
            },
        ),
        (
            "day (year)",
            2,
            Step::Date {
                part: DatePart::Year,
                missing: Some(0.0),
            },
        ),
        (
            "day (weekday)",
            2,
            Step::Date {
                part: DatePart::Weekday,
                missing: None,
            },
        ),
        ("income (same)", 0, Step::Same),
    ];
    let number = |coefficient: f64| Transform::Numeric {
        impute: 4.0,
        mean: 0.0,
        std: 1.0,
        coefficient,
    };
    let transforms = vec![
        number(1.0),
        number(100.0),
        Transform::Categorical {
            impute: 0,
            effects: vec![0.0, 10.0],
            other: 5.0,
        },
        number(1.0),
        number(1.0),
        number(1.0),
        number(0.5),
    ];
    let mut artifact = Artifact::linear("y", 0.25, Vec::new());
    artifact.signature.inputs = inputs;
    artifact.body = Body::Prepared(Prepared {
        columns: columns
            .map(|(name, input, step)| PreparedColumn {
                name: name.to_owned(),
                input,
                step,
            })
            .to_vec(),
        body: Box::new(Body::Linear(Linear {
            intercept: 0.25,
            transforms,
        })),
    });
    artifact
}

/// With what explanations are measured from.
pub(crate) fn explained_people() -> Artifact {
    Artifact {
        background: Some(Background {
            scores: vec![Reference::Means(vec![
                1.0, 10.0, 2.0, 1.5, 2000.0, 3.0, 2.0,
            ])],
        }),
        ..people()
    }
}

fn prepared(artifact: &mut Artifact) -> &mut Prepared {
    match &mut artifact.body {
        Body::Prepared(prepared) => prepared,
        _ => panic!("nothing is prepared"),
    }
}

fn predict(row: Json) -> f64 {
    let predictor = Predictor::new(&people());
    let row = check_row(&predictor, None, row.as_object().unwrap()).unwrap();
    let number = predictor.number(&row).unwrap();
    let mut batch = [0.0; 2];
    let done = predictor.predict_batch(&[row.clone(), row], &mut batch);
    assert_eq!(done, [Ok(()), Ok(())]);
    assert_eq!(batch.map(f64::to_bits), [number.to_bits(); 2]);
    number
}

#[test]
fn each_step_makes_what_it_says() {
    // A Saturday.
    let whole = predict(json!({"income": 7.0, "city": "Chur", "day": "2026-01-31"}));
    assert!((whole - (0.25 + 8.0_f64.ln() + 10.0 + 2.5 + 2026.0 + 6.0 + 3.5)).abs() < 1e-9);
    let below = predict(json!({"income": -7.0, "city": "Chur", "day": "2026-01-31"}));
    assert!((whole - below - (2.0 * 8.0_f64.ln() + 7.0)).abs() < 1e-9);
    let missing = predict(json!({}));
    assert!(
        (missing - (0.25 + 4.0_f64.ln() + 100.0 + 10.0 + 1.0 + 1970.0 + 4.0 + 2.0)).abs() < 1e-9
    );
    let unseen =
        predict(json!({"income": 7.0, "city": "Genf", "day": "2026-01-31T23:00:00+01:00"}));
    assert!((whole - unseen - (10.0 + 2.5 - 5.0 - 2.0)).abs() < 1e-9);
}

#[test]
fn a_text_that_is_no_date_is_refused_with_what_would_be_right() {
    let predictor = Predictor::new(&people());
    let mut row = json!({"day": "31.01.2026"});
    let errors = check_row(&predictor, None, row.as_object_mut().unwrap()).unwrap_err();
    assert_eq!(
        (errors[0].pointer.as_str(), errors[0].code.as_str()),
        ("/inputs/day", "invalid")
    );
    assert!(errors[0].expected.contains("2026-01-31"), "{errors:?}");
    assert!(!predictor.takes(2, predictor.category(2, "yesterday")));
    assert!(predictor.takes(2, predictor.category(2, "2026-01-31")));
    let wrong = [Value::Category(0), Value::Missing, Value::Missing];
    assert_eq!(
        predictor.number(&wrong),
        Err(PredictError::WrongKind { slot: 0 })
    );
    let unknown = [Value::Missing, Value::Category(7), Value::Missing];
    assert!(predictor.number(&unknown).is_err());
    assert_eq!(
        predictor.number(&[Value::Missing]),
        Err(PredictError::WrongLength {
            expected: 3,
            got: 1
        })
    );
    let rows = [vec![Value::Missing; 3], unknown.to_vec()];
    let mut out = [0.0; 2];
    let done = predictor.predict_batch(&rows, &mut out);
    assert!(done[0].is_ok() && done[1].is_err());
}

#[test]
fn what_an_input_adds_is_what_all_of_its_columns_add() {
    let predictor = Predictor::new(&explained_people());
    let row = [
        Value::Missing,
        Value::Category(OTHER),
        Value::Number(86_400.0),
    ];
    let explanation = &predictor.explain(&row).unwrap()[0];
    let parts = &explanation.contributions;
    assert_eq!(parts.len(), 3);
    let income = (4.0_f64.ln() - 1.0) + (100.0 - 10.0) + (2.0 - 2.0);
    assert!((parts[0] - income).abs() < 1e-9, "{parts:?}");
    assert!((parts[1] - (3.0 + 0.5)).abs() < 1e-9, "{parts:?}");
    let whole = explanation.base + parts.iter().sum::<f64>();
    assert!((whole - predictor.number(&row).unwrap()).abs() < 1e-9);
}

#[test]
fn a_model_that_is_prepared_says_so_in_its_first_bytes() {
    assert_eq!(encode(&people()).unwrap()[8..12], [11, 0, 1, 0]);
    assert_eq!(
        encode(&explained_people()).unwrap()[8..14],
        [11, 0, 5, 0, 1, 0]
    );
}

#[test]
fn columns_that_do_not_fit_their_inputs_are_refused() {
    let refused = |change: &dyn Fn(&mut Artifact)| {
        let mut artifact = people();
        change(&mut artifact);
        let found = artifact.check();
        assert!(
            matches!(found, Err(ArtifactError::Inconsistent(_))),
            "{found:?}"
        );
        assert_eq!(encode(&artifact).unwrap_err(), found.unwrap_err());
    };
    refused(&|artifact| prepared(artifact).columns[0].input = 9);
    refused(&|artifact| prepared(artifact).columns[0].input = 1);
    refused(&|artifact| prepared(artifact).columns[4].input = 0);
    refused(&|artifact| prepared(artifact).columns[2].step = Step::Category { missing: 2 });
    refused(&|artifact| prepared(artifact).columns[6].input = 2);
    refused(&|artifact| {
        prepared(artifact).columns.pop();
    });
    refused(&|artifact| artifact.signature.inputs[2].format = None);
    refused(&|artifact| artifact.signature.inputs[0].format = Some(TextFormat::Date));
    refused(&|artifact| {
        artifact
            .signature
            .inputs
            .push(input("unused", ColumnType::Float, true, None));
    });
    for number in [f64::NAN, f64::INFINITY] {
        refused(&|artifact| {
            prepared(artifact).columns[0].step = Step::Number {
                missing: Some(number),
                logarithm: false,
            };
        });
        refused(&|artifact| {
            prepared(artifact).columns[3].step = Step::Lookup {
                numbers: vec![0.0, 1.0],
                other: number,
                missing: None,
            };
        });
    }
    refused(&|artifact| {
        prepared(artifact).columns[3].step = Step::Lookup {
            numbers: vec![0.0],
            other: 0.0,
            missing: None,
        };
    });
    refused(&|artifact| {
        let inner = people().body;
        *prepared(artifact).body = inner;
    });
    // Dates are of use to nothing but a step.
    refused(&|artifact| {
        artifact.body = Body::Linear(Linear {
            intercept: 0.0,
            transforms: Vec::new(),
        });
    });
}

/// A column is some bytes of a file, and its categories are as many as its input has.
#[test]
fn columns_of_very_many_categories_are_refused() {
    let mut artifact = people();
    let long = "x".repeat(4 << 20);
    artifact.signature.inputs[1].categories = Some(vec![long, "Chur".to_owned()]);
    let columns = &mut prepared(&mut artifact).columns;
    let city = columns[2].clone();
    columns.extend(vec![city; 64]);
    let found = artifact.check();
    let Err(ArtifactError::Inconsistent(what)) = found else {
        panic!("{found:?}")
    };
    assert!(what.contains("bytes of categories"), "{what}");
}

#[test]
fn a_hostile_list_of_columns_is_refused_and_takes_no_memory() {
    let bytes = encode(&people()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let place = text(&bytes).find("\"categories\":2").unwrap();
    // The mark of it is in the list at the end, not in the signature.
    assert!(place > bytes.len() / 2 || text(&bytes).matches("\"categories\":2").count() == 1);
    let found: Vec<usize> = bytes
        .windows(14)
        .enumerate()
        .filter(|(_, window)| *window == b"\"categories\":2")
        .map(|(place, _)| place)
        .collect();
    let mut hostile = bytes[..bytes.len() - 32].to_vec();
    hostile[*found.last().unwrap() + 13] = b'9';
    let refused = decode(&crate::artifact::sealed(hostile));
    assert!(
        matches!(refused, Err(ArtifactError::Inconsistent(_))),
        "{refused:?}"
    );
}
