//! Models that another engine computes: their file, and what is known of them here.

use domain::datasets::ColumnType;
use domain::models::{OutputField, REMOTE, RemoteEndpoint, RemoteProtocol, Signature};
use model::{
    Artifact, Body, Datatype, OTHER, PredictError, Predictor, Remote, RemoteAnswer, RemoteTensor,
    Value, check_row, decode, encode,
};
use serde_json::{Map, json};

use crate::input;

fn tensor(name: &str, datatype: Datatype, columns: usize) -> RemoteTensor {
    RemoteTensor {
        name: name.to_owned(),
        datatype,
        columns,
        is_matrix: columns > 1,
    }
}

fn artifact() -> Artifact {
    Artifact {
        algorithm: REMOTE.to_owned(),
        params: Map::new(),
        signature: Signature {
            inputs: vec![
                input("a", ColumnType::Float, false, None),
                input("b", ColumnType::Integer, true, None),
                input("c", ColumnType::Integer, false, None),
                input("text", ColumnType::String, false, None),
            ],
            output: OutputField::regression("y"),
        },
        body: Body::Remote(Remote {
            endpoint: RemoteEndpoint {
                protocol: RemoteProtocol::OipV2,
                url: "http://engine:8000".to_owned(),
                model: "m".to_owned(),
                version: Some("1".to_owned()),
                timeout_ms: None,
            },
            tensors: vec![
                tensor("x", Datatype::Fp32, 2),
                tensor("c", Datatype::Uint8, 1),
                tensor("text", Datatype::Bytes, 1),
            ],
            output: "y".to_owned(),
            answer: RemoteAnswer::Number,
        }),
        background: None,
    }
}

#[test]
fn the_file_says_all_and_always_the_same() {
    let bytes = encode(&artifact()).unwrap();
    assert_eq!(decode(&bytes).unwrap(), artifact());
    assert_eq!(encode(&decode(&bytes).unwrap()).unwrap(), bytes);
    for place in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert!(decode(&damaged).is_err(), "{place}");
    }
}

#[test]
fn tensors_that_are_not_the_inputs_are_no_model() {
    type Change = fn(&mut Remote);
    let changes: [Change; 5] = [
        |remote| remote.tensors[0].columns = 1,
        |remote| remote.tensors[0].is_matrix = false,
        |remote| remote.tensors[0].datatype = Datatype::Bytes,
        |remote| drop(remote.tensors.pop()),
        |remote| remote.answer = RemoteAnswer::Label,
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut artifact = artifact();
        let Body::Remote(remote) = &mut artifact.body else {
            unreachable!()
        };
        change(remote);
        assert!(encode(&artifact).is_err(), "{place}");
    }
}

#[test]
fn a_value_is_taken_if_its_datatype_holds_it() {
    let predictor = Predictor::new(&artifact());
    let number = Value::Number;
    for (slot, good, bad) in [
        (0, vec![number(3.4e38), number(-0.5)], vec![number(3.5e38)]),
        (1, vec![number(7.0), Value::Missing], vec![number(-1e39)]),
        (
            2,
            vec![number(0.0), number(255.0)],
            vec![number(-1.0), number(256.0), number(0.5)],
        ),
        (3, vec![Value::Category(OTHER)], vec![]),
    ] {
        for value in good {
            assert!(predictor.takes(slot, value), "{slot} {value:?}");
        }
        for value in bad {
            assert!(predictor.refusal(slot, value).is_some(), "{slot} {value:?}");
        }
    }
    let row = json!({"a": 1, "b": null, "c": 2, "text": "whatever there is"});
    let row = check_row(&predictor, None, row.as_object().unwrap()).unwrap();
    let mut out = [0.0];
    let here = predictor.predict(&row, &mut out);
    assert_eq!(here, Err(PredictError::Elsewhere));
    assert!(predictor.explainable_rows().is_err());
}
