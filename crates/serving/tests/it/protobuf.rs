//! The Open Inference Protocol as gRPC carries it.

use model::Predictor;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use serving::dialects::oip::messages::{InferInputTensor, InferTensorContents, ModelInferRequest};
use serving::dialects::oip::protobuf::Addressee;
use serving::dialects::{Dialect as _, Protobuf};
use serving::request::parse;

use crate::built::artifact;

fn predictor() -> Predictor {
    Predictor::new(&model::decode(&artifact(0.0)).unwrap())
}

fn dialect() -> Protobuf {
    Protobuf {
        name: "price".to_owned(),
    }
}

fn input(name: &str, datatype: &str) -> InferInputTensor {
    InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: vec![2],
        ..InferInputTensor::default()
    }
}

fn raw() -> ModelInferRequest {
    ModelInferRequest {
        model_name: "price".to_owned(),
        model_version: "2".to_owned(),
        inputs: vec![
            input("rooms", "INT32"),
            input("area", "FP64"),
            input("place", "BYTES"),
        ],
        raw_input_contents: vec![
            vec![3, 0, 0, 0, 4, 0, 0, 0],
            [1.5_f64, f64::NAN]
                .into_iter()
                .flat_map(f64::to_le_bytes)
                .collect(),
            b"\x06\0\0\0INLAND\x09\0\0\0elsewhere".to_vec(),
        ],
        ..ModelInferRequest::default()
    }
}

fn typed() -> ModelInferRequest {
    let mut request = raw();
    request.raw_input_contents.clear();
    let contents = [
        InferTensorContents {
            int_contents: vec![3, 4],
            ..InferTensorContents::default()
        },
        InferTensorContents {
            fp64_contents: vec![1.5, f64::NAN],
            ..InferTensorContents::default()
        },
        InferTensorContents {
            bytes_contents: vec![b"INLAND".to_vec(), b"elsewhere".to_vec()],
            ..InferTensorContents::default()
        },
    ];
    for (input, contents) in request.inputs.iter_mut().zip(contents) {
        input.contents = Some(Box::new(contents));
    }
    request
}

#[test]
fn both_ways_to_send_values_hold_the_rows_of_other_shapes() {
    let native =
        r#"{"inputs":[{"rooms":3,"area":1.5,"place":"INLAND"},{"rooms":4,"place":"elsewhere"}]}"#;
    let expected = parse(&predictor(), native.as_bytes()).unwrap();
    for request in [raw(), typed()] {
        let (rows, _) = dialect()
            .read(&predictor(), &request.encode_to_vec())
            .unwrap();
        assert_eq!(rows, expected);
    }
}

#[test]
fn the_log_has_rows() {
    for request in [raw(), typed()] {
        let logged = dialect()
            .inputs(&predictor(), &request.encode_to_vec())
            .unwrap();
        let logged: Value = serde_json::from_slice(&logged).unwrap();
        let expected = json!([
            {"rooms": 3.0, "area": 1.5, "place": "INLAND"},
            {"rooms": 4.0, "area": null, "place": "elsewhere"},
        ]);
        assert_eq!(logged, expected);
    }
}

#[test]
fn who_is_to_answer_is_read_without_the_tensors() {
    let addressee = Addressee::of(&raw().encode_to_vec()).unwrap();
    assert_eq!((&*addressee.name, &*addressee.version), ("price", "2"));
    // Two bytes each, and far more once they are read.
    let many = [0x2a, 0].repeat(500_000);
    let error = Addressee::of(&many).unwrap_err();
    assert_eq!(
        (&*error.pointer, error.got.as_deref()),
        ("/inputs", Some("500000"))
    );
}

proptest! {
    /// Nothing that is sent breaks the reader.
    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Addressee::of(&body);
        let _ = dialect().read(&predictor(), &body);
    }

    #[test]
    fn any_mangled_message_is_answered(
        is_raw in any::<bool>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = if is_raw { raw() } else { typed() }.encode_to_vec();
        prop_assert!(dialect().read(&predictor(), &body).is_ok());
        let (at, cut) = (at.index(body.len()), cut.index(body.len()));
        body[at] = byte;
        for body in [&body[..], &body[..cut]] {
            let _ = Addressee::of(body);
            let _ = dialect().read(&predictor(), body);
        }
    }
}
