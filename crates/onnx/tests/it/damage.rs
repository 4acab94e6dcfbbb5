//! Files that something happened to: no byte and no number in them may end the process or take all of its memory.

use onnx::{Model, Tensor};
use proptest::prelude::*;
use prost::Message as _;

use crate::equality::example;
use crate::proto::{GraphProto, ModelProto};
use crate::{files, fixtures};

/// Files that are small, and have something of everything.
const FILES: [&str; 12] = [
    "titanic_logistic",
    "titanic_ordinal",
    "titanic_calibrated",
    "housing_zoo",
    "housing_hist",
    "network",
    "proximity_svc",
    "lightgbm_sets",
    "trees_float64",
    "operators_shapes",
    "operators_reductions",
    "operators_features",
];

/// What is left of the limits in [`Model::run`] must hold for every file.
const MOST_ELEMENTS: usize = 1 << 26;

fn originals() -> Vec<(Vec<u8>, Vec<Tensor>)> {
    let all = files(&fixtures());
    let of = |name: &&str| {
        let (_, bytes) = all.iter().find(|(file, _)| file == *name).unwrap();
        (bytes.clone(), example(name).inputs)
    };
    FILES.iter().map(of).collect()
}

/// Whatever the bytes are, reading and running them ends, and what comes of it is whole.
fn try_out(bytes: &[u8], inputs: &[Tensor]) {
    let Ok(model) = Model::read(bytes) else {
        return;
    };
    if let Ok(outputs) = model.run(inputs.to_vec()) {
        assert_eq!(outputs.len(), model.outputs().len());
        for output in outputs {
            assert_eq!(output.shape.iter().product::<usize>(), output.data.len());
            assert!(output.data.len() <= MOST_ELEMENTS);
        }
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        6 => (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Flip(place, byte)),
        1 => place().prop_map(Damage::Cut),
        2 => (place(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        2 => (place(), 1..20_usize).prop_map(|(place, length)| Damage::Remove(place, length)),
        1 => (place(), 1..200_usize).prop_map(|(place, length)| Damage::Repeat(place, length)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: Vec<Damage>) -> Vec<u8> {
    for damage in damage {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match damage {
            Damage::Flip(place, byte) => bytes[place.index(length)] ^= byte,
            Damage::Cut(place) => bytes.truncate(place.index(length)),
            Damage::Insert(place, more) => {
                let place = place.index(length);
                bytes.splice(place..place, more);
            }
            Damage::Remove(place, count) => {
                let place = place.index(length);
                bytes.drain(place..(place + count).min(length));
            }
            Damage::Repeat(place, count) => {
                let place = place.index(length);
                let part = bytes[place..(place + count).min(length)].to_vec();
                bytes.splice(place..place, part);
            }
        }
    }
    bytes
}

/// A change that leaves the file a file, but makes something else of its graph.
#[derive(Clone, Debug)]
enum Change {
    /// A number in an attribute or a tensor.
    Number(prop::sample::Index, prop::sample::Index, i64),
    /// What a node takes, from anywhere in the graph.
    Input(
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
    ),
    /// What a node is.
    Operator(prop::sample::Index, prop::sample::Index),
    /// A dimension that a tensor claims.
    Dimension(prop::sample::Index, i64),
    LoseAttribute(prop::sample::Index, prop::sample::Index),
    LoseInput(prop::sample::Index),
    Opset(i64),
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3..8_i64,
        Just(i64::MIN),
        Just(i64::MAX),
        Just(1 << 31),
        Just(1 << 40),
        any::<i64>(),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        4 => (place(), place(), number()).prop_map(|(a, b, number)| Change::Number(a, b, number)),
        4 => (place(), place(), place()).prop_map(|(a, b, c)| Change::Input(a, b, c)),
        3 => (place(), place()).prop_map(|(a, b)| Change::Operator(a, b)),
        1 => (place(), number()).prop_map(|(a, number)| Change::Dimension(a, number)),
        2 => (place(), place()).prop_map(|(a, b)| Change::LoseAttribute(a, b)),
        1 => place().prop_map(Change::LoseInput),
        1 => (1..24_i64).prop_map(Change::Opset),
    ]
}

const OPERATORS: [&str; 60] = [
    "Identity",
    "Cast",
    "CastLike",
    "ConstantOfShape",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "GatherElements",
    "GatherND",
    "ScatterElements",
    "Shape",
    "Size",
    "Range",
    "Expand",
    "Tile",
    "Pad",
    "Where",
    "Equal",
    "Less",
    "And",
    "Not",
    "IsNaN",
    "Add",
    "Div",
    "Mod",
    "Pow",
    "Max",
    "Mean",
    "Clip",
    "PRelu",
    "Relu",
    "Erf",
    "Softmax",
    "Hardmax",
    "MatMul",
    "Gemm",
    "BatchNormalization",
    "LayerNormalization",
    "InstanceNormalization",
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceLogSumExp",
    "ArgMax",
    "TopK",
    "CumSum",
    "Dropout",
    "OneHot",
    "ArrayFeatureExtractor",
    "Scaler",
    "Normalizer",
    "Imputer",
    "LabelEncoder",
    "ZipMap",
];

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut model = ModelProto::decode(bytes).unwrap();
    for change in changes {
        if let Change::Opset(version) = change {
            for import in &mut model.opset_import {
                let most = if import.domain.is_empty() { 23 } else { 5 };
                import.version = version % most + 1;
            }
        }
        apply(model.graph.as_mut().unwrap(), change);
    }
    model.encode_to_vec()
}

fn apply(graph: &mut GraphProto, change: &Change) {
    let names = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter())
        .chain(graph.initializer.iter().map(|tensor| &tensor.name))
        .chain(graph.input.iter().map(|input| &input.name))
        .cloned()
        .collect::<Vec<_>>();
    let count = graph.node.len();
    match change {
        Change::Number(node, which, number) => {
            let attributes = &mut graph.node[node.index(count)].attribute;
            if attributes.is_empty() {
                let Some(tensor) = (!graph.initializer.is_empty())
                    .then(|| which.index(graph.initializer.len()))
                    .map(|place| &mut graph.initializer[place])
                else {
                    return;
                };
                if let Some(first) = tensor.int64_data.first_mut() {
                    *first = *number;
                } else if let (7, Some(raw)) = (tensor.data_type, &mut tensor.raw_data)
                    && let Some(first) = raw.first_chunk_mut::<8>()
                {
                    *first = number.to_le_bytes();
                }
                return;
            }
            let place = which.index(attributes.len());
            let attribute = &mut attributes[place];
            attribute.i = *number;
            if !attribute.ints.is_empty() {
                let place = which.index(attribute.ints.len());
                attribute.ints[place] = *number;
            }
        }
        Change::Input(node, input, name) => {
            let inputs = &mut graph.node[node.index(count)].input;
            if !inputs.is_empty() {
                let place = input.index(inputs.len());
                inputs[place].clone_from(name.get(&names));
            }
        }
        Change::Operator(node, operator) => {
            let node = &mut graph.node[node.index(count)];
            let operator = *operator.get(&OPERATORS);
            operator.clone_into(&mut node.op_type);
            let ml = [
                "ArrayFeatureExtractor",
                "Scaler",
                "Normalizer",
                "Imputer",
                "LabelEncoder",
                "ZipMap",
            ];
            let domain = if ml.contains(&operator) {
                "ai.onnx.ml"
            } else {
                ""
            };
            domain.clone_into(&mut node.domain);
        }
        Change::Dimension(tensor, number) => {
            if !graph.initializer.is_empty() {
                let place = tensor.index(graph.initializer.len());
                let tensor = &mut graph.initializer[place];
                if let Some(first) = tensor.dims.first_mut() {
                    *first = *number;
                }
            }
        }
        Change::LoseAttribute(node, which) => {
            let attributes = &mut graph.node[node.index(count)].attribute;
            if !attributes.is_empty() {
                attributes.remove(which.index(attributes.len()));
            }
        }
        Change::LoseInput(node) => {
            graph.node[node.index(count)].input.pop();
        }
        Change::Opset(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_bytes_are_refused_or_run(
        file in 0..FILES.len(),
        damage in prop::collection::vec(damage(), 1..6),
    ) {
        let (bytes, inputs) = &originals()[file];
        try_out(&damaged(bytes.clone(), damage), inputs);
    }

    #[test]
    fn graphs_that_make_no_sense_are_refused_or_run(
        file in 0..FILES.len(),
        changes in prop::collection::vec(change(), 1..8),
    ) {
        let (bytes, inputs) = &originals()[file];
        try_out(&changed(bytes, &changes), inputs);
    }

    #[test]
    fn any_bytes_are_refused_or_run(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_out(&bytes, &[]);
    }
}
