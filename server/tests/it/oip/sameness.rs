//! Every door says the same of the same rows.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use serving::dialects::oip::messages::{
    InferInputTensor, InferTensorContents, ModelInferRequest, ModelInferResponse, Parameters,
};

use super::{infer, infer_binary, served, tensor};
use crate::grpc::client::Client;
use crate::harness::json as body;
use crate::served::header;

struct Row {
    rooms: i64,
    area: Option<f64>,
    place: String,
    flag: bool,
}

fn rows(random: &mut StdRng) -> Vec<Row> {
    let count = random.random_range(1..60);
    (0..count)
        .map(|_| Row {
            rooms: random.random_range(-1_000_000..1_000_000),
            area: random.random_bool(0.7).then(|| {
                let scale: i32 = random.random_range(-20..20);
                random.random_range(-1.0..1.0) * 10_f64.powi(scale)
            }),
            place: ["INLAND", "NEAR BAY", "", "Zürich \"5\"\n", "月"][random.random_range(0..5)]
                .to_owned(),
            flag: random.random(),
        })
        .collect()
}

fn native(rows: &[Row]) -> Value {
    rows.iter()
        .map(|row| json!({"rooms": row.rooms, "area": row.area, "place": row.place, "flag": row.flag}))
        .collect()
}

fn tensors(rows: &[Row]) -> Value {
    json!({"inputs": [
        tensor("flag", "BOOL", rows.iter().map(|row| row.flag).collect()),
        tensor("rooms", "INT32", rows.iter().map(|row| row.rooms).collect()),
        tensor("area", "FP64", rows.iter().map(|row| json!(row.area)).collect()),
        tensor("place", "BYTES", rows.iter().map(|row| row.place.as_str()).collect()),
    ]})
}

fn binary(rows: &[Row]) -> (Value, Vec<u8>) {
    let text = |text: &str| {
        [
            (text.len() as u32).to_le_bytes().as_slice(),
            text.as_bytes(),
        ]
        .concat()
    };
    let area = |row: &Row| row.area.unwrap_or(f64::NAN).to_le_bytes();
    let parts: [(&str, &str, Vec<u8>); 4] = [
        ("area", "FP64", rows.iter().flat_map(area).collect()),
        (
            "place",
            "BYTES",
            rows.iter().flat_map(|row| text(&row.place)).collect(),
        ),
        (
            "flag",
            "BOOL",
            rows.iter().map(|row| u8::from(row.flag)).collect(),
        ),
        (
            "rooms",
            "INT64",
            rows.iter()
                .flat_map(|row| row.rooms.to_le_bytes())
                .collect(),
        ),
    ];
    let inputs: Vec<_> = parts
        .iter()
        .map(|(name, datatype, bytes)| {
            let parameters = json!({"binary_data_size": bytes.len()});
            json!({"name": name, "shape": [rows.len(), 1], "datatype": datatype, "parameters": parameters})
        })
        .collect();
    let request = json!({"inputs": inputs, "parameters": {"binary_data_output": true}});
    (
        request,
        parts.into_iter().flat_map(|(_, _, bytes)| bytes).collect(),
    )
}

fn message(rows: &[Row]) -> ModelInferRequest {
    let input = |name: &str, datatype: &str, contents: InferTensorContents| InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: vec![rows.len() as i64],
        parameters: Parameters::new(),
        contents: Some(Box::new(contents)),
    };
    let none = InferTensorContents::default;
    let flags = InferTensorContents {
        bool_contents: rows.iter().map(|row| row.flag).collect(),
        ..none()
    };
    let rooms = InferTensorContents {
        int64_contents: rows.iter().map(|row| row.rooms).collect(),
        ..none()
    };
    let areas = InferTensorContents {
        fp64_contents: rows
            .iter()
            .map(|row| row.area.unwrap_or(f64::NAN))
            .collect(),
        ..none()
    };
    let places = InferTensorContents {
        bytes_contents: rows
            .iter()
            .map(|row| row.place.clone().into_bytes())
            .collect(),
        ..none()
    };
    ModelInferRequest {
        model_name: "house".to_owned(),
        inputs: vec![
            input("place", "BYTES", places),
            input("rooms", "INT64", rooms),
            input("flag", "BOOL", flags),
            input("area", "FP64", areas),
        ],
        ..ModelInferRequest::default()
    }
}

#[tokio::test]
async fn every_door_makes_the_same_predictions() {
    let served = served().await;
    let client = Client::connect(served.app.address).await;
    for seed in 0..60 {
        let rows = rows(&mut StdRng::seed_from_u64(seed));
        let answer = served
            .to("/predict/house", native(&rows))
            .send()
            .await
            .unwrap();
        let expected = body(answer, 200).await["predictions"].clone();
        assert_eq!(expected.as_array().unwrap().len(), rows.len());

        let answer = infer(&served, "house", &tensors(&rows))
            .send()
            .await
            .unwrap();
        let data = body(answer, 200).await["outputs"][0]["data"].clone();
        assert_eq!(data, expected, "seed {seed}");

        let call = client.call("ModelInfer").key(&served.key);
        let answer: ModelInferResponse = call.send(&message(&rows)).await.message();
        let contents = answer.outputs[0].contents.as_ref().unwrap();
        assert_eq!(json!(contents.fp64_contents), expected, "seed {seed}");

        let (request, binary) = binary(&rows);
        let request = infer_binary(&served, "house", &request, &binary);
        let answer = request.send().await.unwrap();
        let length: usize = header(&answer, "inference-header-content-length")
            .parse()
            .unwrap();
        let answer = answer.bytes().await.unwrap();
        let data: Vec<f64> = answer[length..]
            .chunks(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(json!(data), expected, "seed {seed}");
    }
}
