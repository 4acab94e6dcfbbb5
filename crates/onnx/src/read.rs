//! From a file's bytes to a model: everything that can be checked before a run is checked here.

mod classes;
mod graph;
mod limits;
mod node;
mod operators;
mod scan;
mod tensors;

use prost::Message as _;

use crate::error::Refused;
use crate::graph::planned;
use crate::model::Content;
use crate::proto::ModelProto;

pub(crate) use limits::MAX_BYTES;
pub(crate) use node::Node;
pub(crate) use operators::{Entry, MANY};
pub(crate) use tensors::{element, number, type_name};

pub(crate) fn read(bytes: &[u8]) -> Result<Content, Refused> {
    if bytes.len() > MAX_BYTES {
        return Err(Refused::TooLarge {
            what: "bytes",
            found: bytes.len(),
            limit: MAX_BYTES,
        });
    }
    scan::scan(bytes)?;
    let model = ModelProto::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
    if !model.functions.is_empty() {
        let count = model.functions.len();
        return Err(Refused::Functions { count });
    }
    let Some(graph) = &model.graph else {
        return Err(unreadable("it has no graph".to_owned()));
    };
    let opsets = operators::Opsets::new(&model.opset_import)?;
    let chosen = operators::chosen(&graph.node, &opsets)?;
    let read = graph::read(graph, &chosen)?;
    let classes = classes::classes(graph, &read.constants)?;
    Ok(Content {
        producer: producer(&model),
        opsets: opsets.listed(),
        classes,
        inputs: read.inputs,
        outputs: read.outputs,
        plan: planned(read.draft)?,
    })
}

fn unreadable(problem: String) -> Refused {
    Refused::Unreadable { problem }
}

fn producer(model: &ModelProto) -> Option<String> {
    if model.producer_name.is_empty() {
        return None;
    }
    let producer = format!("{} {}", model.producer_name, model.producer_version);
    Some(producer.trim_end().to_owned())
}
