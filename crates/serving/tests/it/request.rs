use domain::FieldError;
use model::Predictor;
use proptest::prelude::*;
use serving::request::{MAX_ERRORS, MAX_ROWS, parse};

use crate::built::{ROW, artifact};

fn predictor() -> Predictor {
    Predictor::new(&model::decode(&artifact(0.0)).unwrap())
}

fn errors(body: &str) -> Vec<FieldError> {
    parse(&predictor(), body.as_bytes()).unwrap_err()
}

fn first(body: &str) -> (String, String, Option<usize>) {
    let error = errors(body).into_iter().next().unwrap();
    (error.code, error.pointer, error.row)
}

fn row(member: &str) -> String {
    format!(r#"{{"inputs":{{"rooms":3,"area":1.5,"place":"INLAND","flag":true,{member}}}}}"#)
}

fn with(field: &str, value: &str) -> String {
    let members = [
        ("rooms", "3"),
        ("area", "1.5"),
        ("place", "\"INLAND\""),
        ("flag", "true"),
    ];
    let members: Vec<_> = members
        .iter()
        .map(|(name, good)| format!("\"{name}\":{}", if *name == field { value } else { good }))
        .collect();
    format!("{{\"inputs\":{{{}}}}}", members.join(","))
}

#[test]
fn a_row_and_a_batch_are_read_in_any_order_of_their_members() {
    let predictor = predictor();
    let one = parse(&predictor, ROW.as_bytes()).unwrap();
    assert_eq!(one.len(), 1);
    let batch = r#"{"inputs":[{"flag":false,"place":"NEAR BAY","area":1.5,"rooms":3},{"place":"elsewhere","rooms":4}]}"#;
    let batch = parse(&predictor, batch.as_bytes()).unwrap();
    assert_eq!(batch.len(), 2);
    assert_eq!(batch.iter().next(), one.iter().next());
}

#[test]
fn every_bad_value_is_named() {
    let cases = [
        ("rooms", "\"3\"", "wrong_type"),
        ("rooms", "1.5", "wrong_type"),
        ("rooms", "null", "missing"),
        ("rooms", "true", "wrong_type"),
        ("rooms", "1e300", "out_of_range"),
        ("rooms", "18446744073709551615", "out_of_range"),
        ("area", "\"1,5\"", "wrong_type"),
        ("area", "1e400", "out_of_range"),
        ("area", "NaN", "invalid"),
        ("area", "Infinity", "invalid"),
        ("area", "-Infinity", "invalid"),
        ("area", "[1]", "wrong_type"),
        ("place", "1", "wrong_type"),
        ("flag", "0", "wrong_type"),
    ];
    for (field, value, code) in cases {
        assert_eq!(
            first(&with(field, value)),
            (code.to_owned(), format!("/inputs/{field}"), None),
            "{field} = {value}"
        );
    }
}

#[test]
fn what_only_looks_like_a_value_is_no_json() {
    let cases = [
        ("area", "01"),
        ("area", "1."),
        ("area", ".5"),
        ("area", "+1"),
        ("area", "1e"),
        ("area", "-"),
        ("place", "\"a\tb\""),
        ("place", r#""\x""#),
        ("flag", "truee"),
    ];
    for (field, value) in cases {
        let (code, _, _) = first(&with(field, value));
        assert_eq!(code, "malformed_json", "{field} = {value}");
    }
}

#[test]
fn odd_but_good_values_are_taken() {
    for (field, value) in [
        ("area", "-0.0"),
        ("area", "null"),
        ("area", "9007199254740993"),
        ("rooms", "3.0"),
        ("flag", "null"),
        ("place", "\"new\""),
        ("place", r#""\u0049NLAND \"\n\\""#),
        ("area", "12345678901234567890123.5e-3"),
        ("area", " \t\r\n0.25 "),
    ] {
        assert!(
            parse(&predictor(), with(field, value).as_bytes()).is_ok(),
            "{field} = {value}"
        );
    }
}

#[test]
fn all_errors_of_a_batch_come_at_once_with_their_rows() {
    let body = r#"{"inputs":[{"rooms":"x","place":1,"extra":2},{"rooms":1,"place":"INLAND"},5,{"rooms":1}]}"#;
    let found: Vec<_> = errors(body)
        .into_iter()
        .map(|error| (error.row, error.pointer, error.code))
        .collect();
    let expected = [
        (0, "/inputs/0/extra", "unknown_field"),
        (0, "/inputs/0/place", "wrong_type"),
        (0, "/inputs/0/rooms", "wrong_type"),
        (2, "/inputs/2", "wrong_type"),
        (3, "/inputs/3/place", "missing"),
    ];
    let mut found = found;
    found.sort();
    let expected: Vec<_> = expected
        .iter()
        .map(|(row, pointer, code)| (Some(*row), (*pointer).to_owned(), (*code).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_shape_of_the_body_is_checked() {
    let good = r#"{"rooms":1,"place":"INLAND"}"#;
    let cases = [
        (String::new(), "malformed_json", ""),
        ("{".to_owned(), "malformed_json", ""),
        ("5".to_owned(), "wrong_type", ""),
        ("[]".to_owned(), "wrong_type", ""),
        ("{}".to_owned(), "missing", "/inputs"),
        (r#"{"inputs":5}"#.to_owned(), "wrong_type", "/inputs"),
        (r#"{"inputs":[]}"#.to_owned(), "out_of_range", "/inputs"),
        (
            format!(r#"{{"inputs":{good},"inputs":{good}}}"#),
            "duplicate",
            "/inputs",
        ),
        (
            format!(r#"{{"inputs":{good},"parameters":{{}}}}"#),
            "unknown_field",
            "/parameters",
        ),
        (format!(r#"{{"inputs":{good}}} x"#), "malformed_json", ""),
        (row(r#""rooms":4"#), "duplicate", "/inputs/rooms"),
    ];
    for (body, code, pointer) in cases {
        let (got_code, got_pointer, _) = first(&body);
        assert_eq!(
            (got_code.as_str(), got_pointer.as_str()),
            (code, pointer),
            "{body}"
        );
    }
}

#[test]
fn bombs_are_refused_quickly() {
    let deep = with(
        "area",
        &format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
    );
    assert_eq!(first(&deep).0, "invalid");
    let deep_elsewhere = format!(
        r#"{{"inputs":{{"rooms":1,"place":"INLAND"}},"x":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(!errors(&deep_elsewhere).is_empty());
    let names: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":1")).collect();
    assert_eq!(errors(&row(&names.join(","))).len(), MAX_ERRORS);
    let rows = vec![r#"{"rooms":1,"place":"INLAND"}"#; MAX_ROWS + 1];
    let (code, pointer, _) = first(&format!(r#"{{"inputs":[{}]}}"#, rows.join(",")));
    assert_eq!(
        (code.as_str(), pointer.as_str()),
        ("out_of_range", "/inputs")
    );
    assert_eq!(
        parse(
            &predictor(),
            format!(r#"{{"inputs":[{}]}}"#, rows[1..].join(",")).as_bytes()
        )
        .unwrap()
        .len(),
        MAX_ROWS
    );
}

proptest! {
    /// Nothing that is sent breaks the reader.
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&predictor(), &body);
    }

    #[test]
    fn any_mangled_body_is_answered(at in 0..ROW.len(), byte in any::<u8>(), cut in 0..ROW.len()) {
        let mut body = ROW.as_bytes().to_vec();
        body[at] = byte;
        let _ = parse(&predictor(), &body);
        let _ = parse(&predictor(), &body[..cut]);
    }

    /// Both ways of reading say the same of any row.
    #[test]
    fn the_quick_way_takes_what_the_thorough_way_takes(
        rooms in prop_oneof![any::<i64>().prop_map(|n| n.to_string()), any::<f64>().prop_map(|n| n.to_string()), Just("null".to_owned())],
        area in prop_oneof![
            any::<f64>().prop_map(|n| n.to_string()),
            any::<f64>().prop_map(|n| format!("{n:e}")),
            any::<u64>().prop_map(|n| n.to_string()),
            "-?(0|[1-9][0-9]{0,22})([.][0-9]{1,24})?([eE][+-]?[0-9]{1,3})?",
            "[-+.eE0-9]{1,8}",
            Just("null".to_owned()),
        ],
        place in prop_oneof![
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
            r#""([a-z\u{1}-\u{20}]|\\["\\/bnu0-9]|[é日]){0,6}""#,
        ],
    ) {
        let inputs = format!(r#"{{"area":{area},"rooms":{rooms} ,"place":{place}}}"#);
        let body = format!(r#"{{"inputs":{inputs}}}"#);
        let predictor = predictor();
        let thorough = serde_json::from_str(&inputs).ok().and_then(|map| model::check_row(&predictor, None, &map).ok());
        let quick = parse(&predictor, body.as_bytes()).ok().and_then(|rows| rows.iter().next().map(<[_]>::to_vec));
        prop_assert_eq!(quick, thorough);
    }
}
