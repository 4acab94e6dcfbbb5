//! The Open Inference Protocol over gRPC, as its clients use and misuse it, and HTTP/2 by itself.

pub(crate) mod client;
mod connections;
mod deadlines;
mod refusals;

use domain::Scope;
use reqwest::RequestBuilder;
use serving::dialects::oip::messages::{
    InferInputTensor, InferParameter, InferRequestedOutputTensor, InferTensorContents,
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse,
    ModelReadyRequest, ModelReadyResponse, ParameterChoice, Parameters, ServerLiveRequest,
    ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse,
};
use testkit::packed::{deflate, gzip};

use crate::harness::{json as body, name};
use crate::served::{SYSTEM, Served, header, house, parcel};
use client::{Answer, Call, Client, framed};

/// Deployments `price`, `house` and `parcel`, and a client of them.
struct Channel {
    served: Served,
    client: Client,
}

impl Channel {
    async fn open() -> Self {
        Self::to(Served::start().await).await
    }

    async fn to(served: Served) -> Self {
        served.deploy("house", &house()).await;
        served.deploy("parcel", &parcel()).await;
        let client = Client::connect(served.app.address).await;
        Self { served, client }
    }

    /// A call with a key that may predict everything.
    fn call(&self, method: &str) -> Call<'_> {
        self.client.call(method).key(&self.served.key)
    }

    async fn infer(&self, request: &ModelInferRequest) -> Answer {
        self.call("ModelInfer").send(request).await
    }

    async fn predict(&self, request: &ModelInferRequest) -> Vec<f64> {
        predictions(&self.infer(request).await.message())
    }
}

fn request(model: &str, inputs: Vec<InferInputTensor>) -> ModelInferRequest {
    ModelInferRequest {
        model_name: model.to_owned(),
        inputs,
        ..ModelInferRequest::default()
    }
}

fn tensor(
    name: &str,
    datatype: &str,
    shape: &[i64],
    contents: InferTensorContents,
) -> InferInputTensor {
    InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
        parameters: Parameters::new(),
        contents: Some(Box::new(contents)),
    }
}

/// Without contents, which come raw.
fn raw(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        contents: None,
        ..tensor(name, datatype, shape, InferTensorContents::default())
    }
}

fn floats(numbers: &[f64]) -> InferTensorContents {
    InferTensorContents {
        fp64_contents: numbers.to_vec(),
        ..InferTensorContents::default()
    }
}

fn texts(texts: &[&[u8]]) -> InferTensorContents {
    InferTensorContents {
        bytes_contents: texts.iter().map(|text| text.to_vec()).collect(),
        ..InferTensorContents::default()
    }
}

/// Three rooms in `price`.
fn rooms() -> ModelInferRequest {
    request("price", vec![tensor("rooms", "FP64", &[1], floats(&[3.0]))])
}

/// Of the output, wherever they are.
fn predictions(answer: &ModelInferResponse) -> Vec<f64> {
    let [output] = answer.outputs.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (output.name.as_str(), output.datatype.as_str()),
        ("prediction", "FP64")
    );
    let predictions = match (&output.contents, answer.raw_output_contents.as_slice()) {
        (Some(contents), []) => contents.fp64_contents.clone(),
        (None, [raw]) => raw
            .chunks(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect(),
        both => panic!("{both:?}"),
    };
    assert_eq!(output.shape, [predictions.len() as i64]);
    predictions
}

fn flag(value: bool) -> InferParameter {
    InferParameter {
        parameter_choice: Some(ParameterChoice::BoolParam(value)),
    }
}

#[tokio::test]
async fn the_server_says_what_it_is_and_whether_it_is_ready() {
    let channel = Channel::open().await;
    let client = &channel.client;
    let live = client.call("ServerLive").send(&ServerLiveRequest {}).await;
    assert!(live.message::<ServerLiveResponse>().live);
    let ready = client.call("ServerReady").send(&ServerReadyRequest {});
    assert!(ready.await.message::<ServerReadyResponse>().ready);
    let server = channel.call("ServerMetadata");
    let server = server.send(&ServerMetadataRequest {}).await;
    assert!(server.header("ratelimit").starts_with("\"key\";r="));
    let server: ServerMetadataResponse = server.message();
    assert_eq!(server.name, "volary");
    assert_eq!(server.extensions, ["binary_tensor_data"]);
    for (model, version, expected) in [
        ("house", "", true),
        ("price", "3", true),
        ("broken", "", false),
    ] {
        if model == "broken" {
            channel.served.broken().await;
        }
        let asked = ModelReadyRequest {
            name: model.to_owned(),
            version: version.to_owned(),
        };
        let ready = channel.call("ModelReady").send(&asked).await;
        assert_eq!(ready.message::<ModelReadyResponse>().ready, expected);
    }
}

#[tokio::test]
async fn metadata_says_what_is_taken_and_given() {
    let channel = Channel::open().await;
    let metadata = async |name: &str, version: &str| -> ModelMetadataResponse {
        let asked = ModelMetadataRequest {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        channel.call("ModelMetadata").send(&asked).await.message()
    };
    let house = metadata("house", "").await;
    assert_eq!(
        (house.name.as_str(), house.platform.as_str()),
        ("house", "volary")
    );
    assert_eq!(house.versions, ["1"]);
    let inputs = house.inputs.iter();
    let inputs: Vec<_> = inputs
        .map(|input| (&*input.name, &*input.datatype))
        .collect();
    let expected = [
        ("rooms", "INT64"),
        ("area", "FP64"),
        ("place", "BYTES"),
        ("flag", "BOOL"),
    ];
    assert_eq!(inputs, expected);
    assert!(house.inputs.iter().all(|input| input.shape == [-1]));
    assert_eq!(house.outputs[0].name, "prediction");
    assert_eq!(metadata("house", "1").await, house);
    assert_eq!(metadata("price", "2").await.versions, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_tensor_for_each_column() {
    let channel = Channel::open().await;
    let ints = InferTensorContents {
        int_contents: vec![1, 2, 3],
        ..InferTensorContents::default()
    };
    let flags = InferTensorContents {
        bool_contents: vec![true, false, false],
        ..InferTensorContents::default()
    };
    let places: [&[u8]; 3] = [b"INLAND", b"NEAR BAY", b"MOON"];
    let mut asked = request(
        "house",
        vec![
            tensor("place", "BYTES", &[3], texts(&places)),
            tensor("rooms", "INT16", &[3, 1], ints),
            tensor("flag", "BOOL", &[3], flags),
            tensor("area", "FP64", &[3], floats(&[f64::NAN, 0.5, 0.0])),
        ],
    );
    asked.id = "order \"7\"".to_owned();
    let answer = channel.call("ModelInfer").with("x-request-id", "order-7");
    let answer = answer.send(&asked).await;
    assert_eq!(answer.header("content-type"), "application/grpc");
    assert_eq!(answer.header("x-request-id"), "order-7");
    assert_eq!(answer.header("x-model-version"), "1");
    assert_eq!(answer.header("ratelimit"), "\"key\";r=9999;t=1");
    assert!(answer.header("server-timing").contains("predict;dur="));
    let answer: ModelInferResponse = answer.message();
    assert_eq!(
        (&*answer.model_name, &*answer.model_version, &*answer.id),
        ("house", "1", "order \"7\"")
    );
    assert!(answer.raw_output_contents.is_empty());
    assert_eq!(predictions(&answer), [9.0, 1004.5, 1.0]);
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let channel = Channel::open().await;
    let mut asked = request(
        "house",
        vec![
            raw("rooms", "INT16", &[2]),
            raw("area", "FP16", &[2, 1]),
            raw("place", "BYTES", &[2]),
        ],
    );
    asked.raw_input_contents = vec![
        vec![1, 0, 2, 0],
        // 1.5, and NaN for none.
        vec![0x00, 0x3e, 0x00, 0x7e],
        b"\x08\0\0\0NEAR BAY\x06\0\0\0INLAND".to_vec(),
    ];
    let output = |binary: Option<bool>| InferRequestedOutputTensor {
        name: "prediction".to_owned(),
        parameters: binary
            .map(|value| ("binary_data".to_owned(), flag(value)))
            .into_iter()
            .collect(),
    };
    let of_all = |value| Parameters::from([("binary_data_output".to_owned(), flag(value))]);
    for (parameters, outputs, is_raw) in [
        (Parameters::new(), vec![], true),
        (Parameters::new(), vec![output(None)], true),
        (of_all(false), vec![output(None)], false),
        (of_all(false), vec![output(Some(true))], true),
        (Parameters::new(), vec![output(Some(false))], false),
    ] {
        let asked = ModelInferRequest {
            parameters,
            outputs,
            ..asked.clone()
        };
        let answer: ModelInferResponse = channel.infer(&asked).await.message();
        assert_eq!(!answer.raw_output_contents.is_empty(), is_raw);
        assert_eq!(predictions(&answer), [1003.5, 4.0]);
    }
    let mut matrix = request("parcel", vec![raw("input-0", "FP32", &[2, 3])]);
    let numbers = [1.5_f32, 2.0, 3.0, 4.0, 5.0, f32::NAN];
    matrix.raw_input_contents = vec![numbers.into_iter().flat_map(f32::to_le_bytes).collect()];
    assert_eq!(channel.predict(&matrix).await, [321.5, 54.0]);
}

#[tokio::test]
async fn names_and_versions_are_those_of_the_paths() {
    let channel = Channel::open().await;
    let served = &channel.served;
    served.put("live", "price", 1).await;
    let (platform, champion) = (&served.app.platform, name("champion"));
    platform::models::set_alias(
        platform,
        &SYSTEM,
        &served.project,
        &served.price,
        &champion,
        2,
    )
    .await
    .unwrap();
    for (model, version, answered, prediction) in [
        ("live", "", "1", 13.0),
        ("live", "2", "2", 23.0),
        ("price", "1", "1", 13.0),
        ("live", "@champion", "2", 23.0),
    ] {
        let asked = ModelInferRequest {
            model_name: model.to_owned(),
            model_version: version.to_owned(),
            ..rooms()
        };
        let answer: ModelInferResponse = channel.infer(&asked).await.message();
        assert_eq!(
            (&*answer.model_name, &*answer.model_version),
            (model, answered)
        );
        assert_eq!(predictions(&answer), [prediction]);
    }
}

#[tokio::test]
async fn a_canary_has_the_same_share_as_through_the_other_doors() {
    let channel = Channel::open().await;
    channel.served.canary(2, 50.0).await;
    let mut shares = std::collections::BTreeMap::new();
    for n in 0..60 {
        let key = format!("customer-{n}");
        let here = channel.call("ModelInfer").with("x-route-key", &key);
        let here = here.send(&rooms()).await;
        let there: RequestBuilder = channel.served.ask().header("x-route-key", &key);
        let there = there.send().await.unwrap();
        let version = here.header("x-model-version").to_owned();
        assert_eq!(header(&there, "x-model-version"), version);
        assert_eq!(here.message::<ModelInferResponse>().model_version, version);
        *shares.entry(version).or_insert(0) += 1;
    }
    assert!(shares["1"] > 10 && shares["2"] > 10, "{shares:?}");
    let app = &channel.served.app;
    let both = app.key(&[Scope::Predict(None), Scope::Write]).await;
    for (value, version) in [("always", "2"), ("never", "1")] {
        let call = channel.client.call("ModelInfer").key(&both);
        let answer = call.with("x-canary", value).send(&rooms()).await;
        assert_eq!(answer.header("x-model-version"), version);
    }
}

#[tokio::test]
async fn a_packed_message_is_taken() {
    let channel = Channel::open().await;
    let plain = prost::Message::encode_to_vec(&rooms());
    for (encoding, packed) in [("gzip", gzip(&plain)), ("deflate", deflate(&plain))] {
        let call = channel.call("ModelInfer").with("grpc-encoding", encoding);
        let answer = call.send_raw(framed(1, &packed)).await;
        assert_eq!(predictions(&answer.message()), [13.0]);
        // Every message says by itself whether it is packed.
        let call = channel.call("ModelInfer").with("grpc-encoding", encoding);
        let answer = call.send_raw(framed(0, &plain)).await;
        assert_eq!(predictions(&answer.message()), [13.0]);
    }
}

/// One that is large enough to be worked on beside the others.
#[tokio::test]
async fn ten_thousand_rows_are_answered() {
    let channel = Channel::open().await;
    let numbers: Vec<f64> = (0..10_000).map(f64::from).collect();
    let contents = floats(&numbers);
    let asked = request("price", vec![tensor("rooms", "FP64", &[10_000], contents)]);
    let expected: Vec<f64> = numbers.iter().map(|number| number + 10.0).collect();
    assert_eq!(channel.predict(&asked).await, expected);
}

#[tokio::test]
async fn a_key_may_stand_in_either_header_and_a_token_is_as_good() {
    let channel = Channel::open().await;
    let served = &channel.served;
    let call = channel.client.call("ModelInfer");
    let answer = call.with("x-api-key", &served.key).send(&rooms()).await;
    assert_eq!(predictions(&answer.message()), [13.0]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", domain::api_keys::prefix(&served.key).unwrap()),
        ("client_secret", served.key.as_str()),
    ];
    let asked = served.app.post("/oauth/token").form(&form);
    let token = body(asked.send().await.unwrap(), 200).await;
    let token = token["access_token"].as_str().unwrap().to_owned();
    let answer = channel.client.call("ModelInfer").key(&token);
    assert_eq!(predictions(&answer.send(&rooms()).await.message()), [13.0]);
}
