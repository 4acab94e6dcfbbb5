//! Clients that take their time, over bare sockets: what does not come is not waited for without end, and keeps nobody
//! else waiting.

use std::time::Duration;

use domain::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::served::{Served, status};

/// Long enough for the longest limit on a machine with much else to do.
const PATIENCE: Duration = Duration::from_mins(2);
/// Of each kind.
const MANY: usize = 20;

/// What is sent to be kept has no limit of its own on time, and yet something must come.
#[tokio::test]
async fn an_import_that_stops_coming_is_let_go() {
    let served = Served::start().await;
    let key = served.app.key(&[Scope::Write, Scope::Read]).await;
    let path = "/api/v1/projects/default/models/far/versions";
    let sent = |media: &str, more: &str, begun: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: {media}\r\n{more}\
             content-length: 1000\r\nconnection: close\r\n\r\n{begun}"
        )
    };
    let form = "multipart/form-data; boundary=b";
    let stalled = [
        sent("application/json", "", "{"),
        sent("application/json", "idempotency-key: k\r\n", "{"),
        sent(form, "", ""),
        sent(
            form,
            "",
            "--b\r\ncontent-disposition: form-data; name=\"url\"\r\n\r\nhttp",
        ),
    ];
    let answers = stalled
        .into_iter()
        .map(async |sent| ended(begin(&served, &sent).await).await);
    for answer in futures::future::join_all(answers).await {
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

/// A connection that sends this and nothing more.
async fn begin(served: &Served, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.app.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream
}

/// What comes until the connection is ended.
async fn ended(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_stops_sending_is_let_go_and_the_others_are_answered() {
    let served = Served::start().await;
    let key = &served.key;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        )
    };
    let body = |path: &str, framing: &str, begun: &str| {
        format!(
            "{}{framing}\r\nconnection: close\r\n\r\n{begun}",
            head(path)
        )
    };
    let inputs = r#"{"inputs":{"rooms":"#;
    let length = "content-length: 100";
    let heads = [
        "POST /predict/price HTTP/1.1".to_owned(),
        head("/predict/price"),
        format!("{}x-more: ", head("/predict/price")),
    ];
    let bodies = [
        body("/predict/price", length, ""),
        body("/predict/price", length, inputs),
        body("/predict/price", "transfer-encoding: chunked", "5\r\n{"),
        // By the router, which has names that are written in another way.
        body("/predict/pric%65", length, inputs),
        body("/predict/price/async", length, inputs),
        body("/v2/models/price/infer", length, inputs),
        body("/deployments/price/invocations", length, inputs),
    ];
    let mut silent = Vec::new();
    let mut stalled = Vec::new();
    for _ in 0..MANY {
        for head in &heads {
            silent.push(begin(&served, head).await);
        }
    }
    for body in &bodies {
        stalled.push((body, begin(&served, body).await));
    }
    // Nobody is kept waiting by them.
    for _ in 0..10 {
        assert_eq!(status(served.ask()).await, 200);
    }
    let silent = silent.into_iter().map(ended);
    let stalled = stalled
        .into_iter()
        .map(async |(body, stream)| (body, ended(stream).await));
    let (silent, stalled) = tokio::join!(
        futures::future::join_all(silent),
        futures::future::join_all(stalled)
    );
    for answer in silent {
        let refused = ["HTTP/1.1 408 ", "HTTP/1.1 400 "];
        let is_refused = refused.iter().any(|status| answer.starts_with(status));
        assert!(answer.is_empty() || is_refused, "{answer}");
    }
    for (body, answer) in stalled {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{body}: {answer}");
        assert!(answer.contains("did not arrive within 30 s"), "{answer}");
    }
    assert_eq!(status(served.ask()).await, 200);
}
