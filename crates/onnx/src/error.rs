use std::borrow::Cow;
use std::fmt;

use crate::tensor::Element;

/// Why a file is not taken. Every reason names what is in the way, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    #[error(
        "the file is not an ONNX model ({problem}): send the .onnx file as the exporter wrote it"
    )]
    Unreadable { problem: String },
    #[error("the file has {found} {what}, more than {limit}: export a smaller model")]
    TooLarge {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    #[error(
        "the model declares no version of the operators of {domain}: export it again with a target_opset"
    )]
    NoOpset { domain: &'static str },
    #[error(
        "version {found} of the operators of {domain} is not known, only {oldest} to {newest}: export with such a target_opset"
    )]
    Opset {
        domain: &'static str,
        found: i64,
        oldest: i64,
        newest: i64,
    },
    #[error(
        "operators that are not of the ONNX standard are used: {operators}; export with the standard's operators alone"
    )]
    CustomDomain { operators: String },
    #[error(
        "operators are used that are not known here: {operators}; export the model without them"
    )]
    UnknownOperators { operators: String },
    #[error(
        "the operator {operator} of node {node} came with version {since} of its operators, the model declares version {found}: \
             export with a target_opset of {since} or later"
    )]
    OldOperator {
        node: String,
        operator: String,
        since: i64,
        found: i64,
    },
    #[error(
        "node {node} ({operator}) holds a graph of its own, and loops and branches are not taken: export the model without them"
    )]
    ControlFlow { node: String, operator: String },
    #[error(
        "the model defines {count} functions of its own, which are not taken: inline them, as onnx.inliner does"
    )]
    Functions { count: usize },
    #[error(
        "tensor {tensor} is in a file of its own: save the model in one file, as onnx.save does without save_as_external_data"
    )]
    ExternalData { tensor: String },
    #[error("tensor {tensor} {problem}")]
    Tensor { tensor: String, problem: String },
    #[error("{value} is of the type {found}: take float, double, int64, int32, bool or string")]
    Type { value: String, found: String },
    #[error("{value} {problem}")]
    Value { value: String, problem: String },
    #[error("node {node} ({operator}) {problem}")]
    Node {
        node: String,
        operator: String,
        problem: String,
    },
}

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("the model takes {expected} inputs, but got {got}")]
    InputCount { expected: usize, got: usize },
    #[error("input {input} is of {expected}, but got {got}")]
    InputElement {
        input: String,
        expected: Element,
        got: Element,
    },
    #[error("input {input} {problem}")]
    Input { input: String, problem: String },
    #[error("the rows need more room than one call gets: send fewer rows at once")]
    TooLarge,
    #[error("node {node} ({operator}) {problem}")]
    Node {
        node: String,
        operator: String,
        problem: String,
    },
}

/// What a node's operator could not do. Whoever runs the node adds its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLarge,
    Because(Cow<'static, str>),
}

impl From<&'static str> for Fault {
    fn from(problem: &'static str) -> Self {
        Self::Because(Cow::Borrowed(problem))
    }
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Self::Because(Cow::Owned(problem))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLarge => "needs more room than one call gets: send fewer rows at once",
            Self::Because(problem) => problem,
        })
    }
}

/// A problem in words, without the end of one that lists far too much.
pub(crate) fn shortened(mut problem: String) -> String {
    const LONGEST: usize = 300;
    if let Some((end, _)) = problem.char_indices().nth(LONGEST) {
        problem.truncate(end);
        problem.push('…');
    }
    problem
}

/// How many characters of a name from a file are shown.
const SHOWN: usize = 80;

/// A name from a file as a message shows it: short, and without what would break a line.
pub(crate) fn quoted(name: &str) -> String {
    let mut shown = String::with_capacity(name.len().min(SHOWN) + 2);
    shown.push('`');
    for char in name.chars().take(SHOWN) {
        shown.push(if char.is_control() { '\u{fffd}' } else { char });
    }
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown.push('`');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_file_are_short_and_stay_on_their_line() {
        assert_eq!(quoted("dense/MatMul"), "`dense/MatMul`");
        assert_eq!(quoted("a\nb\0"), "`a\u{fffd}b\u{fffd}`");
        assert_eq!(quoted(&"é".repeat(500)).chars().count(), SHOWN + 3);
    }
}
