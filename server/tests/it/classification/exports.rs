//! Versions as ONNX files: downloaded, imported again, and answering the same.

use domain::Scope;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json as body};
use sha2::{Digest as _, Sha256};
use testkit::until;

use super::{Ground, PASSENGERS, PROJECT, survival, survives, two};
use crate::harness::{json, problem};

impl Ground {
    async fn onnx(&self, model: &str, version: i64) -> Response {
        let path = format!("{PROJECT}/models/{model}/versions/{version}/onnx");
        let request = self.app.get(&path).bearer_auth(&self.key);
        request.send().await.unwrap()
    }

    async fn import(&self, model: &str, file: Vec<u8>) -> Value {
        let post = self
            .app
            .post(&format!("{PROJECT}/models/{model}/versions"))
            .bearer_auth(&self.key)
            .multipart(Form::new().part("file", Part::bytes(file)));
        json(post.send().await.unwrap(), 201).await
    }

    async fn predictions(&self, deployment: &str, inputs: &Value) -> Value {
        let predict = format!("/predict/{deployment}");
        let answer = self.post(&predict, body!({ "inputs": inputs }), 200).await;
        answer["predictions"].clone()
    }
}

fn header(answer: &Response, name: &http::HeaderName) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_downloaded_is_imported_again_and_answers_the_same() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    for algorithm in [
        "gradient_boosting",
        "histogram_boosting",
        "logistic_regression",
        "k_nearest_neighbors",
    ] {
        let run = ground.train(survival(algorithm)).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        let answer = ground.onnx(algorithm, 1).await;
        assert_eq!(header(&answer, &CONTENT_TYPE), "application/octet-stream");
        assert_eq!(
            header(&answer, &CONTENT_DISPOSITION),
            format!("attachment; filename=\"{algorithm}-v1.onnx\"")
        );
        let tag = header(&answer, &ETAG);
        assert_eq!(answer.status(), 200);
        let file = answer.bytes().await.unwrap().to_vec();
        assert_eq!(tag, format!("\"{}\"", hex::encode(Sha256::digest(&file))));

        let again = format!("{algorithm}-again");
        let version = ground.import(&again, file.clone()).await;
        assert_eq!(version["algorithm"], "onnx");
        let output = &version["signature"]["output"];
        assert_eq!(output["classes"], body!(["0", "1"]));
        let same = ground.onnx(&again, 1).await.bytes().await.unwrap();
        assert!(same == file, "the file that was imported");

        ground.deploy(algorithm).await;
        ground.deploy(&again).await;
        let mut rows = two();
        // What nobody embarked at, and what is not said.
        rows[0]["Embarked"] = body!("Atlantis");
        rows[1]["Embarked"] = Value::Null;
        let expected = ground.predictions(algorithm, &rows).await;
        let found = ground.predictions(&again, &rows).await;
        for row in 0..2 {
            let off = survives(&expected[row]) - survives(&found[row]);
            assert!(off.abs() < 1e-9, "{algorithm}: {expected} {found}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again_and_strangers_get_none() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    let mut spec = survival("ridge");
    spec["target"] = body!("Fare");
    spec["features"] = body!(["Pclass", "Sex"]);
    spec["task"] = body!("regression");
    let run = ground.train(spec).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let answer = ground.onnx("ridge", 1).await;
    let tag = header(&answer, &ETAG);
    let path = format!("{PROJECT}/models/ridge/versions/1/onnx");
    let known = ground.app.get(&path).bearer_auth(&ground.key);
    let known = known.header(IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!((known.status().as_u16(), header(&known, &ETAG)), (304, tag));
    assert!(known.bytes().await.unwrap().is_empty());

    problem(ground.onnx("ridge", 2).await, 404).await;
    problem(ground.onnx("none", 1).await, 404).await;
    let anybody = ground.app.get(&path).send().await.unwrap();
    problem(anybody, 401).await;
    let predictor = ground.app.key(&[Scope::Predict(None)]).await;
    let asked = ground.app.get(&path).bearer_auth(predictor);
    problem(asked.send().await.unwrap(), 403).await;
    let reader = ground.app.key(&[Scope::Read]).await;
    let asked = ground.app.get(&path).bearer_auth(reader);
    assert_eq!(asked.send().await.unwrap().status(), 200);
}

/// More at a time than files are written at a time.
#[tokio::test]
async fn whoever_reads_late_keeps_nobody_waiting_and_leaves_nothing() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    let run = ground.train(survival("logistic_regression")).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(ground.onnx("logistic_regression", 1).await);
    }
    let unfinished = ground.app.platform.directory.path().join("blobs/tmp");
    until("no file is left", async || {
        let left = std::fs::read_dir(&unfinished).unwrap().count();
        (left == 0).then_some(())
    })
    .await;
    while let Some(answer) = waiting.pop() {
        assert_eq!(answer.status(), 200);
        let length = header(&answer, &CONTENT_LENGTH);
        let tag = header(&answer, &ETAG);
        let file = answer.bytes().await.unwrap();
        assert_eq!(length, file.len().to_string());
        assert_eq!(tag, format!("\"{}\"", hex::encode(Sha256::digest(&file))));
    }
}

#[tokio::test]
async fn a_version_that_has_no_such_form_says_why() {
    let ground = Ground::new().await;
    let rows = (0..400).map(|row| {
        let (month, day) = (row % 12 + 1, row % 28 + 1);
        format!("2025-{month:02}-{day:02},{}\n", month * 10 + row % 3)
    });
    let table: String = std::iter::once("day,sold\n".to_owned())
        .chain(rows)
        .collect();
    ground.upload("sales", table).await;
    let spec = body!({
        "dataset": "sales", "target": "sold", "model": "sales", "algorithm": "decision_tree", "task": "regression",
    });
    let run = ground.train(spec).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let refused = problem(ground.onnx("sales", 1).await, 422).await;
    assert_eq!(refused["error_code"], "not_exportable");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("\"day\" is a date"), "{detail}");
}
