//! The official client: what it sends is in `tests/tritonclient/requests.json`, and it is run itself where it is installed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::served;
use crate::harness::json as body;
use crate::served::header;

#[derive(Deserialize)]
struct Sent {
    what: String,
    path: String,
    /// In base64.
    body: String,
    json_length: Option<usize>,
    is_answer_binary: bool,
    predictions: Vec<f64>,
}

#[tokio::test]
async fn what_the_official_client_sends_is_understood() {
    let served = served().await;
    let sent: Vec<Sent> =
        serde_json::from_str(include_str!("../../tritonclient/requests.json")).unwrap();
    assert!(sent.len() > 10);
    for sent in sent {
        let mut request = served
            .app
            .post(&sent.path)
            .bearer_auth(&served.key)
            .body(BASE64_STANDARD.decode(&sent.body).unwrap());
        if let Some(length) = sent.json_length {
            request = request.header("Inference-Header-Content-Length", length);
        }
        let answer = request.send().await.unwrap();
        let what = &sent.what;
        assert_eq!(answer.status(), 200, "{what}");
        let predictions: Vec<f64> = if sent.is_answer_binary {
            let length = header(&answer, "inference-header-content-length");
            let length: usize = length.parse().unwrap();
            let answer = answer.bytes().await.unwrap();
            let numbers = answer[length..].chunks(8);
            numbers
                .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
                .collect()
        } else {
            let data: Value = body(answer, 200).await["outputs"][0]["data"].clone();
            serde_json::from_value(data).unwrap()
        };
        assert_eq!(predictions, sent.predictions, "{what}");
    }
}

/// Needs a Python that has the client: `tests/tritonclient/drive.py` says how to make one.
#[tokio::test]
async fn the_official_client_is_served() {
    let Some(python) = std::env::var_os("VOLARY_TEST_TRITONCLIENT_PYTHON") else {
        return;
    };
    let served = served().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tritonclient/drive.py");
    let driven = tokio::process::Command::new(python)
        .args([script, &served.app.address.to_string(), &served.key])
        .output()
        .await
        .unwrap();
    let said =
        [driven.stdout, driven.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(driven.status.success(), "{}", said.concat());
    assert!(
        said[0].contains("all answers are right"),
        "{}",
        said.concat()
    );
}
