use bytes::Bytes;
use domain::Scope;
use domain::api_keys::{NewApiKey, RateLimit};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use serving::dialects::oip::messages::{
    InferRequestedOutputTensor, InferTensorContents, ModelInferRequest, ModelMetadataRequest,
    ModelReadyRequest, Parameters, ServerMetadataRequest,
};
use testkit::packed::gzip;

use super::client::{Answer, framed};
use super::{Channel, flag, floats, raw, request, rooms, tensor, texts};
use crate::harness::name;
use crate::served::SYSTEM;

const INVALID_ARGUMENT: u16 = 3;
const NOT_FOUND: u16 = 5;
const PERMISSION_DENIED: u16 = 7;
const RESOURCE_EXHAUSTED: u16 = 8;
const FAILED_PRECONDITION: u16 = 9;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;

#[tokio::test]
async fn only_a_good_key_with_the_scope_is_told_anything() {
    let channel = Channel::open().await;
    let app = &channel.served.app;
    let own = app.key(&[Scope::Predict(Some(name("price")))]).await;
    let other = app
        .key(&[Scope::Predict(Some(name("house"))), Scope::Read])
        .await;
    let project = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&project, &[Scope::Predict(None)]).await;
    let ask = async |method: &str, model: &str, version: &str, key: Option<&str>| -> Answer {
        let call = channel.client.call(method);
        let call = match key {
            Some(key) => call.key(key),
            None => call,
        };
        let (name, version) = (model.to_owned(), version.to_owned());
        match method {
            "ServerMetadata" => call.send(&ServerMetadataRequest {}).await,
            "ModelMetadata" => call.send(&ModelMetadataRequest { name, version }).await,
            "ModelReady" => call.send(&ModelReadyRequest { name, version }).await,
            _ => {
                let asked = ModelInferRequest {
                    model_name: name,
                    model_version: version,
                    ..rooms()
                };
                call.send(&asked).await
            }
        }
    };
    for method in [
        "ServerMetadata",
        "ModelMetadata",
        "ModelReady",
        "ModelInfer",
    ] {
        for nobody in [None, Some("vol_nonsense"), Some("x.y.z")] {
            let answer = ask(method, "price", "", nobody).await;
            assert!(
                answer.refused(UNAUTHENTICATED).contains("API key"),
                "{method}"
            );
        }
        if method == "ServerMetadata" {
            continue;
        }
        let answer = ask(method, "price", "", Some(&other)).await;
        assert!(answer.refused(PERMISSION_DENIED).contains("predict:price"));
        let answer = ask(method, "price", "1", Some(&own)).await;
        assert!(answer.refused(PERMISSION_DENIED).contains("predict:*"));
        let answer = ask(method, "price", "", Some(&own)).await;
        assert_eq!(answer.status(), 0, "{method}");
        // What is of another project looks like what there is not.
        let foreign = ask(method, "price", "", Some(&foreign.key)).await;
        let absent = ask(method, "absent", "", Some(&channel.served.key)).await;
        assert_eq!(foreign.refused(NOT_FOUND), absent.refused(NOT_FOUND));
        let absent = ask(method, "price", "9", Some(&channel.served.key)).await;
        assert_eq!(absent.refused(NOT_FOUND), "model version not found");
    }
}

#[tokio::test]
async fn a_bad_request_is_told_what_is_wrong() {
    let channel = Channel::open().await;
    let rooms_and = |more| {
        let ints = InferTensorContents {
            int64_contents: vec![3],
            ..InferTensorContents::default()
        };
        request("house", vec![tensor("rooms", "INT64", &[1], ints), more])
    };
    let place = |contents| tensor("place", "BYTES", &[1], contents);
    let mut both = rooms_and(place(texts(&[b"INLAND"])));
    both.raw_input_contents = vec![vec![0; 8], b"\x06\0\0\0INLAND".to_vec()];
    let mut few = both.clone();
    few.raw_input_contents.pop();
    let mut short = request("price", vec![raw("rooms", "FP64", &[1])]);
    short.raw_input_contents = vec![vec![0; 7]];
    let mut shared = rooms();
    shared.inputs[0].parameters =
        Parameters::from([("shared_memory_region".to_owned(), flag(true))]);
    let mut absent = rooms();
    absent.outputs = vec![InferRequestedOutputTensor {
        name: "price".to_owned(),
        parameters: Parameters::new(),
    }];
    let many = request("price", vec![raw("", "", &[]); 5000]);
    let cases = [
        (
            request("house", vec![]),
            "/inputs: expected a tensor for each input: the model takes rooms, area, place, flag",
        ),
        (
            request("house", vec![place(texts(&[b"INLAND"]))]),
            "/inputs/rooms: expected a tensor of shape [1] and datatype INT64",
        ),
        (
            rooms_and(place(InferTensorContents::default())),
            "/inputs/place/contents: expected 1 values in bytes_contents, as shape and BYTES say, got 0 there and 0 elsewhere",
        ),
        (
            rooms_and(place(floats(&[1.0]))),
            "/inputs/place/contents: expected 1 values in bytes_contents, as shape and BYTES say, got 0 there and 1 elsewhere",
        ),
        (
            rooms_and(place(texts(&[b"\xff"]))),
            "/inputs/place/contents: expected 1 texts in UTF-8, got in text 0, invalid utf-8 sequence of 1 bytes from index 0",
        ),
        (
            rooms_and(raw("place", "BYTES", &[1])),
            "/inputs/place/contents: expected values, here or in raw_input_contents",
        ),
        (
            rooms_and(tensor("place", "FP64", &[1], floats(&[1.0]))),
            "/inputs/place/datatype: expected BYTES, got FP64",
        ),
        (
            both,
            "/inputs/rooms/contents: expected nothing beside raw_input_contents",
        ),
        (
            few,
            "/raw_input_contents: expected one for each of the 2 inputs, or none, got 1",
        ),
        (
            short,
            "/inputs/rooms/raw_input_contents: expected 8, as shape and datatype say, got 7",
        ),
        (
            shared,
            "/inputs/rooms/parameters: expected data in the request: this server shares no memory with its clients",
        ),
        (
            absent,
            "/outputs: expected no such output: the model gives prediction, got price",
        ),
        (
            request(
                "price",
                vec![tensor("rooms", "FP64", &[1], floats(&[f64::NAN]))],
            ),
            "row 0, /inputs/rooms: expected a finite number, got NaN",
        ),
        (
            request("price", vec![tensor("rooms", "FP16", &[1], floats(&[1.0]))]),
            "/inputs/rooms/contents: expected raw_input_contents, which alone can hold FP16",
        ),
        (
            request(
                "price",
                vec![tensor("rooms", "FP64", &[-1], floats(&[1.0]))],
            ),
            "/inputs/rooms/shape: expected one or two whole numbers from 1, the first of them how many rows there are, got [-1]",
        ),
        (
            request(
                "price",
                vec![tensor(
                    "rooms",
                    "FP64",
                    &[i64::MAX, i64::MAX],
                    floats(&[1.0]),
                )],
            ),
            "/inputs/rooms/shape: expected at most 10000 rows, got [9223372036854775807, 9223372036854775807]",
        ),
        (many, "/inputs: expected at most 4096 tensors, got 5000"),
    ];
    for (asked, expected) in cases {
        let answer = channel.infer(&asked).await;
        assert_eq!(answer.refused(INVALID_ARGUMENT), expected);
    }
    let forced = channel.call("ModelInfer").with("x-canary", "perhaps");
    forced.send(&rooms()).await.refused(INVALID_ARGUMENT);
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let channel = Channel::open().await;
    let plain = rooms().encode_to_vec();
    let whole = framed(0, &plain);
    let send = async |body: Vec<u8>| channel.call("ModelInfer").send_raw(body).await;
    for bad in [
        vec![],
        vec![0; 4],
        whole[..whole.len() - 1].to_vec(),
        [whole.as_slice(), b"x"].concat(),
        [whole.as_slice(), &whole].concat(),
        framed(2, &plain),
    ] {
        let problem = send(bad).await.refused(INVALID_ARGUMENT);
        assert!(problem.contains("one whole message"), "{problem}");
    }
    let problem = send(framed(1, &plain)).await.refused(INVALID_ARGUMENT);
    assert!(problem.contains("grpc-encoding"), "{problem}");
    for end in 1..plain.len() {
        let answer = send(framed(0, &plain[..end])).await;
        assert!(
            matches!(answer.status(), INVALID_ARGUMENT | NOT_FOUND),
            "{answer:?}"
        );
    }
    let packed = |encoding: &str| channel.call("ModelInfer").with("grpc-encoding", encoding);
    let answer = packed("gzip").send_raw(framed(1, &plain)).await;
    assert!(answer.refused(INVALID_ARGUMENT).contains("gzip"));
    let answer = packed("snappy").send_raw(whole.clone()).await;
    answer.refused(UNIMPLEMENTED);
    assert_eq!(
        answer.header("grpc-accept-encoding"),
        "identity,gzip,deflate"
    );

    let large = send(framed(0, &vec![0; 1 << 20])).await;
    assert!(large.refused(RESOURCE_EXHAUSTED).contains("1048576"));
    let bomb = framed(1, &gzip(&vec![0; 64 << 20]));
    assert!(bomb.len() < 1 << 20);
    let bomb = packed("gzip").send_raw(bomb).await;
    assert!(bomb.refused(RESOURCE_EXHAUSTED).contains("unpacked"));
}

#[tokio::test]
async fn what_is_no_call_is_told_so() {
    let channel = Channel::open().await;
    for path in ["ModelInfer", "ServerLive"] {
        let path = format!("/inference.GRPCInferenceService/{path}");
        for media in [
            "application/json",
            "application/grpc-web",
            "application/grpc+json",
        ] {
            let request = channel
                .client
                .request("POST", &path)
                .header("content-type", media)
                .header("authorization", format!("Bearer {}", channel.served.key))
                .body(Full::from(framed(0, b"")))
                .unwrap();
            let answer = channel.client.send(request).await.unwrap();
            assert_eq!(answer.status(), 415, "{media}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let body: Bytes = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(String::from_utf8_lossy(&body).contains("application/grpc"));
        }
    }
    let answer = channel.call("ModelStreamInfer").send(&rooms()).await;
    assert!(answer.refused(UNIMPLEMENTED).contains("ModelInfer"));
    let elsewhere = channel.client.elsewhere("http://evil.example");
    let answer = elsewhere.call("ServerLive").send(&ServerMetadataRequest {});
    assert!(
        answer
            .await
            .refused(FAILED_PRECONDITION)
            .contains("host name")
    );
}

#[tokio::test]
async fn limits_and_faults_have_their_codes() {
    let channel = Channel::open().await;
    let served = &channel.served;
    // Version 3 fails on more than one room, and there is nobody to stand in for it.
    let failing = ModelInferRequest {
        model_version: "3".to_owned(),
        ..rooms()
    };
    let problem = channel.infer(&failing).await.refused(INTERNAL);
    assert!(
        problem.contains("version 3 of model price failed"),
        "{problem}"
    );

    served.broken().await;
    let broken = ModelInferRequest {
        model_name: "broken".to_owned(),
        ..rooms()
    };
    let answer = channel.infer(&broken).await;
    assert!(answer.refused(UNAVAILABLE).contains("is not ready"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);

    let new = NewApiKey {
        name: "small".to_owned(),
        scopes: vec![Scope::Predict(None)],
        expires_at: None,
        rate_limit: Some(RateLimit {
            requests: 1,
            per_seconds: 3600,
        }),
        budget: None,
    };
    let platform = &served.app.platform;
    let key = platform::api_keys::create(platform, &SYSTEM, &served.project, new)
        .await
        .unwrap()
        .key;
    let ask = async || {
        channel
            .client
            .call("ModelInfer")
            .key(&key)
            .send(&rooms())
            .await
    };
    assert_eq!(ask().await.header("x-model-version"), "1");
    let answer = ask().await;
    assert!(
        answer
            .refused(RESOURCE_EXHAUSTED)
            .contains("too many requests")
    );
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(answer.header("ratelimit").starts_with("\"key\";r=0"));
}
