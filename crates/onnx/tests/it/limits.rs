//! What a run refuses, rather than take all memory or all time.

use onnx::{Data, Element, Model, Refused, RunError, Tensor};

use crate::graph::{Graph, floats, int};

fn run(graph: &Graph, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
    let model = graph.read().unwrap_or_else(|refused| panic!("{refused}"));
    model.run(inputs)
}

fn one_row() -> Vec<Tensor> {
    vec![floats(&[1, 2], &[1.0, 2.0])]
}

const ROWS: &[Option<usize>] = &[None, Some(2)];

#[test]
fn what_would_take_all_memory_is_refused() {
    for (operator, numbers) in [
        ("Expand", vec![1 << 20, 1 << 20, 2]),
        ("Expand", vec![i64::MAX, i64::MAX, 2]),
        ("Tile", vec![1 << 20, 1 << 20]),
        ("Tile", vec![i64::MAX, i64::MAX]),
        ("Pad", vec![0, 0, 1 << 40, 1]),
        ("Pad", vec![i64::MAX, i64::MAX, 0, 0]),
    ] {
        let mut graph = Graph::of_floats(ROWS);
        graph.wholes("n", &[numbers.len()], &numbers);
        graph.node(operator, &["x", "n"], &["y"], Vec::new());
        let error = run(&graph, one_row()).unwrap_err();
        let is_bounded = matches!(error, RunError::TooLarge | RunError::Node { .. });
        assert!(is_bounded, "{operator} {numbers:?}: {error}");
    }
}

/// What depends on no input is not computed ahead where it is too large, and no run has room for it either.
#[test]
fn large_constants_are_not_made() {
    for limit in [1 << 26, 1 << 40, i64::MAX] {
        let mut graph = Graph::of_floats(ROWS);
        graph.wholes("shape", &[1], &[limit]);
        graph.node("ConstantOfShape", &["shape"], &["zeros"], Vec::new());
        graph.node("ReduceSum", &["zeros"], &["none"], Vec::new());
        graph.node("Add", &["x", "none"], &["y"], Vec::new());
        assert_eq!(run(&graph, one_row()), Err(RunError::TooLarge));

        let mut graph = Graph::of_floats(ROWS);
        for (name, number) in [("start", 0), ("limit", limit), ("step", 1)] {
            graph.wholes(name, &[], &[number]);
        }
        graph.node("Range", &["start", "limit", "step"], &["range"], Vec::new());
        graph.node("Gather", &["x", "range"], &["y"], Vec::new());
        assert_eq!(run(&graph, one_row()), Err(RunError::TooLarge));
    }
}

#[test]
fn what_doubles_again_and_again_ends() {
    let mut graph = Graph::of_floats(ROWS);
    graph.node("Identity", &["x"], &["v0"], Vec::new());
    for step in 0..60 {
        let (from, to) = (format!("v{step}"), format!("v{}", step + 1));
        graph.node("Concat", &[&from, &from], &[&to], vec![int("axis", 1)]);
    }
    graph.node("Identity", &["v60"], &["y"], Vec::new());
    assert_eq!(run(&graph, one_row()), Err(RunError::TooLarge));
}

/// Nodes run in the file's order where that is one, so what is taken soon is not held for long.
#[test]
fn what_a_file_takes_at_once_is_let_go_before_the_next_is_made() {
    const WIDE: usize = 50_000;
    let mut graph = Graph::of_floats(&[None, Some(1)]);
    graph.floats("wide", &[1, WIDE], &vec![1.0; WIDE]);
    graph.node("Add", &["x", "wide"], &["sum0"], Vec::new());
    for step in 0..40 {
        let [made, from, to] = [("made", step), ("sum", step), ("sum", step + 1)]
            .map(|(name, step)| format!("{name}{step}"));
        graph.node("Sub", &["x", "wide"], &[&made], Vec::new());
        graph.node("Add", &[&from, &made], &[&to], Vec::new());
    }
    graph.node("Identity", &["sum40"], &["y"], Vec::new());
    let found = run(&graph, vec![floats(&[1, 1], &[3.0])]).unwrap();
    assert_eq!(found, [floats(&[1, WIDE], &vec![84.0; WIDE])]);
}

#[test]
fn what_would_take_all_time_ends() {
    // Each of these products alone is fine, and takes a second or so.
    let mut graph = Graph::of_floats(&[None, Some(1)]);
    graph.wholes("size", &[2], &[700, 700]);
    graph.node("Expand", &["x", "size"], &["v0"], Vec::new());
    for step in 0..200 {
        let (from, to) = (format!("v{step}"), format!("v{}", step + 1));
        graph.node("MatMul", &[&from, &from], &[&to], Vec::new());
    }
    graph.node("Identity", &["v200"], &["y"], Vec::new());
    assert_eq!(
        run(&graph, vec![floats(&[1, 1], &[0.0])]),
        Err(RunError::TooLarge)
    );
}

/// A tensor without elements may still have a dimension that would take years to walk along.
#[test]
fn long_ways_through_nothing_are_refused() {
    for dims in [[1_i64 << 40, 0], [0, 1 << 40]] {
        let mut graph = Graph::of_floats(ROWS);
        graph.floats("nothing", &dims.map(|length| length as usize), &[]);
        graph.node("ReduceSum", &["nothing"], &["sum"], Vec::new());
        graph.node("Add", &["x", "sum"], &["y"], Vec::new());
        assert!(matches!(graph.read(), Err(Refused::Tensor { .. })));
    }
    let mut graph = Graph::of_floats(ROWS);
    graph.floats("nothing", &[1 << 27, 0], &[]);
    graph.wholes("axis", &[1], &[1]);
    for step in 0..200 {
        let sum = format!("s{step}");
        graph.node(
            "ReduceSum",
            &["nothing", "axis"],
            &[&sum],
            vec![int("keepdims", 0)],
        );
        graph.node("Size", &[&sum], &[&format!("size{step}")], Vec::new());
    }
    graph.node("Identity", &["x"], &["y"], Vec::new());
    assert_eq!(run(&graph, one_row()), Ok(one_row()));
}

#[test]
fn inputs_must_be_those_of_the_model() {
    let mut graph = Graph::of_floats(ROWS);
    graph.input("z", Element::I64, &[None]);
    graph.node("Identity", &["x"], &["y"], Vec::new());
    let model = graph.read().unwrap();
    let numbers = |values: &[i64]| Tensor {
        shape: vec![values.len()],
        data: Data::I64(values.to_vec()),
    };
    let good = floats(&[2, 2], &[0.0; 4]);
    assert!(model.run(vec![good.clone(), numbers(&[1, 2])]).is_ok());
    let message = |inputs: Vec<Tensor>| model.run(inputs).unwrap_err().to_string();
    assert_eq!(
        message(vec![good.clone()]),
        "the model takes 2 inputs, but got 1"
    );
    assert_eq!(
        message(vec![good.clone(), good.clone()]),
        "input z is of int64, but got float"
    );
    assert_eq!(
        message(vec![good.clone(), numbers(&[1])]),
        "input z has 1 rows, and an input before it 2: send equally many of each"
    );
    assert_eq!(
        message(vec![floats(&[2, 3], &[0.0; 6]), numbers(&[1, 2])]),
        "input x has the shape [_, 2], but got [2, 3]"
    );
    assert_eq!(
        message(vec![floats(&[2, 2], &[0.0; 3]), numbers(&[1, 2])]),
        "input x has 3 elements, which do not make up the shape [2, 2]"
    );
    assert_eq!(
        message(vec![floats(&[usize::MAX, 2], &[]), numbers(&[1, 2])]),
        format!(
            "input x has 0 elements, which do not make up the shape [{}, 2]",
            usize::MAX
        )
    );
}

#[test]
fn a_fault_names_its_node() {
    let mut graph = Graph::of_floats(&[None, None]);
    graph.floats("w", &[2, 1], &[1.0, 2.0]);
    graph.node("MatMul", &["x", "w"], &["y"], Vec::new());
    let model = graph.read().unwrap();
    assert_eq!(
        model.run(vec![floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])]),
        Ok(vec![floats(&[2, 1], &[5.0, 11.0])])
    );
    assert_eq!(
        model
            .run(vec![floats(&[1, 3], &[0.0; 3])])
            .unwrap_err()
            .to_string(),
        "node `the MatMul` (MatMul) multiplies the shapes [1, 3] and [2, 1], which do not go together"
    );
}

#[test]
fn whole_numbers_are_not_divided_by_zero() {
    let mut graph = Graph::new(17, 3);
    graph.input("x", Element::I64, &[None]);
    graph.input("by", Element::I64, &[None]);
    graph.output("y", Element::I64);
    graph.node("Div", &["x", "by"], &["y"], Vec::new());
    let model = graph.read().unwrap();
    let numbers = |values: &[i64]| Tensor {
        shape: vec![values.len()],
        data: Data::I64(values.to_vec()),
    };
    assert_eq!(
        model.run(vec![numbers(&[7, i64::MIN]), numbers(&[-2, -1])]),
        Ok(vec![numbers(&[-3, i64::MIN])])
    );
    let error = model.run(vec![numbers(&[7]), numbers(&[0])]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("divides a whole number by zero")
    );
}

/// What fails in every run is refused when the file is read.
#[test]
fn constants_that_do_not_fit_are_refused() {
    let mut graph = Graph::of_floats(ROWS);
    graph.floats("v", &[2], &[1.0, 2.0]);
    graph.floats("w", &[3], &[1.0, 2.0, 3.0]);
    graph.node("Mul", &["v", "w"], &["product"], Vec::new());
    graph.node("Add", &["x", "product"], &["y"], Vec::new());
    assert_eq!(
        graph.read().unwrap_err().to_string(),
        "node `the Mul` (Mul) was given the shapes [2] and [3], which do not go together"
    );
}

#[test]
fn initializers_have_a_limit_together() {
    let mut graph = Graph::of_floats(ROWS);
    let values = vec![0.0; 6 << 20];
    for name in ["a", "b", "c"] {
        graph.floats(name, &[6 << 20], &values);
    }
    graph.node("Identity", &["x"], &["y"], Vec::new());
    assert!(matches!(
        graph.read(),
        Err(Refused::TooLarge {
            what: "bytes in its tensors",
            ..
        })
    ));
}

/// Inputs that several nodes take, the same one twice, and an output that is an input: nothing is given away too early.
#[test]
fn values_outlast_their_last_use() {
    let mut graph = Graph::of_floats(ROWS);
    graph.output("again", Element::F32);
    graph.output("x", Element::F32);
    graph.output("fixed", Element::F32);
    graph.floats("fixed", &[1], &[7.0]);
    graph.node("Mul", &["x", "x"], &["square"], Vec::new());
    graph.node("Relu", &["x"], &["positive"], Vec::new());
    graph.node("Neg", &["square"], &["negative"], Vec::new());
    graph.node("Add", &["square", "negative"], &["none"], Vec::new());
    graph.node("Add", &["none", "positive"], &["y"], Vec::new());
    graph.node("Identity", &["y"], &["again"], Vec::new());
    let outputs = run(&graph, vec![floats(&[1, 2], &[-1.0, 2.0])]).unwrap();
    assert_eq!(
        outputs,
        [
            floats(&[1, 2], &[0.0, 2.0]),
            floats(&[1, 2], &[0.0, 2.0]),
            floats(&[1, 2], &[-1.0, 2.0]),
            floats(&[1], &[7.0]),
        ]
    );
}

#[test]
fn nodes_may_come_in_any_order() {
    let mut graph = Graph::of_floats(ROWS);
    graph.node("Add", &["a", "b"], &["y"], Vec::new());
    graph.node("Neg", &["a"], &["b"], Vec::new());
    graph.node("Exp", &["x"], &["a"], Vec::new());
    let outputs = run(&graph, one_row()).unwrap();
    assert_eq!(outputs, [floats(&[1, 2], &[0.0, 0.0])]);
}

#[test]
fn an_operator_that_came_later_is_refused() {
    let mut graph = Graph::of_floats(ROWS);
    graph.model.opset_import[0].version = 11;
    graph.node("LayerNormalization", &["x", "x"], &["y"], Vec::new());
    assert!(matches!(
        graph.read(),
        Err(Refused::OldOperator {
            since: 17,
            found: 11,
            ..
        })
    ));
    let bytes = Graph::of_floats(ROWS).bytes();
    assert!(Model::read(&bytes).is_err());
}
