//! Files that must not be taken, and what is said of them.

use onnx::{Model, Refused};

use crate::{files, fixtures};

/// For each file what its message must say, besides a way out.
const REASONS: [(&str, &str); 28] = [
    ("control_flow", "node `again` (`Loop`) holds a graph"),
    ("custom_domain", "`com.microsoft.FusedMatMul`"),
    ("cycle", "takes what is made of its own output"),
    ("defined_twice", "value `y` is made twice"),
    (
        "dims_mismatch",
        "tensor `w` claims the dimensions [2, 2], but has 2 elements",
    ),
    ("empty", "it has no graph"),
    ("external_above", "tensor `w` is in a file of its own"),
    ("external_absolute", "tensor `w` is in a file of its own"),
    ("external_beside", "tensor `w` is in a file of its own"),
    ("external_disguised", "tensor `w` is in a file of its own"),
    ("function", "defines 1 functions"),
    ("half_precision", "input `x` is of the type float16"),
    (
        "huge_claim",
        "tensor `w` claims the dimensions [1099511627776, 1099511627776]",
    ),
    (
        "large_claim",
        "tensor `w` claims the dimensions [536870912]",
    ),
    ("many_nodes", "20001 nodes, more than 20000"),
    ("negative_claim", "tensor `w` claims the dimensions [-1]"),
    ("no_opset", "no version of the operators of ai.onnx"),
    ("no_output", "output `y` is made by no node"),
    ("not_a_model", "not an ONNX model"),
    ("sequence", "output `y` is of the type sequence"),
    (
        "too_new",
        "version 99 of the operators of ai.onnx is not known",
    ),
    ("training", "normalises as in training"),
    ("tree_cycle", "leads back to a node above"),
    (
        "tree_outside",
        "leads to nodes or features that are not there",
    ),
    ("truncated", "not an ONNX model"),
    ("undefined", "takes `nothing`, which nothing makes"),
    (
        "unknown_operators",
        "`ai.onnx.Conv` (2 times), `ai.onnx.LSTM`",
    ),
    ("unknown_operators", "export the model without them"),
];

#[test]
fn every_file_is_refused_for_its_reason() {
    for (name, bytes) in files(&fixtures().join("refused")) {
        let refused = Model::read(&bytes).unwrap_err().to_string();
        let mut known = REASONS.iter().filter(|(file, _)| *file == name).peekable();
        assert!(known.peek().is_some(), "{name}: {refused}");
        for (_, reason) in known {
            assert!(refused.contains(reason), "{name}: {refused}");
        }
        assert!(refused.len() < 400, "{name}: {refused}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_looked_into() {
    let bytes = vec![0; Model::MAX_BYTES + 1];
    assert!(matches!(
        Model::read(&bytes),
        Err(Refused::TooLarge { what: "bytes", .. })
    ));
}
