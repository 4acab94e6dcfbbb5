//! Which operators a file uses, of which version, and whether all of them are known.

use std::collections::BTreeMap;

use super::node::{Node, label};
use crate::error::{Refused, quoted};
use crate::graph::Operator;
use crate::proto::{NodeProto, OperatorSetIdProto, kind};
use crate::{ml, ops};

/// An operator as it is known here.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// The first version of its set in which it means what is computed here.
    pub(crate) since: i64,
    /// How many inputs it takes, at least and at most.
    pub(crate) inputs: (usize, usize),
    pub(crate) outputs: (usize, usize),
    pub(crate) build: Build,
}

impl Entry {
    pub(crate) const fn new(
        name: &'static str,
        since: i64,
        inputs: (usize, usize),
        outputs: (usize, usize),
        build: Build,
    ) -> Self {
        Self {
            name,
            since,
            inputs,
            outputs,
            build,
        }
    }
}

/// Makes of a node's attributes what computes it.
pub(crate) type Build = fn(&Node<'_>) -> Result<Box<dyn Operator>, Refused>;

/// The most inputs of an operator that takes any number of them.
pub(crate) const MANY: usize = 4096;

/// The sets of operators that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Onnx,
    Ml,
}

impl Domain {
    fn of(name: &str) -> Option<Self> {
        match name {
            "" | "ai.onnx" => Some(Self::Onnx),
            "ai.onnx.ml" => Some(Self::Ml),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Onnx => "ai.onnx",
            Self::Ml => "ai.onnx.ml",
        }
    }

    /// The versions of the set whose operators are known.
    fn versions(self) -> (i64, i64) {
        match self {
            Self::Onnx => (1, 23),
            Self::Ml => (1, 5),
        }
    }
}

/// The sets that a file declares.
pub(super) struct Opsets {
    onnx: Option<i64>,
    ml: Option<i64>,
    declared: Vec<(String, i64)>,
}

impl Opsets {
    pub(super) fn new(imports: &[OperatorSetIdProto]) -> Result<Self, Refused> {
        let mut opsets = Self {
            onnx: None,
            ml: None,
            declared: Vec::new(),
        };
        for import in imports {
            let Some(domain) = Domain::of(&import.domain) else {
                // Only what is used of it matters.
                opsets
                    .declared
                    .push((import.domain.clone(), import.version));
                continue;
            };
            let (oldest, newest) = domain.versions();
            if !(oldest..=newest).contains(&import.version) {
                return Err(Refused::Opset {
                    domain: domain.name(),
                    found: import.version,
                    oldest,
                    newest,
                });
            }
            opsets
                .declared
                .push((domain.name().to_owned(), import.version));
            let version = match domain {
                Domain::Onnx => &mut opsets.onnx,
                Domain::Ml => &mut opsets.ml,
            };
            *version = (*version).max(Some(import.version));
        }
        Ok(opsets)
    }

    pub(super) fn listed(self) -> Vec<(String, i64)> {
        self.declared
    }

    fn version(&self, domain: Domain) -> Result<i64, Refused> {
        let version = match domain {
            Domain::Onnx => self.onnx,
            Domain::Ml => self.ml,
        };
        version.ok_or(Refused::NoOpset {
            domain: domain.name(),
        })
    }
}

/// What computes a node, to be built from its attributes.
pub(super) struct Chosen {
    pub(super) entry: &'static Entry,
    pub(super) opset: i64,
}

/// The operator of each node.
///
/// # Errors
/// Names all operators at once that are not known, so that nobody has to find them one by one.
pub(super) fn chosen(nodes: &[NodeProto], opsets: &Opsets) -> Result<Vec<Chosen>, Refused> {
    let mut custom = BTreeMap::new();
    let mut unknown = BTreeMap::new();
    let mut chosen = Vec::with_capacity(nodes.len());
    for node in nodes {
        if holds_graph(node) {
            return Err(Refused::ControlFlow {
                node: quoted(label(node)),
                operator: quoted(&node.op_type),
            });
        }
        let Some(domain) = Domain::of(&node.domain) else {
            let name = (node.domain.as_str(), node.op_type.as_str());
            *custom.entry(name).or_insert(0_usize) += 1;
            continue;
        };
        let entry = match domain {
            Domain::Onnx => ops::find(&node.op_type),
            Domain::Ml => ml::find(&node.op_type),
        };
        let Some(entry) = entry else {
            let name = (domain.name(), node.op_type.as_str());
            *unknown.entry(name).or_insert(0_usize) += 1;
            continue;
        };
        let opset = opsets.version(domain)?;
        if opset < entry.since {
            return Err(Refused::OldOperator {
                node: quoted(label(node)),
                operator: entry.name.to_owned(),
                since: entry.since,
                found: opset,
            });
        }
        chosen.push(Chosen { entry, opset });
    }
    if !custom.is_empty() {
        return Err(Refused::CustomDomain {
            operators: listed(&custom),
        });
    }
    if !unknown.is_empty() {
        return Err(Refused::UnknownOperators {
            operators: listed(&unknown),
        });
    }
    Ok(chosen)
}

fn holds_graph(node: &NodeProto) -> bool {
    let is_onnx = Domain::of(&node.domain) == Some(Domain::Onnx);
    let is_control = matches!(
        node.op_type.as_str(),
        "If" | "Loop" | "Scan" | "SequenceMap"
    );
    is_onnx && is_control
        || node.attribute.iter().any(|attribute| {
            attribute.g.is_some()
                || !attribute.graphs.is_empty()
                || matches!(attribute.kind, kind::GRAPH | kind::GRAPHS)
        })
}

/// How many different operators a message names.
const LISTED: usize = 20;

fn listed(counts: &BTreeMap<(&str, &str), usize>) -> String {
    let mut names = counts
        .iter()
        .take(LISTED)
        .map(|((domain, operator), count)| {
            let name = quoted(&format!("{domain}.{operator}"));
            match count {
                1 => name,
                count => format!("{name} ({count} times)"),
            }
        })
        .collect::<Vec<_>>();
    if counts.len() > LISTED {
        names.push(format!("and {} more", counts.len() - LISTED));
    }
    names.join(", ")
}
