//! The same two passengers in every shape that clients speak.

use reqwest::Method;
use serde_json::{Value, json as body};
use serving::dialects::oip::messages::{
    InferInputTensor, InferTensorContents, ModelInferRequest, ModelInferResponse,
    ModelMetadataRequest, ModelMetadataResponse, ParameterChoice, Parameters,
};
use testkit::until;

use super::{Ground, survives, two};
use crate::grpc::client::Client;
use crate::harness::json;
use crate::served::header;

pub(super) async fn answers(ground: &Ground, name: &str) {
    let answer = ground
        .post(&format!("/predict/{name}"), body!({"inputs": two()}), 200)
        .await;
    let predictions = answer["predictions"].as_array().unwrap().clone();
    let [first, second] = [0, 1].map(|row| survives(&predictions[row]));
    assert!(first > 0.8 && second < 0.4, "{answer}");

    // MLflow's shape has the labels.
    let records = body!({"dataframe_records": two()});
    let invoked = ground
        .post(&format!("/deployments/{name}/invocations"), records, 200)
        .await;
    assert_eq!(invoked, body!({"predictions": ["1", "0"]}));

    // A prediction that nobody waits for has what the one at once had.
    let accepted = ground
        .post(
            &format!("/predict/{name}/async"),
            body!({"inputs": two()}),
            202,
        )
        .await;
    let path = format!(
        "/api/v1/predictions/{}",
        accepted["request_id"].as_str().unwrap()
    );
    let ended = until("the prediction's end", async || {
        let found = ground.get(&path).await;
        (found["status"] == "succeeded").then_some(found)
    })
    .await;
    assert_eq!(
        ended["result"]["predictions"],
        Value::from(predictions.clone())
    );

    let document = ground.get(&format!("/predict/{name}/openapi.json")).await;
    let schema = &document["components"]["schemas"]["PredictResponse"]["properties"]["predictions"];
    assert_eq!(
        schema["items"]["properties"]["label"]["enum"],
        body!(["0", "1"])
    );
    tensors(ground, name, [first, second]).await;
    messages(ground, name, [first, second]).await;
}

fn inputs() -> Value {
    let rows = two();
    let tensor = |name: &str, datatype: &str| {
        let data: Vec<Value> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[name].clone())
            .collect();
        body!({"name": name, "datatype": datatype, "shape": [2], "data": data})
    };
    body!([
        tensor("Pclass", "INT64"),
        tensor("Sex", "BYTES"),
        tensor("Age", "FP64"),
        tensor("SibSp", "INT64"),
        tensor("Parch", "INT64"),
        tensor("Fare", "FP64"),
        tensor("Embarked", "BYTES"),
    ])
}

/// The Open Inference Protocol: two outputs, as JSON and as bytes.
async fn tensors(ground: &Ground, name: &str, survives: [f64; 2]) {
    let metadata = ground.get(&format!("/v2/models/{name}")).await;
    assert_eq!(
        metadata["outputs"],
        body!([
            {"name": "label", "datatype": "BYTES", "shape": [-1], "parameters": {"classes": ["0", "1"]}},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2], "parameters": {"classes": ["0", "1"]}},
        ])
    );
    let infer = format!("/v2/models/{name}/infer");
    let answer = ground.post(&infer, body!({"inputs": inputs()}), 200).await;
    let [label, probabilities] = [0, 1].map(|place| &answer["outputs"][place]);
    assert_eq!(
        (&label["name"], &label["shape"], &label["data"]),
        (&body!("label"), &body!([2]), &body!(["1", "0"]))
    );
    assert_eq!(probabilities["shape"], body!([2, 2]));
    let numbers: Vec<f64> = serde_json::from_value(probabilities["data"].clone()).unwrap();
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );

    let only = body!({"inputs": inputs(), "outputs": [{"name": "probabilities"}]});
    let answer = ground.post(&infer, only, 200).await;
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(answer["outputs"][0]["name"], "probabilities");

    let asked = body!({"inputs": inputs(), "outputs": [
        {"name": "label", "parameters": {"binary_data": true}},
        {"name": "probabilities", "parameters": {"binary_data": true}},
    ]});
    let answer = ground.send(Method::POST, &infer, &asked).await;
    let length: usize = header(&answer, "inference-header-content-length")
        .parse()
        .unwrap();
    let bytes = answer.bytes().await.unwrap();
    let (head, binary) = bytes.split_at(length);
    let head: Value = serde_json::from_slice(head).unwrap();
    let sizes =
        [0, 1].map(|place| head["outputs"][place]["parameters"]["binary_data_size"].clone());
    assert_eq!(sizes, [body!(10), body!(32)]);
    let (labels, numbers) = binary.split_at(10);
    assert_eq!(labels, b"\x01\0\0\x001\x01\0\0\x000");
    let numbers: Vec<f64> = numbers
        .chunks(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );

    for (wrong, expected) in [
        (body!([{"name": "prediction"}]), "label and probabilities"),
        (
            body!([{"name": "label"}, {"name": "label"}]),
            "the output label once",
        ),
    ] {
        let asked = body!({"inputs": inputs(), "outputs": wrong});
        let refused = json(ground.send(Method::POST, &infer, &asked).await, 400).await;
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

/// The same over gRPC.
async fn messages(ground: &Ground, name: &str, survives: [f64; 2]) {
    let client = Client::connect(ground.app.address).await;
    let metadata: ModelMetadataResponse = client
        .call("ModelMetadata")
        .key(&ground.key)
        .send(&ModelMetadataRequest {
            name: name.to_owned(),
            version: String::new(),
        })
        .await
        .message();
    let classes = metadata.outputs[1].parameters["classes"].clone();
    assert_eq!(
        classes.parameter_choice,
        Some(ParameterChoice::StringParam("[\"0\",\"1\"]".to_owned()))
    );
    let tensors = inputs();
    let tensors = tensors.as_array().unwrap().iter().map(|tensor| {
        let data = tensor["data"].as_array().unwrap();
        let mut contents = InferTensorContents::default();
        match tensor["datatype"].as_str().unwrap() {
            "INT64" => {
                contents.int64_contents =
                    data.iter().map(|value| value.as_i64().unwrap()).collect();
            }
            "FP64" => {
                contents.fp64_contents = data
                    .iter()
                    .map(|value| value.as_f64().unwrap_or(f64::NAN))
                    .collect();
            }
            _ => {
                let texts = data
                    .iter()
                    .map(|value| value.as_str().unwrap().as_bytes().to_vec());
                contents.bytes_contents = texts.collect();
            }
        }
        InferInputTensor {
            name: tensor["name"].as_str().unwrap().to_owned(),
            datatype: tensor["datatype"].as_str().unwrap().to_owned(),
            shape: vec![2],
            parameters: Parameters::new(),
            contents: Some(Box::new(contents)),
        }
    });
    let request = ModelInferRequest {
        model_name: name.to_owned(),
        inputs: tensors.collect(),
        ..ModelInferRequest::default()
    };
    let answer: ModelInferResponse = client
        .call("ModelInfer")
        .key(&ground.key)
        .send(&request)
        .await
        .message();
    let [label, probabilities] = answer.outputs.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (label.name.as_str(), label.datatype.as_str()),
        ("label", "BYTES")
    );
    let labels = &label.contents.as_ref().unwrap().bytes_contents;
    assert_eq!(labels.as_slice(), [b"1".to_vec(), b"0".to_vec()]);
    assert_eq!(probabilities.shape, [2, 2]);
    let numbers = &probabilities.contents.as_ref().unwrap().fp64_contents;
    assert_eq!(
        [numbers[1], numbers[3]].map(f64::to_bits),
        survives.map(f64::to_bits)
    );
}
