//! Which numbers of a file are the prediction, and of how many rows at once.

use domain::models::Task;
use model::Value;
use serde_json::json;

use super::graph::{F32, FREE, file, node, value, wholes};
use super::{fault, flowers, line_of, taken};

#[test]
fn probabilities_are_of_the_classes_that_are_known() {
    let made = taken(&flowers("Softmax", 3), json!({}));
    let output = &made.signature.output;
    assert_eq!(output.task, Task::Classification);
    assert_eq!(output.classes.as_deref().unwrap(), ["0", "1", "2"]);
    let numbers = made.predict(&[Value::Number(1.0); 3]);
    assert!(
        (numbers.iter().sum::<f64>() - 1.0).abs() < 1e-6,
        "{numbers:?}"
    );
    assert!(
        numbers[2] > numbers[1] && numbers[1] > numbers[0],
        "{numbers:?}"
    );

    let named =
        json!({"output": {"name": "species", "classes": ["setosa", "versicolor", "virginica"]}});
    let made = taken(&flowers("Softmax", 3), named);
    assert_eq!(made.predictor.classes().unwrap()[2], "virginica");
    let (pointer, _) = fault(
        &flowers("Softmax", 3),
        json!({"output": {"classes": ["a", "b"]}}),
    );
    assert_eq!(pointer, "/signature/output/classes");
}

#[test]
fn of_two_classes_the_second_ones_probability_is_enough() {
    let alone = taken(&flowers("Sigmoid", 1), json!({}));
    assert_eq!(alone.signature.output.task, Task::Regression);
    let given = json!({"output": {"task": "classification", "classes": ["no", "yes"]}});
    let made = taken(&flowers("Sigmoid", 1), given);
    let row = [Value::Number(1.0); 3];
    let [no, yes] = made.predict(&row)[..] else {
        panic!("two classes");
    };
    assert_eq!(yes, alone.predict(&row)[0]);
    assert_eq!(no, 1.0 - yes);
    let mut out = vec![0.0; 6];
    made.predictor.predict_batch(&[row, row, row], &mut out);
    assert_eq!(out, [no, yes, no, yes, no, yes]);
}

#[test]
fn numbers_that_are_no_probabilities_are_no_answer() {
    let (pointer, expected) = fault(&flowers("Relu", 3), json!({}));
    assert_eq!(pointer, "/file");
    assert!(
        expected.contains("\"probabilities\" add up to"),
        "{expected}"
    );
    let told = json!({"output": {"classes": ["a", "b", "c"]}});
    let (_, expected) = fault(&flowers("Relu", 3), told);
    assert!(expected.contains("instead of scores"), "{expected}");
    let told = json!({"output": {"task": "regression"}});
    let (_, expected) = fault(&flowers("Softmax", 3), told);
    assert!(
        expected.starts_with("one number for each row"),
        "{expected}"
    );
}

#[test]
fn a_file_for_one_row_at_a_time_gets_them_one_by_one() {
    let made = taken(&line_of(&[1, 2]), json!({}));
    assert!(made.notes[0].ends_with("one by one"), "{:?}", made.notes);
    let rows = [[Value::Number(1.0), Value::Number(2.0)]; 5];
    let mut out = vec![0.0; 5];
    let done = made.predictor.predict_batch(&rows, &mut out);
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(out, [9.0; 5]);
    let (_, expected) = fault(&line_of(&[3, 2]), json!({}));
    assert!(expected.contains("first dimension"), "{expected}");
}

/// Each row less the mean of all: what one row is, depends on the others.
#[test]
fn rows_that_meddle_with_each_other_go_one_by_one() {
    let centred = file(
        &[
            node("ReduceSum", &["X", "rows"], &["sum"], &[]),
            node("Add", &["X", "sum"], &["y"], &[]),
        ],
        &[wholes("rows", &[1], &[0])],
        &[value("X", F32, &[FREE, 1])],
        &[value("y", F32, &[FREE, 1])],
    );
    let made = taken(&centred, json!({}));
    assert!(made.notes[0].ends_with("one by one"), "{:?}", made.notes);
    let mut out = vec![0.0; 3];
    let rows = [
        [Value::Number(1.0)],
        [Value::Number(2.0)],
        [Value::Number(3.0)],
    ];
    made.predictor.predict_batch(&rows, &mut out);
    assert_eq!(out, [2.0, 4.0, 6.0]);
}
