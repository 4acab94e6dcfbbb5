use domain::FieldError;
use domain::datasets::ColumnType;
use model::{Artifact, OTHER, Predictor, Transform, Value, check_row};
use serde_json::{Map, Value as Json, json};

use crate::{houses, input};

fn object(json: Json) -> Map<String, Json> {
    let Json::Object(map) = json else {
        panic!("not an object: {json}")
    };
    map
}

fn row(json: Json) -> Result<Vec<Value>, Vec<FieldError>> {
    check_row(&Predictor::new(&houses()), None, &object(json))
}

fn only_error(json: Json) -> FieldError {
    let mut errors = row(json).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn a_good_row_in_any_order() {
    let expected = vec![
        Value::Number(80.5),
        Value::Number(3.0),
        Value::Category(2),
        Value::Category(1),
    ];
    assert_eq!(
        row(json!({"area": 80.5, "rooms": 3, "city": "Genf", "garden": true})).unwrap(),
        expected
    );
    assert_eq!(
        row(json!({"garden": true, "city": "Genf", "rooms": 3.0, "area": 80.5})).unwrap(),
        expected
    );
}

#[test]
fn an_integer_for_a_float_and_a_whole_float_for_an_integer() {
    let values = row(json!({"area": 80, "rooms": 3.0, "city": "Oslo", "garden": false})).unwrap();
    assert_eq!(
        values,
        [
            Value::Number(80.0),
            Value::Number(3.0),
            Value::Category(OTHER),
            Value::Category(0)
        ]
    );
}

#[test]
fn null_and_absence_only_where_the_table_had_gaps() {
    let gaps = vec![
        Value::Number(1.0),
        Value::Missing,
        Value::Missing,
        Value::Category(0),
    ];
    assert_eq!(row(json!({"area": 1, "garden": false})).unwrap(), gaps);
    assert_eq!(
        row(json!({"area": 1, "garden": false, "rooms": null, "city": null})).unwrap(),
        gaps
    );

    let error = only_error(json!({"garden": false}));
    assert_eq!(
        (error.pointer.as_str(), error.code.as_str()),
        ("/inputs/area", "missing")
    );
    let error = only_error(json!({"garden": null, "area": 1}));
    assert_eq!(
        (error.pointer.as_str(), error.code.as_str()),
        ("/inputs/garden", "missing")
    );
    assert_eq!(error.got.as_deref(), Some("null"));
}

#[test]
fn every_wrong_type_is_named() {
    let good = object(json!({"area": 80.5, "rooms": 3, "city": "Genf", "garden": true}));
    let bad = [
        ("area", json!("80"), "a number"),
        ("area", json!(true), "a number"),
        ("area", json!([80]), "a number"),
        ("area", json!({"value": 80}), "a number"),
        ("rooms", json!(3.5), "a whole number or null"),
        ("rooms", json!("3"), "a whole number or null"),
        ("rooms", json!(false), "a whole number or null"),
        ("city", json!(3), "a string or null"),
        ("city", json!(true), "a string or null"),
        ("garden", json!("true"), "true or false"),
        ("garden", json!(1), "true or false"),
    ];
    for (name, value, expected) in bad {
        let mut inputs = good.clone();
        inputs.insert(name.to_owned(), value.clone());
        let error = only_error(Json::Object(inputs));
        assert_eq!(error.pointer, format!("/inputs/{name}"));
        assert_eq!(error.code, "wrong_type");
        assert_eq!(error.expected, expected);
        assert_eq!(error.got, Some(value.to_string()));
    }
}

#[test]
fn whole_numbers_have_64_bits() {
    let rooms = |number: Json| row(json!({"area": 1, "rooms": number, "garden": true}));
    assert_eq!(
        rooms(json!(i64::MIN)).unwrap()[1],
        Value::Number(i64::MIN as f64)
    );
    assert_eq!(
        rooms(json!(9_007_199_254_740_993_i64)).unwrap()[1],
        Value::Number(9_007_199_254_740_992.0)
    );
    assert_eq!(rooms(json!(-0.0)).unwrap()[1], Value::Number(-0.0));
    assert_eq!(rooms(json!(1e300)).unwrap_err()[0].code, "out_of_range");
    assert_eq!(rooms(json!(u64::MAX)).unwrap_err()[0].code, "out_of_range");
}

#[test]
fn all_errors_at_once_with_their_row_in_a_batch() {
    let predictor = Predictor::new(&houses());
    let inputs = object(json!({"area": "big", "street": "High Street", "rooms": 2.5}));
    let errors = check_row(&predictor, Some(7), &inputs).unwrap_err();
    let mut seen: Vec<_> = errors
        .iter()
        .map(|error| (error.row, error.pointer.as_str(), error.code.as_str()))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (Some(7), "/inputs/7/area", "wrong_type"),
            (Some(7), "/inputs/7/garden", "missing"),
            (Some(7), "/inputs/7/rooms", "wrong_type"),
            (Some(7), "/inputs/7/street", "unknown_field"),
        ]
    );
    let unknown = errors
        .iter()
        .find(|error| error.code == "unknown_field")
        .unwrap();
    assert_eq!(
        unknown.expected,
        "no such input: the model takes area, rooms, city, garden"
    );
    assert_eq!(unknown.got.as_deref(), Some("\"High Street\""));
}

#[test]
fn names_are_escaped_in_pointers() {
    let numeric = Transform::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
        coefficient: 1.0,
    };
    let artifact = Artifact::linear(
        "y",
        0.0,
        vec![(input("km/h ~", ColumnType::Float, false, None), numeric)],
    );
    let errors = check_row(&Predictor::new(&artifact), None, &Map::new()).unwrap_err();
    assert_eq!(errors[0].pointer, "/inputs/km~1h ~0");
}
