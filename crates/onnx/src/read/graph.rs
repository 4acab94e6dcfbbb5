//! A graph's names and order: every value is made once, by something that comes before what takes it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::node::{Node, label};
use super::operators::{Chosen, Entry};
use super::tensors::{self, Weight};
use super::{classes, limits};
use crate::error::{Refused, quoted};
use crate::graph::{Draft, Source, Step};
use crate::ops;
use crate::proto::{GraphProto, NodeProto, ValueInfoProto};
use crate::tensor::{Element, Field, Tensor};

/// The one operator that is a tensor of the file itself.
const CONSTANT: &str = "Constant";

/// A graph that was read.
pub(super) struct Read<'a> {
    pub(super) inputs: Vec<Field>,
    pub(super) outputs: Vec<Field>,
    pub(super) draft: Draft,
    /// Tensors of the file by their names, of lists alone.
    pub(super) constants: HashMap<&'a str, Tensor>,
}

pub(super) fn read<'a>(graph: &'a GraphProto, chosen: &[Chosen]) -> Result<Read<'a>, Refused> {
    limited(
        "inputs",
        graph.input.len(),
        limits::INPUTS + limits::INITIALIZERS,
    )?;
    limited("outputs", graph.output.len(), limits::OUTPUTS)?;
    if !graph.sparse_initializer.is_empty() {
        return Err(Refused::Value {
            value: "the model".to_owned(),
            problem: "has sparse tensors, which are not taken: make them dense".to_owned(),
        });
    }
    let mut names = Names::default();
    let mut weight = Weight::default();
    let mut constants = HashMap::new();
    for initializer in &graph.initializer {
        let tensor = tensors::tensor(initializer)?;
        weight.add(&tensor)?;
        keep_list(&mut constants, &initializer.name, &tensor);
        names.define(&initializer.name, Some(tensor))?;
    }
    let initializers = names.tensors.len();
    let mut inputs = Vec::new();
    let mut input_values = Vec::new();
    for input in &graph.input {
        // In old files a parameter is an input, too, with what the file has for it as its default.
        let number = names.number(&input.name);
        if number.is_some_and(|number| (number as usize) < initializers) {
            continue;
        }
        let Some(field) = tensors::field(input, "input")? else {
            return Err(Refused::Type {
                value: format!("input {}", quoted(&input.name)),
                found: "sequence".to_owned(),
            });
        };
        input_values.push(names.define(&input.name, None)?);
        inputs.push(field);
    }
    limited("inputs", inputs.len(), limits::INPUTS)?;

    // First all outputs, then the inputs: a file need not have its nodes in order.
    for (node, chosen) in graph.node.iter().zip(chosen) {
        check_arity(node, chosen.entry)?;
        let mut constant = None;
        if chosen.entry.name == CONSTANT {
            let tensor = ops::constant(&Node::new(node, chosen.opset))?;
            weight.add(&tensor)?;
            if let Some(name) = node.output.first() {
                keep_list(&mut constants, name, &tensor);
            }
            constant = Some(tensor);
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            names.define(output, constant.take())?;
        }
    }
    let mut steps = Vec::with_capacity(graph.node.len());
    for place in ordered(graph, &names)? {
        let (node, chosen) = (&graph.node[place], &chosen[place]);
        if chosen.entry.name != CONSTANT {
            steps.push(step(node, chosen, &names)?);
        }
    }
    let mut outputs = Vec::with_capacity(graph.output.len());
    let mut output_values = Vec::with_capacity(graph.output.len());
    for output in &graph.output {
        let value = names.number(&output.name).ok_or_else(|| Refused::Value {
            value: format!("output {}", quoted(&output.name)),
            problem: "is made by no node: export the model again".to_owned(),
        })?;
        output_values.push(value);
        outputs.push(output_field(graph, output)?);
    }
    if outputs.is_empty() {
        return Err(Refused::Value {
            value: "the model".to_owned(),
            problem: "has no outputs".to_owned(),
        });
    }
    Ok(Read {
        inputs,
        outputs,
        draft: Draft {
            steps,
            values: names.tensors,
            inputs: input_values,
            outputs: output_values,
        },
        constants,
    })
}

fn limited(what: &'static str, found: usize, limit: usize) -> Result<(), Refused> {
    if found > limit {
        return Err(Refused::TooLarge { what, found, limit });
    }
    Ok(())
}

/// Lists may turn out to be the names of classes.
fn keep_list<'a>(constants: &mut HashMap<&'a str, Tensor>, name: &'a str, tensor: &Tensor) {
    let is_list = matches!(
        tensor.element(),
        Element::Text | Element::I64 | Element::I32
    ) && tensor.len() <= 4096;
    if is_list {
        constants.insert(name, tensor.clone());
    }
}

/// The numbers of the values, by their names.
#[derive(Default)]
struct Names<'a> {
    numbers: HashMap<&'a str, u32>,
    tensors: Vec<Option<Tensor>>,
}

impl<'a> Names<'a> {
    fn define(&mut self, name: &'a str, tensor: Option<Tensor>) -> Result<u32, Refused> {
        let number = self.tensors.len() as u32;
        if name.is_empty() || self.numbers.insert(name, number).is_some() {
            return Err(Refused::Value {
                value: format!("value {}", quoted(name)),
                problem: "is made twice, or has no name: export the model again".to_owned(),
            });
        }
        self.tensors.push(tensor);
        Ok(number)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }
}

fn check_arity(node: &NodeProto, entry: &Entry) -> Result<(), Refused> {
    let fits = |found: usize, (least, most): (usize, usize)| (least..=most).contains(&found);
    // Inputs left out at the end may be named by nothing.
    let inputs = node.input.iter().rposition(|name| !name.is_empty());
    let inputs = inputs.map_or(0, |last| last + 1);
    if fits(inputs, entry.inputs)
        && node.input.len() <= entry.inputs.1
        && fits(node.output.len(), entry.outputs)
    {
        return Ok(());
    }
    Err(Refused::Node {
        node: quoted(label(node)),
        operator: entry.name.to_owned(),
        problem: format!(
            "has {inputs} inputs and {} outputs, which the operator does not take: export the model again",
            node.output.len()
        ),
    })
}

/// The places of the nodes, each behind those whose outputs it takes, and else as the file has them: who wrote it mostly made each
/// value just before what takes it, and a run then holds few at once.
fn ordered(graph: &GraphProto, names: &Names<'_>) -> Result<Vec<usize>, Refused> {
    let mut makers = HashMap::new();
    for (place, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            makers.insert(output.as_str(), place);
        }
    }
    let mut waiting = vec![0_usize; graph.node.len()];
    let mut takers = vec![Vec::new(); graph.node.len()];
    for (place, node) in graph.node.iter().enumerate() {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if names.number(input).is_none() {
                return Err(Refused::Node {
                    node: quoted(label(node)),
                    operator: quoted(&node.op_type),
                    problem: format!(
                        "takes {}, which nothing makes: export the model again",
                        quoted(input)
                    ),
                });
            }
            if let Some(&maker) = makers.get(input.as_str()) {
                waiting[place] += 1;
                takers[maker].push(place);
            }
        }
    }
    let mut ready = (0..graph.node.len())
        .filter(|&place| waiting[place] == 0)
        .map(Reverse)
        .collect::<BinaryHeap<_>>();
    let mut order = Vec::with_capacity(graph.node.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for &taker in &takers[place] {
            waiting[taker] -= 1;
            if waiting[taker] == 0 {
                ready.push(Reverse(taker));
            }
        }
    }
    if let Some(place) = waiting.iter().position(|&waiting| waiting > 0) {
        let node = &graph.node[place];
        return Err(Refused::Node {
            node: quoted(label(node)),
            operator: quoted(&node.op_type),
            problem: "takes what is made of its own output: export the model again".to_owned(),
        });
    }
    Ok(order)
}

fn step(node: &NodeProto, chosen: &Chosen, names: &Names<'_>) -> Result<Step, Refused> {
    let kernel = (chosen.entry.build)(&Node::new(node, chosen.opset))?;
    let inputs = node.input.iter().map(|input| {
        let slot = names.number(input)?;
        Some(Source::Slot { slot, last: false })
    });
    Ok(Step {
        node: label(node).to_owned(),
        operator: chosen.entry.name,
        kernel,
        inputs: inputs.collect(),
        outputs: node.output.iter().map(|name| names.number(name)).collect(),
        frees: Box::default(),
    })
}

/// A sequence of maps that a ZipMap makes is given as the probabilities that it is made of.
fn output_field(graph: &GraphProto, output: &ValueInfoProto) -> Result<Field, Refused> {
    if let Some(field) = tensors::field(output, "output")? {
        return Ok(field);
    }
    let maker = graph
        .node
        .iter()
        .find(|node| node.output.contains(&output.name));
    match maker {
        Some(node) if node.op_type == "ZipMap" => Ok(Field {
            name: output.name.clone(),
            element: Element::F32,
            shape: vec![None, classes::zipped(node).map(|classes| classes.len())],
        }),
        _ => Err(Refused::Type {
            value: format!("output {}", quoted(&output.name)),
            found: "sequence".to_owned(),
        }),
    }
}
