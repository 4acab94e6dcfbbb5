//! Small models, written node by node.

use onnx::{Data, Element, Model, Refused, Tensor};
use prost::Message as _;

use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, kind,
};

pub(crate) struct Graph {
    pub(crate) model: ModelProto,
}

impl Graph {
    /// With the operators of these versions.
    pub(crate) fn new(opset: i64, ml: i64) -> Self {
        let import = |domain: &str, version| OperatorSetIdProto {
            domain: domain.to_owned(),
            version,
        };
        Self {
            model: ModelProto {
                opset_import: vec![import("", opset), import("ai.onnx.ml", ml)],
                graph: Some(GraphProto::default()),
                ..ModelProto::default()
            },
        }
    }

    /// A graph of one input `x` and one output `y`, of floats.
    pub(crate) fn of_floats(shape: &[Option<usize>]) -> Self {
        let mut graph = Self::new(17, 3);
        graph.input("x", Element::F32, shape);
        graph.output("y", Element::F32);
        graph
    }

    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Option<usize>]) {
        let value = value(name, element, Some(shape));
        self.graph().input.push(value);
    }

    pub(crate) fn output(&mut self, name: &str, element: Element) {
        let value = value(name, element, None);
        self.graph().output.push(value);
    }

    pub(crate) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.graph().node.push(NodeProto {
            input: names(inputs),
            output: names(outputs),
            name: format!("the {operator}"),
            op_type: operator.to_owned(),
            attribute: attributes,
            ..NodeProto::default()
        });
    }

    pub(crate) fn wholes(&mut self, name: &str, dims: &[usize], values: &[i64]) {
        self.graph().initializer.push(TensorProto {
            dims: dims.iter().map(|&length| length as i64).collect(),
            data_type: 7,
            int64_data: values.to_vec(),
            name: name.to_owned(),
            ..TensorProto::default()
        });
    }

    pub(crate) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        self.graph().initializer.push(TensorProto {
            dims: dims.iter().map(|&length| length as i64).collect(),
            data_type: 1,
            float_data: values.to_vec(),
            name: name.to_owned(),
            ..TensorProto::default()
        });
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    pub(crate) fn read(&self) -> Result<Model, Refused> {
        Model::read(&self.bytes())
    }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i,
        kind: kind::INT,
        ..AttributeProto::default()
    }
}

fn value(name: &str, element: Element, shape: Option<&[Option<usize>]>) -> ValueInfoProto {
    let elem_type = match element {
        Element::F32 => 1,
        Element::I32 => 6,
        Element::I64 => 7,
        Element::Text => 8,
        Element::Bool => 9,
        Element::F64 => 11,
    };
    let shape = shape.map(|shape| TensorShapeProto {
        dim: shape
            .iter()
            .map(|length| DimensionProto {
                dim_value: length.map(|length| length as i64),
                dim_param: None,
            })
            .collect(),
    });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto { elem_type, shape }),
            ..TypeProto::default()
        }),
    }
}

pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        data: Data::F32(values.to_vec()),
    }
}
