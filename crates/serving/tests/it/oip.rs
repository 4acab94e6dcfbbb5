use domain::FieldError;
use model::Predictor;
use proptest::prelude::*;
use serde_json::{Value, json};
use serving::dialects::{Dialect as _, Oip};
use serving::request::{MAX_ROWS, Rows, parse};

use crate::built::artifact;

fn predictor() -> Predictor {
    Predictor::new(&model::decode(&artifact(0.0)).unwrap())
}

/// Reads JSON with binary data behind it.
fn read(json: &str, binary: &[u8]) -> Result<Rows, FieldError> {
    let dialect = Oip {
        name: "price".to_owned(),
        json_length: Some(json.len()),
    };
    let body = [json.as_bytes(), binary].concat();
    let read = dialect.read(&predictor(), &body);
    read.map(|(rows, _)| rows)
        .map_err(|mut errors| errors.remove(0))
}

fn tensor(name: &str, datatype: &str, data: Value) -> Value {
    let rows = data.as_array().unwrap().len();
    json!({"name": name, "shape": [rows], "datatype": datatype, "data": data})
}

fn binary_tensor(name: &str, datatype: &str, rows: usize, bytes: usize) -> Value {
    json!({"name": name, "shape": [rows, 1], "datatype": datatype, "parameters": {"binary_data_size": bytes}})
}

/// `rooms` and `place`, which may not be left out, and one tensor more.
fn with(tensor: &str) -> String {
    format!(
        r#"{{"inputs":[{{"name":"rooms","shape":[2],"datatype":"INT64","data":[3,4]}},
            {{"name":"place","shape":[2],"datatype":"BYTES","data":["INLAND","elsewhere"]}},{tensor}]}}"#
    )
}

#[test]
fn tensors_are_read_flat_or_nested_in_any_order() {
    let native = r#"{"inputs":[{"rooms":3,"area":1.5,"place":"INLAND","flag":true},{"rooms":4,"place":"elsewhere"}]}"#;
    let expected = parse(&predictor(), native.as_bytes()).unwrap();
    for area in [
        r#""shape":[2],"data":[1.5,null]"#,
        r#""shape":[2,1],"data":[1.5,null]"#,
        r#""shape":[2,1],"data":[[1.5],[null]],"more":{"a":[1]},"parameters":{"content_type":"np"}"#,
    ] {
        let body = format!(
            r#"{{"model_name":"price","inputs":[{{"name":"place","shape":[2],"datatype":"BYTES","data":["INLAND","elsewhere"]}},
               {{"name":"area","datatype":"FP32",{area}}},
               {{"name":"flag","shape":[2],"datatype":"BOOL","data":[true,null]}},
               {{"name":"rooms","shape":[2],"datatype":"UINT8","data":[3,4.0]}}],"id":null,"outputs":null}}"#
        );
        assert_eq!(read(&body, b"").unwrap(), expected, "{body}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let area = |member: &str| with(&format!(r#"{{"name":"area",{member}}}"#));
    let values = |datatype: &str, data: &str| {
        area(&format!(
            r#""shape":[2],"datatype":"{datatype}","data":{data}"#
        ))
    };
    let shape = |shape: &str| {
        area(&format!(
            r#""shape":{shape},"datatype":"FP64","data":[1,2]"#
        ))
    };
    let cases = [
        (values("FP64", "[1]"), "/inputs/area/data", None),
        (values("FP64", "[1,2,3]"), "/inputs/area/data", None),
        (values("FP64", "[[1],[2]]"), "/inputs/area/data", None),
        (values("FP64", "[1,[2]]"), "/inputs/area/data", None),
        (values("FP64", "{\"a\":1}"), "/inputs/area/data", None),
        (values("FP64", "\"1, 2\""), "/inputs/area/data", None),
        (values("FP64", "null"), "/inputs/area/data", None),
        (values("FP64", "[1,1e400]"), "/inputs/area/data", None),
        (values("FP64", "[1,\"2\"]"), "/inputs/area", Some(1)),
        (values("FP64", "[1,true]"), "/inputs/area", Some(1)),
        (values("FP32", "[1,1e39]"), "/inputs/area", Some(1)),
        (values("FP16", "[65505,1]"), "/inputs/area", Some(0)),
        (values("INT8", "[1,128]"), "/inputs/area", Some(1)),
        (values("UINT8", "[-1,1]"), "/inputs/area", Some(0)),
        (
            values("INT64", "[1,9223372036854775808]"),
            "/inputs/area",
            Some(1),
        ),
        (
            values("UINT64", "[18446744073709551616,1]"),
            "/inputs/area",
            Some(0),
        ),
        (values("INT32", "[1,1.5]"), "/inputs/area", Some(1)),
        (
            values("BYTES", "[\"1\",\"2\"]"),
            "/inputs/area/datatype",
            None,
        ),
        (values("BOOL", "[true,true]"), "/inputs/area/datatype", None),
        (values("FP8", "[1,2]"), "/inputs/area/datatype", None),
        (shape("[3]"), "/inputs/area/shape", None),
        (shape("[2,2]"), "/inputs/area/shape", None),
        (shape("[1,2]"), "/inputs/area/shape", None),
        (shape("[2,1,1]"), "/inputs/area/shape", None),
        (shape("[]"), "/inputs/area/shape", None),
        (shape("[0]"), "/inputs/area/shape", None),
        (shape("[2,0]"), "/inputs/area/shape", None),
        (shape("[-2]"), "/inputs/area/shape", None),
        (shape("[2.5]"), "/inputs/area/shape", None),
        (shape("[\"2\"]"), "/inputs/area/shape", None),
        (shape("2"), "/inputs/area/shape", None),
        (shape("[1000000000,1000000000]"), "/inputs/area/shape", None),
        (shape("[9223372036854775807,3]"), "/inputs/area/shape", None),
        (
            shape("[10000,18446744073709551615]"),
            "/inputs/area/shape",
            None,
        ),
        (
            shape("[99999999999999999999999]"),
            "/inputs/area/shape",
            None,
        ),
        (
            area(r#""shape":[2],"datatype":"FP64""#),
            "/inputs/area/data",
            None,
        ),
        (
            area(
                r#""shape":[2],"datatype":"FP64","data":[1,2],"parameters":{"binary_data_size":0}"#,
            ),
            "/inputs/area/data",
            None,
        ),
        (
            area(r#""shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}"#),
            "/inputs/area/parameters/binary_data_size",
            None,
        ),
        (
            area(r#""shape":[2],"datatype":"FP64","parameters":{"shared_memory_region":"r"}"#),
            "/inputs/area/parameters",
            None,
        ),
        (
            with(r#"{"name":"color","shape":[2],"datatype":"FP64","data":[1,2]}"#),
            "/inputs/color",
            None,
        ),
        (
            with(r#"{"name":"a/b~","shape":[2,4],"datatype":"FP64","data":[1,2,3,4,5,6,7,8]}"#),
            "/inputs/a~1b~0",
            None,
        ),
        (
            with(r#"{"name":"rooms","shape":[2],"datatype":"INT64","data":[1,2]}"#),
            "/inputs/rooms",
            None,
        ),
        (
            r#"{"inputs":[{"name":"rooms","shape":[1],"datatype":"INT64","data":[1]}]}"#.to_owned(),
            "/inputs/place",
            None,
        ),
        (
            r#"{"inputs":[{"name":"rooms","shape":[1],"datatype":"FP64","data":[1.5]}]}"#
                .to_owned(),
            "/inputs/place",
            None,
        ),
        (r#"{"inputs":[]}"#.to_owned(), "/inputs", None),
        (r#"{"inputs":{}}"#.to_owned(), "", None),
        (r#"{"inputs":[{"name":"rooms"}]}"#.to_owned(), "", None),
        (r#"{"inputs":[],"inputs":[]}"#.to_owned(), "", None),
        (r#"{"id":7,"inputs":[]}"#.to_owned(), "", None),
        ("{}".to_owned(), "", None),
        ("[]".to_owned(), "", None),
        (String::new(), "", None),
        (values("FP64", "[1,NaN]"), "", None),
    ];
    for (body, pointer, row) in cases {
        let error = read(&body, b"").unwrap_err();
        assert_eq!(
            (error.pointer.as_str(), error.row),
            (pointer, row),
            "{body}: {error:?}"
        );
    }
    let fraction = with(r#"{"name":"flag","shape":[2],"datatype":"BOOL","data":[true,1]}"#);
    let error = read(&fraction, b"").unwrap_err();
    assert_eq!(
        (error.pointer.as_str(), error.row),
        ("/inputs/flag", Some(1))
    );
    assert_eq!(
        (error.expected.as_str(), error.got.as_deref()),
        ("true or false or null", Some("1"))
    );
}

#[test]
fn there_is_one_output() {
    let ask = |outputs: &str| {
        let body = with(r#"{"name":"area","shape":[2],"datatype":"FP64","data":[1,2]}"#);
        read(
            &format!(
                "{},\"outputs\":{outputs}}}",
                body.strip_suffix('}').unwrap()
            ),
            b"",
        )
    };
    assert!(ask("[]").is_ok() && ask(r#"[{"name":"prediction"}]"#).is_ok());
    let many = vec![r#"{"name":"y"}"#; 100_000].join(",");
    for (outputs, got) in [
        (r#"[{"name":"prediction"},{"name":"y"}]"#, Some("y")),
        (&format!("[{many}]"), Some("y")),
        (r#"[{"name":"prediction"},{"name":"prediction"}]"#, None),
        (
            r#"[{"name":"prediction","parameters":{"classification":2}}]"#,
            None,
        ),
    ] {
        let error = ask(outputs).unwrap_err();
        assert_eq!(
            (error.pointer.as_str(), error.got.as_deref()),
            ("/outputs", got)
        );
    }
}

#[test]
fn binary_data_is_taken_to_the_byte() {
    let text = |text: &[u8]| [(text.len() as u32).to_le_bytes().as_slice(), text].concat();
    let ask = |flag_bytes: usize, place_bytes: usize, binary: &[u8]| {
        let body = json!({"inputs": [
            tensor("rooms", "INT64", json!([1, 2])),
            binary_tensor("flag", "BOOL", 2, flag_bytes),
            binary_tensor("place", "BYTES", 2, place_bytes),
        ]});
        read(&body.to_string(), binary).map_err(|error| (error.pointer, error.row))
    };
    let places = [text(b"INLAND"), text(b"")].concat();
    let good = [[1, 0].as_slice(), &places].concat();
    assert_eq!(ask(2, 14, &good).unwrap().len(), 2);

    let at = |pointer: &str, row| Err((pointer.to_owned(), row));
    let size = |name: &str| at(&format!("/inputs/{name}/parameters/binary_data_size"), None);
    assert_eq!(ask(2, 14, &[1, 2]), size("place"));
    assert_eq!(ask(2, 14, &good[..15]), size("place"));
    assert_eq!(ask(1, 14, &good), size("flag"));
    assert_eq!(ask(3, 13, &good), size("flag"));
    assert_eq!(ask(2, 7, &good), size("place"));
    assert_eq!(ask(2, 14, &[good.as_slice(), &[0]].concat()), at("", None));
    assert_eq!(ask(2, 13, &good[..15]), at("/inputs/place/data", None));
    assert_eq!(
        ask(2, 15, &[good.as_slice(), &[0]].concat()),
        at("/inputs/place/data", None)
    );
    assert_eq!(
        ask(2, 14, &[[1, 7].as_slice(), &places].concat()),
        at("/inputs/flag", Some(1))
    );
    let huge = [[1, 0].as_slice(), &[255; 4], &[0; 10]].concat();
    assert_eq!(ask(2, 14, &huge), at("/inputs/place/data", None));
    let not_text = [[1, 0].as_slice(), &text(&[0xff; 6]), &text(b"")].concat();
    assert_eq!(ask(2, 14, &not_text), at("/inputs/place/data", None));
    let short = Oip {
        name: "price".to_owned(),
        json_length: Some(10),
    };
    assert_eq!(short.read(&predictor(), b"{}").unwrap_err()[0].pointer, "");
}

#[test]
fn no_more_rows_are_taken_than_in_a_batch() {
    let ask = |rows: usize| {
        let body = json!({"inputs": [
            tensor("rooms", "INT64", json!(vec![1; rows])),
            tensor("place", "BYTES", json!(vec!["x"; rows])),
        ]});
        read(&body.to_string(), b"")
    };
    assert_eq!(ask(MAX_ROWS).unwrap().len(), MAX_ROWS);
    assert_eq!(
        ask(MAX_ROWS + 1).unwrap_err().pointer,
        "/inputs/rooms/shape"
    );
}

#[test]
fn the_log_has_rows() {
    let body = with(r#"{"name":"area","shape":[2],"datatype":"FP64","data":[1.5,null]}"#);
    let dialect = Oip {
        name: "price".to_owned(),
        json_length: None,
    };
    let logged = dialect.inputs(&predictor(), body.as_bytes()).unwrap();
    let logged: Value = serde_json::from_slice(&logged).unwrap();
    let expected = json!([
        {"rooms": 3.0, "place": "INLAND", "area": 1.5},
        {"rooms": 4.0, "place": "elsewhere", "area": null}
    ]);
    assert_eq!(logged, expected);
}

type Row = (i32, Option<f64>, String, bool);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let area = prop_oneof![
        Just(None),
        any::<f64>().prop_filter_map("finite", |area| area.is_finite().then_some(Some(area))),
    ];
    let place = prop_oneof![
        Just("INLAND".to_owned()),
        Just("NEAR BAY".to_owned()),
        "\\PC{0,8}",
    ];
    proptest::collection::vec((any::<i32>(), area, place, any::<bool>()), 1..20)
}

proptest! {
    /// The same rows, whatever they came in.
    #[test]
    fn every_shape_holds_the_same_rows(rows in rows()) {
        let native: Vec<_> = rows
            .iter()
            .map(|(rooms, area, place, flag)| json!({"rooms": rooms, "area": area, "place": place, "flag": flag}))
            .collect();
        let native = json!({"inputs": native}).to_string();
        let expected = parse(&predictor(), native.as_bytes()).unwrap();

        let json = json!({"inputs": [
            tensor("rooms", "INT32", rows.iter().map(|row| json!(row.0)).collect()),
            tensor("area", "FP64", rows.iter().map(|row| json!(row.1)).collect()),
            tensor("place", "BYTES", rows.iter().map(|row| json!(row.2)).collect()),
            tensor("flag", "BOOL", rows.iter().map(|row| json!(row.3)).collect()),
        ]});
        prop_assert_eq!(&read(&json.to_string(), b"").unwrap(), &expected);

        let parts: [(&str, &str, Vec<u8>); 4] = [
            ("rooms", "INT32", rows.iter().flat_map(|row| row.0.to_le_bytes()).collect()),
            ("area", "FP64", rows.iter().flat_map(|row| row.1.unwrap_or(f64::NAN).to_le_bytes()).collect()),
            ("place", "BYTES", rows.iter().flat_map(|row| [(row.2.len() as u32).to_le_bytes().as_slice(), row.2.as_bytes()].concat()).collect()),
            ("flag", "BOOL", rows.iter().map(|row| u8::from(row.3)).collect()),
        ];
        let tensors: Vec<_> = parts
            .iter()
            .map(|(name, datatype, bytes)| binary_tensor(name, datatype, rows.len(), bytes.len()))
            .collect();
        let binary: Vec<u8> = parts.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
        prop_assert_eq!(&read(&json!({"inputs": tensors}).to_string(), &binary).unwrap(), &expected);
    }

    /// Nothing that is sent breaks the reader.
    #[test]
    fn any_bytes_are_answered_in_tensors_too(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        json_length in proptest::option::of(0..400_usize),
    ) {
        let dialect = Oip { name: "price".to_owned(), json_length };
        let _ = dialect.read(&predictor(), &body);
    }

    #[test]
    fn any_mangled_tensors_are_answered(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let json = json!({"inputs": [
            binary_tensor("rooms", "INT32", 2, 8),
            tensor("area", "FP64", json!([1.5, null])),
            binary_tensor("place", "BYTES", 2, 14),
        ], "parameters": {"binary_data_output": true}, "outputs": [{"name": "prediction"}]}).to_string();
        let dialect = Oip { name: "price".to_owned(), json_length: Some(json.len()) };
        let mut body = [json.as_bytes(), &[3, 0, 0, 0, 4, 0, 0, 0], &[6, 0, 0, 0], b"INLAND", &[0, 0, 0, 0]].concat();
        prop_assert!(dialect.read(&predictor(), &body).is_ok());
        let (at, cut) = (at.index(body.len()), cut.index(body.len()));
        body[at] = byte;
        let _ = dialect.read(&predictor(), &body);
        let _ = dialect.read(&predictor(), &body[..cut]);
    }
}
