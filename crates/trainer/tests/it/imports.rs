//! ONNX files become artifacts.

mod answers;
mod exported;
mod graph;

use std::path::Path;

use domain::FieldError;
use domain::datasets::ColumnType;
use domain::models::{GivenSignature, InputField, Signature, Task};
use model::{OTHER, Predictor, Value};
use serde_json::json;
use tempfile::NamedTempFile;
use trainer::{NotImported, import};

use self::graph::{F32, FREE, I64, TEXT, file, floats, int, node, strings, value, wholes};

struct Made {
    predictor: Predictor,
    signature: Signature,
    params: serde_json::Map<String, serde_json::Value>,
    notes: Vec<String>,
}

impl Made {
    fn input(&self, name: &str) -> &InputField {
        let inputs = &self.signature.inputs;
        inputs.iter().find(|input| input.name == name).unwrap()
    }

    fn predict(&self, row: &[Value]) -> Vec<f64> {
        let mut out = vec![0.0; self.predictor.width()];
        self.predictor.predict(row, &mut out).unwrap();
        out
    }
}

fn taken(onnx: &[u8], given: serde_json::Value) -> Made {
    attempt(onnx, given).unwrap()
}

fn attempt(onnx: &[u8], given: serde_json::Value) -> Result<Made, NotImported> {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), onnx).unwrap();
    let made = attempt_file(file.path(), given)?;
    assert_eq!(made.params["producer"], "by hand 1.0");
    assert_eq!(made.params["file_bytes"], onnx.len());
    Ok(made)
}

fn attempt_file(file: &Path, given: serde_json::Value) -> Result<Made, NotImported> {
    let given: GivenSignature = serde_json::from_value(given).unwrap();
    let imported = import(file, &given)?;
    let artifact = model::decode(&imported.artifact).unwrap();
    assert_eq!(artifact.signature, imported.signature);
    let notes = imported.params.get("notes").cloned().unwrap_or(json!([]));
    Ok(Made {
        predictor: Predictor::new(&artifact),
        signature: imported.signature,
        params: imported.params,
        notes: serde_json::from_value(notes).unwrap(),
    })
}

fn refused(onnx: &[u8], given: serde_json::Value) -> Vec<FieldError> {
    match attempt(onnx, given) {
        Err(NotImported::Refused(errors)) => errors,
        Err(other) => panic!("{other:?}"),
        Ok(made) => panic!("taken as {:?}", made.signature),
    }
}

/// The only fault: where, and what was expected.
fn fault(onnx: &[u8], given: serde_json::Value) -> (String, String) {
    let errors = refused(onnx, given);
    let [error] = &errors[..] else {
        panic!("{errors:?}");
    };
    (error.pointer.clone(), error.expected.clone())
}

/// `2 a + 3 b + 1` of a matrix of two columns.
pub(crate) fn line() -> Vec<u8> {
    line_of(&[FREE, 2])
}

fn line_of(shape: &[i64]) -> Vec<u8> {
    file(
        &[
            node("MatMul", &["X", "w"], &["xw"], &[]),
            node("Add", &["xw", "b"], &["variable"], &[]),
        ],
        &[floats("w", &[2, 1], &[2.0, 3.0]), floats("b", &[1], &[1.0])],
        &[value("X", F32, shape)],
        &[value("variable", F32, &[shape[0], 1])],
    )
}

/// Of a number and a text; `zeros` says whether the encoder takes texts that it does not know.
fn customers(zeros: i64) -> Vec<u8> {
    let encode = [
        strings("cats_strings", &["basic", "plus"]),
        int("zeros", zeros),
    ];
    file(
        &[
            node("OneHotEncoder", &["plan"], &["hot"], &encode),
            node("Reshape", &["hot", "wide"], &["plans"], &[]),
            node("Concat", &["age", "plans"], &["all"], &[int("axis", 1)]),
            node("MatMul", &["all", "w"], &["churned"], &[]),
        ],
        &[
            wholes("wide", &[2], &[-1, 2]),
            floats("w", &[3, 1], &[0.5, 10.0, 20.0]),
        ],
        &[
            value("age", F32, &[FREE, 1]),
            value("plan", TEXT, &[FREE, 1]),
        ],
        &[value("churned", F32, &[FREE, 1])],
    )
}

/// The softmax of three numbers, or the logistic function of the first one.
fn flowers(last: &str, width: i64) -> Vec<u8> {
    let wide = width as usize;
    let weights: Vec<f32> = (0..3 * wide).map(|at| at as f32 * 0.1).collect();
    file(
        &[
            node("MatMul", &["X", "w"], &["scores"], &[]),
            node(last, &["scores"], &["probabilities"], &[]),
        ],
        &[floats("w", &[3, width], &weights)],
        &[value("X", F32, &[FREE, 3])],
        &[value("probabilities", F32, &[FREE, width])],
    )
}

#[test]
fn a_matrix_is_taken_column_by_column() {
    let made = taken(&line(), json!({}));
    let names: Vec<_> = made
        .signature
        .inputs
        .iter()
        .map(|input| &input.name)
        .collect();
    assert_eq!(names, ["x0", "x1"]);
    let first = made.input("x0");
    assert_eq!((first.kind, first.nullable), (ColumnType::Float, false));
    assert_eq!(first.example, Some(json!(0.0)));
    assert_eq!(made.signature.output.task, Task::Regression);
    assert_eq!(made.signature.output.name, "variable");
    assert_eq!(
        made.predict(&[Value::Number(10.0), Value::Number(0.5)]),
        [22.5]
    );
    assert_eq!(made.notes, [""; 0]);
}

#[test]
fn rows_at_once_give_what_each_gives_alone() {
    let made = taken(&line(), json!({}));
    assert!(made.predictor.gains_from_batches());
    let rows: Vec<Vec<Value>> = (0..3000)
        .map(|row| vec![Value::Number(f64::from(row) * 0.37), Value::Number(1e-3)])
        .collect();
    let mut out = vec![0.0; rows.len()];
    let done = made.predictor.predict_batch(&rows, &mut out);
    assert!(done.iter().all(Result::is_ok));
    for (row, number) in rows.iter().zip(out) {
        assert_eq!(made.predict(row), [number]);
    }
}

#[test]
fn names_and_types_are_the_givers() {
    let given = json!({
        "inputs": [
            {"name": "rooms", "type": "integer", "min": 1, "max": 9, "impute": "median 3"},
            {"name": "near_sea", "type": "boolean", "example": true},
        ],
        "output": {"name": "price"},
    });
    let made = taken(&line(), given);
    let rooms = made.input("rooms");
    assert_eq!(
        (rooms.kind, rooms.min, rooms.max),
        (ColumnType::Integer, Some(1.0), Some(9.0))
    );
    assert_eq!(
        (rooms.impute.as_deref(), &rooms.example),
        (Some("median 3"), &Some(json!(1)))
    );
    assert_eq!(made.input("near_sea").example, Some(json!(true)));
    assert_eq!(made.signature.output.name, "price");
    let row = [Value::Number(4.0), Predictor::boolean(true)];
    assert_eq!(made.predict(&row), [12.0]);

    let (pointer, expected) = fault(&line(), json!({"inputs": [{"name": "rooms"}]}));
    assert_eq!(pointer, "/signature/inputs");
    assert!(expected.starts_with("2 inputs"), "{expected}");
    let text = json!({"inputs": [{"name": "a"}, {"name": "b", "type": "string"}]});
    let wrong = refused(&line(), text);
    assert_eq!(wrong[0].pointer, "/signature/inputs/1/type");
}

#[test]
fn how_many_columns_a_matrix_has_is_the_files_or_the_givers_to_say() {
    let free = line_of(&[FREE, FREE]);
    let (pointer, expected) = fault(&free, json!({}));
    assert_eq!(pointer, "/signature/inputs");
    assert!(expected.contains("\"X\""), "{expected}");
    let made = taken(&free, json!({"inputs": [{"name": "a"}, {"name": "b"}]}));
    assert_eq!(
        made.predict(&[Value::Number(1.0), Value::Number(1.0)]),
        [6.0]
    );
}

#[test]
fn the_categories_are_those_of_the_encoder() {
    let made = taken(&customers(1), json!({}));
    let plan = made.input("plan");
    assert_eq!(plan.kind, ColumnType::String);
    assert_eq!(
        plan.categories.as_deref(),
        Some(&["basic".to_owned(), "plus".to_owned()][..])
    );
    assert_eq!(
        (plan.nullable, &plan.example),
        (false, &Some(json!("basic")))
    );
    assert_eq!(made.signature.output.name, "churned");
    let age = Value::Number(40.0);
    for (plan, churned) in [
        (Value::Category(0), 30.0),
        (Value::Category(1), 40.0),
        (Value::Category(OTHER), 20.0),
    ] {
        assert_eq!(made.predict(&[age, plan]), [churned]);
        assert!(made.predictor.takes(1, plan));
    }
    assert_eq!(made.notes, [""; 0]);
}

#[test]
fn a_text_that_the_model_has_no_answer_for_is_refused_before_it_is_asked() {
    let made = taken(&customers(0), json!({}));
    assert!(made.predictor.takes(1, Value::Category(1)));
    assert!(!made.predictor.takes(1, Value::Category(OTHER)));
    let refused = model::check_value(&made.predictor, 1, &json!("gold")).unwrap_err();
    assert_eq!(
        refused,
        ("invalid", "one of \"basic\", \"plus\"".to_owned())
    );
    assert!(
        made.notes[0].ends_with("which are refused: plan"),
        "{:?}",
        made.notes
    );
}

#[test]
fn a_number_beyond_what_the_file_computes_in_is_out_of_range() {
    let made = taken(&line(), json!({}));
    let check = |number: f64| model::check_value(&made.predictor, 0, &json!(number));
    assert_eq!(check(3.4e38), Ok(Value::Number(3.4e38)));
    for number in [3.5e38, -1e39, 1e300] {
        assert_eq!(check(number).unwrap_err().0, "out_of_range", "{number}");
    }
}

#[test]
fn inputs_that_the_file_names_keep_their_names() {
    let some =
        json!({"inputs": [{"name": "plan", "categories": ["plus", "basic"], "example": "plus"}]});
    let made = taken(&customers(1), some);
    let names: Vec<_> = made
        .signature
        .inputs
        .iter()
        .map(|input| &input.name)
        .collect();
    assert_eq!(names, ["age", "plan"]);
    // The order of the categories is the giver's.
    assert_eq!(
        made.predict(&[Value::Number(0.0), Value::Category(0)]),
        [20.0]
    );

    let unknown = json!({"inputs": [{"name": "plan"}, {"name": "Age"}]});
    let (pointer, expected) = fault(&customers(1), unknown);
    assert_eq!(pointer, "/signature/inputs/1/name");
    assert_eq!(expected, "one of the file's inputs: age, plan");
}

#[test]
fn what_does_not_fit_is_named() {
    for (given, pointer) in [
        (
            json!({"inputs": [{"name": "age", "categories": ["a"]}]}),
            "/signature/inputs/0/categories",
        ),
        (
            json!({"inputs": [{"name": "plan", "min": 1}]}),
            "/signature/inputs/0/min",
        ),
        (
            json!({"inputs": [{"name": "age", "nullable": true}]}),
            "/signature/inputs/0/nullable",
        ),
        (
            json!({"inputs": [{"name": "age", "example": "x"}]}),
            "/signature/inputs/0/example",
        ),
        (
            json!({"output": {"task": "regression", "classes": ["a", "b"]}}),
            "/signature/output/classes",
        ),
        (
            json!({"output": {"classes": ["a", "b", "c"]}}),
            "/signature/output/classes",
        ),
    ] {
        let errors = refused(&customers(1), given.clone());
        assert_eq!(errors[0].pointer, pointer, "{given}");
    }
}

#[test]
fn a_value_may_be_missing_where_the_model_answers_then() {
    let imputed = file(
        &[
            node(
                "Imputer",
                &["X"],
                &["filled"],
                &[
                    graph::floats_attribute("imputed_value_floats", &[5.0, 7.0]),
                    graph::float("replaced_value_float", f32::NAN),
                ],
            ),
            node("MatMul", &["filled", "w"], &["y"], &[]),
        ],
        &[floats("w", &[2, 1], &[1.0, 10.0])],
        &[value("X", F32, &[FREE, 2])],
        &[value("y", F32, &[FREE, 1])],
    );
    let made = taken(&imputed, json!({}));
    assert!(made.signature.inputs.iter().all(|input| input.nullable));
    assert_eq!(made.predict(&[Value::Missing, Value::Missing]), [75.0]);
    assert!(made.notes[0].contains("x0, x1"), "{:?}", made.notes);
    let told =
        json!({"inputs": [{"name": "a", "nullable": false}, {"name": "b", "nullable": true}]});
    let made = taken(&imputed, told);
    assert_eq!(
        (made.input("a").nullable, made.input("b").nullable),
        (false, true)
    );
}

#[test]
fn whole_numbers_have_no_way_to_be_missing() {
    let whole = file(
        &[
            node("Cast", &["n"], &["f"], &[int("to", F32)]),
            node("Identity", &["f"], &["y"], &[]),
        ],
        &[],
        &[value("n", I64, &[FREE, 1])],
        &[value("y", F32, &[FREE, 1])],
    );
    let made = taken(&whole, json!({}));
    let n = made.input("n");
    assert_eq!((n.kind, n.nullable), (ColumnType::Integer, false));
    assert_eq!(made.predict(&[Value::Number(-7.0)]), [-7.0]);
    let (pointer, expected) = fault(&whole, json!({"inputs": [{"name": "n", "nullable": true}]}));
    assert_eq!(pointer, "/signature/inputs/0/nullable");
    assert!(expected.contains("int64"), "{expected}");
}

#[test]
fn a_text_whose_categories_nobody_names_needs_them() {
    let length = file(
        &[
            node(
                "StringNormalizer",
                &["t"],
                &["lower"],
                &[graph::text("case_change_action", "LOWER")],
            ),
            node(
                "LabelEncoder",
                &["lower"],
                &["y"],
                &[
                    strings("keys_strings", &["a", "b"]),
                    graph::floats_attribute("values_floats", &[1.0, 2.0]),
                ],
            ),
        ],
        &[],
        &[value("t", TEXT, &[FREE, 1])],
        &[value("y", F32, &[FREE, 1])],
    );
    // Some operators on texts are not computed here at all, which is a refusal, too.
    let (pointer, expected) = fault(&length, json!({}));
    assert!(
        pointer == "/file" || expected.contains("does not say which texts it knows"),
        "{pointer}: {expected}"
    );
}

#[test]
fn what_is_no_onnx_file_is_refused_with_its_reason() {
    for bytes in [
        &b""[..],
        b"PK\x03\x04",
        b"\x80\x04\x95 pickle",
        &line()[..40],
    ] {
        let (pointer, expected) = fault(bytes, json!({}));
        assert_eq!(pointer, "/file");
        assert!(
            expected.starts_with("an ONNX model that can be run here"),
            "{expected}"
        );
    }
}

#[test]
fn the_same_file_makes_the_same_artifact() {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), customers(1)).unwrap();
    let made = || {
        import(file.path(), &GivenSignature::default())
            .unwrap()
            .artifact
    };
    let bytes = made();
    assert_eq!(bytes, made());
    let artifact = model::decode(&bytes).unwrap();
    assert_eq!(model::encode(&artifact).unwrap(), bytes);
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert!(model::decode(&damaged).is_err(), "byte {at}");
    }
}
