use std::collections::BTreeSet;

use domain::Scope;
use reqwest::Response;
use serde_json::{Value, json as body};

use crate::harness::{App, json, problem};

const KEYS: &str = "/api/v1/projects/default/api-keys";
const RUNS: &str = "/api/v1/projects/default/training-runs";

async fn upload(app: &App, secret: &str, key: Option<&str>, table: &'static str) -> Response {
    let mut request = app
        .post("/api/v1/projects/default/datasets?name=t")
        .bearer_auth(secret)
        .header("content-type", "text/csv")
        .body(table);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

async fn train(app: &App, secret: &str, key: &str, spec: &Value) -> Response {
    let request = app
        .post(RUNS)
        .bearer_auth(secret)
        .header("idempotency-key", key)
        .json(spec);
    request.send().await.unwrap()
}

fn spec(target: &str) -> Value {
    body!({"dataset": "t", "target": target, "model": "m", "algorithm": "linear_regression"})
}

#[tokio::test]
async fn the_same_request_is_done_once_however_often_it_comes() {
    let app = App::start().await;
    let secret = app.key(&[Scope::Write, Scope::Read]).await;
    let first = upload(&app, &secret, Some("u1"), "a,b\n1,2\n3,4\n").await;
    assert!(!first.headers().contains_key("idempotency-replayed"));
    let first = json(first, 201).await;
    let again = upload(&app, &secret, Some("u1"), "a,b\n1,2\n3,4\n").await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again, 201).await, first);
    let another = json(upload(&app, &secret, None, "a,b\n1,2\n3,4\n").await, 201).await;
    assert_eq!(
        (first["version"].as_i64(), another["version"].as_i64()),
        (Some(1), Some(2))
    );
}

#[tokio::test]
async fn many_at_once_make_one() {
    let app = App::start().await;
    let secret = app.key(&[Scope::Write, Scope::Read]).await;
    let answers = futures::future::join_all(
        (0..16).map(|_| upload(&app, &secret, Some("many"), "a,b\n1,2\n3,4\n")),
    )
    .await;
    let mut made = BTreeSet::new();
    for answer in answers {
        if answer.status() == 201 {
            made.insert(json(answer, 201).await.to_string());
        } else {
            let refused = problem(answer, 409).await;
            assert_eq!(refused["error_code"], "idempotent_request_under_way");
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    let path = "/api/v1/projects/default/datasets/t/versions";
    let versions = json(
        app.get(path).bearer_auth(&secret).send().await.unwrap(),
        200,
    )
    .await;
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let app = App::start().await;
    let admin = app.key(&[Scope::Admin]).await;
    let other = app.key(&[Scope::Admin]).await;
    let make = async |secret: &str, name: &str| {
        let request = app
            .post(KEYS)
            .bearer_auth(secret)
            .header("idempotency-key", "k")
            .json(&body!({"name": name, "scopes": ["read"]}));
        request.send().await.unwrap()
    };
    json(make(&admin, "one").await, 201).await;
    let refused = problem(make(&admin, "two").await, 409).await;
    assert_eq!(refused["error_code"], "idempotency_key_reused");
    json(make(&other, "two").await, 201).await;

    let withheld = make(&admin, "one").await;
    let refused = problem(withheld, 409).await;
    assert_eq!(refused["error_code"], "idempotent_answer_withheld");
    assert!(!refused.to_string().contains("vol_"));
}

#[tokio::test]
async fn what_made_nothing_may_be_tried_again_with_its_key() {
    let app = App::start().await;
    let secret = app.key(&[Scope::Write, Scope::Read]).await;
    problem(train(&app, &secret, "run", &spec("b")).await, 404).await;
    json(upload(&app, &secret, None, "a,b\n1,2\n3,4\n").await, 201).await;
    // Not the same request, but the key is free.
    let refused = train(&app, &secret, "run", &spec("nowhere")).await;
    assert!(refused.status().is_client_error(), "{}", refused.status());
}

#[tokio::test]
async fn a_malformed_key_is_refused_before_anything_is_done() {
    let app = App::start().await;
    let secret = app.key(&[Scope::Write, Scope::Read]).await;
    let long = "x".repeat(256);
    for bad in ["", "two words", long.as_str()] {
        let refused = problem(upload(&app, &secret, Some(bad), "a\n1\n").await, 400).await;
        assert!(
            refused["message"]
                .as_str()
                .unwrap()
                .contains("Idempotency-Key"),
            "{bad}"
        );
    }
    let path = "/api/v1/projects/default/datasets";
    let datasets = json(
        app.get(path).bearer_auth(&secret).send().await.unwrap(),
        200,
    )
    .await;
    assert_eq!(datasets["items"].as_array().unwrap().len(), 0);
}
