//! How long clients wait, as they say in `grpc-timeout`.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serving::dialects::oip::messages::{
    ModelInferRequest, ModelMetadataRequest, ModelReadyRequest, ServerLiveRequest,
    ServerMetadataRequest, ServerReadyRequest,
};
use tokio::net::TcpStream;

use super::Channel;
use super::client::{Answer, Call};
use super::{predictions, request, rooms};
use crate::served::{Served, parcel};

const INVALID_ARGUMENT: u16 = 3;
const DEADLINE_EXCEEDED: u16 = 4;

const METHODS: [&str; 6] = [
    "ServerLive",
    "ServerReady",
    "ServerMetadata",
    "ModelReady",
    "ModelMetadata",
    "ModelInfer",
];

async fn send(call: Call<'_>, method: &str) -> Answer {
    let (name, version) = ("price".to_owned(), String::new());
    match method {
        "ServerLive" => call.send(&ServerLiveRequest {}).await,
        "ServerReady" => call.send(&ServerReadyRequest {}).await,
        "ServerMetadata" => call.send(&ServerMetadataRequest {}).await,
        "ModelReady" => call.send(&ModelReadyRequest { name, version }).await,
        "ModelMetadata" => call.send(&ModelMetadataRequest { name, version }).await,
        _ => call.send(&rooms()).await,
    }
}

#[tokio::test]
async fn a_call_whose_time_is_over_ends_whatever_it_asks() {
    let channel = Channel::open().await;
    for method in METHODS {
        for over in ["0n", "1n", "0H", "00000000S"] {
            let call = channel.call(method).with("grpc-timeout", over);
            let problem = send(call, method).await.refused(DEADLINE_EXCEEDED);
            assert!(problem.contains("give it more"), "{problem}");
        }
        for ample in ["1H", "1M", "60S", "60000m", "60000000u", "99999999H"] {
            let call = channel.call(method).with("grpc-timeout", ample);
            assert_eq!(send(call, method).await.status(), 0, "{method} {ample}");
        }
        for nonsense in ["", "S", "1", "-1S", "1.5S", "100000000S", "1 S", "soon"] {
            let call = channel.call(method).with("grpc-timeout", nonsense);
            let problem = send(call, method).await.refused(INVALID_ARGUMENT);
            assert!(problem.contains("grpc-timeout"), "{problem}");
        }
    }
    // The connection goes on.
    let answer = channel.infer(&rooms()).await;
    assert_eq!(predictions(&answer.message()), [13.0]);
    // No model is asked.
    channel.served.deploy("never", &parcel()).await;
    let never = request("never", Vec::new());
    let call = channel.call("ModelInfer").with("grpc-timeout", "0n");
    call.send(&never).await.refused(DEADLINE_EXCEEDED);
    let metrics = channel.served.app.metrics().await;
    let of_never = r#"volary_predict_requests_total{project="default",deployment="never""#;
    assert!(!metrics.contains(of_never), "{metrics}");
    let counted = metrics.lines().find(|line| {
        line.starts_with("volary_predict_requests_total{") && line.contains("\"504\"")
    });
    assert!(counted.is_some(), "{metrics}");
}

#[tokio::test]
async fn a_caller_who_is_not_known_is_told_that() {
    let channel = Channel::open().await;
    let call = channel.client.call("ModelInfer").with("grpc-timeout", "0n");
    let unauthenticated = 16;
    call.send(&rooms()).await.refused(unauthenticated);
}

#[tokio::test]
async fn who_waits_for_a_load_waits_no_longer_than_he_wants() {
    let channel = Channel::to(Served::at_nine(&[]).await).await;
    let served = &channel.served;
    served.sleepy("lazy").await;
    served.sleep();
    // Nothing is loaded while this is held.
    let loading = served.app.state.serving.loading.lock().await;
    let asked = request("lazy", Vec::new());
    let call = channel.call("ModelInfer").with("grpc-timeout", "20m");
    call.send(&asked).await.refused(DEADLINE_EXCEEDED);
    let asked = ModelReadyRequest {
        name: "lazy".to_owned(),
        version: String::new(),
    };
    let call = channel.call("ModelReady").with("grpc-timeout", "20m");
    call.send(&asked).await.refused(DEADLINE_EXCEEDED);
    drop(loading);
    let call = channel.call("ModelReady").with("grpc-timeout", "1M");
    assert_eq!(call.send(&asked).await.status(), 0);
}

#[tokio::test]
async fn who_waits_in_a_batch_is_let_go_and_the_others_are_answered() {
    let channel = Channel::to(Served::start_grown().await).await;
    let served = &channel.served;
    served.put_batched("patient", 2, 0).await;
    // Longer than a deployment may have it: a batch ends when it is full.
    served.delay_batches("patient", Duration::from_hours(1));
    let asked = ModelInferRequest {
        model_name: "patient".to_owned(),
        ..rooms()
    };
    let hurried = channel.call("ModelInfer").with("grpc-timeout", "20m");
    hurried.send(&asked).await.refused(DEADLINE_EXCEEDED);
    let (one, other) = tokio::join!(channel.infer(&asked), channel.infer(&asked));
    for answer in [one, other] {
        assert_eq!(predictions(&answer.message()), [13.0]);
    }
    let rows = served.in_batches("volary_predict_batch_rows_sum", "patient");
    assert_eq!(rows.await, Some(2), "what nobody waits for is not computed");
}

#[tokio::test]
async fn a_message_that_does_not_come_is_not_waited_for() {
    let channel = Channel::open().await;
    let app = &channel.served.app;
    let stream = TcpStream::connect(app.address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for method in METHODS {
        let (_never, sent) = mpsc::unbounded::<Result<Frame<Bytes>, Infallible>>();
        let path = format!("{}/inference.GRPCInferenceService/{method}", app.origin());
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("authorization", format!("Bearer {}", channel.served.key))
            .header("grpc-timeout", "5m")
            .body(StreamBody::new(sent))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "4", "{method}");
    }
}
