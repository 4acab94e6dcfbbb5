//! The writing side: a graph node by node, and the bytes of its file.

use std::collections::HashSet;

use prost::Message as _;

use crate::proto::{
    AttributeProto, DimensionProto, EntryProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    kind,
};
use crate::read::number;
use crate::tensor::{Data, Element, Field, Tensor};

/// What files are written in: releases of onnxruntime since 2022 read it. The set for machine learning is the lowest that has all
/// operators of the file.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const ML: &str = "ai.onnx.ml";

/// A graph that is being written.
#[derive(Debug)]
pub struct Draft {
    graph: GraphProto,
    /// All names of values, so that none is given twice.
    taken: HashSet<String>,
    /// How many values were named here.
    named: usize,
    ml: Option<i64>,
}

/// A value in a [`Draft`]: an input, a constant, or what a node makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire(String);

/// A node about to be added: an operator with its attributes.
#[derive(Debug)]
pub struct Op {
    node: NodeProto,
    /// Of the set for machine learning, the first version that has it.
    ml: Option<i64>,
}

/// Where a file comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub producer: &'a str,
    pub version: &'a str,
    /// Names and values that whoever reads the file may look at.
    pub facts: &'a [(&'a str, &'a str)],
}

impl Op {
    /// Of the standard's own set.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            node: NodeProto {
                op_type: name.to_owned(),
                ..NodeProto::default()
            },
            ml: None,
        }
    }

    /// Of the set for machine learning, which has it from version `since` on.
    #[must_use]
    pub fn ml(name: &str, since: i64) -> Self {
        let mut op = Self::new(name);
        ML.clone_into(&mut op.node.domain);
        op.ml = Some(since);
        op
    }

    #[must_use]
    pub fn int(self, name: &str, value: i64) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            i: value,
            kind: kind::INT,
            ..AttributeProto::default()
        })
    }

    #[must_use]
    pub fn ints(self, name: &str, values: Vec<i64>) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            ints: values,
            kind: kind::INTS,
            ..AttributeProto::default()
        })
    }

    #[must_use]
    pub fn texts<'t>(self, name: &str, texts: impl IntoIterator<Item = &'t str>) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            strings: texts.into_iter().map(Into::into).collect(),
            kind: kind::STRINGS,
            ..AttributeProto::default()
        })
    }

    #[must_use]
    pub fn tensor(self, name: &str, tensor: &Tensor) -> Self {
        self.of_tensor(name, proto(tensor))
    }

    /// A list of numbers of 8 bits, which no tensor here has.
    #[must_use]
    pub fn bytes(self, name: &str, bytes: Vec<u8>) -> Self {
        let tensor = TensorProto {
            dims: vec![bytes.len() as i64],
            data_type: number::UINT8,
            raw_data: Some(bytes),
            ..TensorProto::default()
        };
        self.of_tensor(name, tensor)
    }

    /// What `Cast` makes.
    #[must_use]
    pub fn to(self, element: Element) -> Self {
        self.int("to", data_type(element).into())
    }

    fn of_tensor(self, name: &str, tensor: TensorProto) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            t: Some(tensor),
            kind: kind::TENSOR,
            ..AttributeProto::default()
        })
    }

    fn with(mut self, attribute: AttributeProto) -> Self {
        self.node.attribute.push(attribute);
        self
    }
}

impl Draft {
    /// With the graph's inputs, which keep their names.
    #[must_use]
    pub fn new(inputs: &[Field]) -> Self {
        Self {
            graph: GraphProto {
                name: "model".to_owned(),
                input: inputs.iter().map(value_info).collect(),
                ..GraphProto::default()
            },
            taken: inputs.iter().map(|input| input.name.clone()).collect(),
            named: 0,
            ml: None,
        }
    }

    /// The inputs, in their order.
    pub fn inputs(&self) -> Vec<Wire> {
        let inputs = self.graph.input.iter();
        inputs.map(|input| Wire(input.name.clone())).collect()
    }

    pub fn constant(&mut self, tensor: &Tensor) -> Wire {
        let wire = self.next();
        let mut proto = proto(tensor);
        proto.name.clone_from(&wire.0);
        self.graph.initializer.push(proto);
        wire
    }

    /// What the node makes of these inputs.
    pub fn add(&mut self, op: Op, inputs: &[&Wire]) -> Wire {
        let [wire] = self.add_of(op, inputs);
        wire
    }

    /// As [`Self::add`], of a node with several outputs.
    pub fn add_of<const OUTPUTS: usize>(&mut self, op: Op, inputs: &[&Wire]) -> [Wire; OUTPUTS] {
        let outputs: [Wire; OUTPUTS] = std::array::from_fn(|_| self.next());
        let mut node = op.node;
        node.input = inputs.iter().map(|wire| wire.0.clone()).collect();
        node.output = outputs.iter().map(|wire| wire.0.clone()).collect();
        node.name = format!("{} {}", node.op_type, self.graph.node.len());
        self.ml = self.ml.max(op.ml);
        self.graph.node.push(node);
        outputs
    }

    /// Makes what a node makes an output of the graph: under this name, or one like it where an input has it.
    pub fn output(&mut self, wire: &Wire, name: &str, element: Element, width: Option<usize>) {
        let mut name = name.to_owned();
        while self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        for node in &mut self.graph.node {
            for value in node.input.iter_mut().chain(&mut node.output) {
                if *value == wire.0 {
                    value.clone_from(&name);
                }
            }
        }
        let mut shape = vec![None];
        shape.extend(width.map(Some));
        let field = Field {
            name,
            element,
            shape,
        };
        self.graph.output.push(value_info(&field));
    }

    /// The file.
    #[must_use]
    pub fn finish(self, origin: &Origin<'_>) -> Vec<u8> {
        let set = |domain: &str, version| OperatorSetIdProto {
            domain: domain.to_owned(),
            version,
        };
        let entry = |(key, value): &(&str, &str)| EntryProto {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: origin.producer.to_owned(),
            producer_version: origin.version.to_owned(),
            graph: Some(self.graph),
            opset_import: [set("", OPSET)]
                .into_iter()
                .chain(self.ml.map(|version| set(ML, version)))
                .collect(),
            metadata_props: origin.facts.iter().map(entry).collect(),
            functions: Vec::new(),
        };
        model.encode_to_vec()
    }

    fn next(&mut self) -> Wire {
        loop {
            let name = format!("t{}", self.named);
            self.named += 1;
            if self.taken.insert(name.clone()) {
                return Wire(name);
            }
        }
    }
}

fn data_type(element: Element) -> i32 {
    match element {
        Element::F32 => number::FLOAT,
        Element::F64 => number::DOUBLE,
        Element::I64 => number::INT64,
        Element::I32 => number::INT32,
        Element::Bool => number::BOOL,
        Element::Text => number::STRING,
    }
}

fn value_info(field: &Field) -> ValueInfoProto {
    // A name for a free dimension says that it is the same one wherever it stands.
    let dimension = |length: &Option<usize>| DimensionProto {
        dim_value: length.map(|length| length as i64),
        dim_param: length.is_none().then(|| "rows".to_owned()),
    };
    ValueInfoProto {
        name: field.name.clone(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: data_type(field.element),
                shape: Some(TensorShapeProto {
                    dim: field.shape.iter().map(dimension).collect(),
                }),
            }),
            ..TypeProto::default()
        }),
    }
}

fn proto(tensor: &Tensor) -> TensorProto {
    let mut proto = TensorProto {
        dims: tensor.shape.iter().map(|&length| length as i64).collect(),
        data_type: data_type(tensor.data.element()),
        ..TensorProto::default()
    };
    let raw: Vec<u8> = match &tensor.data {
        Data::Text(texts) => {
            proto.string_data = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            return proto;
        }
        Data::F32(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        Data::F64(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        Data::I64(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        Data::I32(values) => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
    };
    proto.raw_data = Some(raw);
    proto
}
