//! The policy itself: who may change it, and what it refuses.

use domain::Scope;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as body};

use super::{Ground, PROJECT, RETRAINING, policy, training};
use crate::harness::{json, problem};

#[tokio::test]
async fn every_field_that_does_not_fit_is_named() {
    let ground = Ground::new(&["x"]).await;
    for (changed, pointer, expected) in [
        (
            body!({ "schedule": "0 25 * * *" }),
            "/schedule",
            "numbers from 0 to 23 in the field of the hour",
        ),
        (body!({ "schedule": "" }), "/schedule", "five fields in UTC"),
        (
            body!({ "schedule": "*/5 * * * *" }),
            "/schedule",
            "at least 15 minutes apart",
        ),
        (
            body!({ "deployment": "elsewhere" }),
            "/deployment",
            "a deployment of the model price",
        ),
        (
            body!({ "deployment": null }),
            "/deployment",
            "since on_better is propose",
        ),
        (
            body!({ "training": training(body!({ "target": "z" })) }),
            "/training/target",
            "a column of the dataset",
        ),
        (
            body!({ "training": training(body!({ "dataset": "none" })) }),
            "/training/dataset",
            "a dataset of this project",
        ),
        (
            body!({ "training": training(body!({ "model": "other" })) }),
            "/training/model",
            "price, the model",
        ),
        (
            body!({ "training": training(body!({ "dataset_version": 1 })) }),
            "/training/dataset_version",
            "newest ready version",
        ),
        (
            body!({ "training": training(body!({ "features": ["x", "q"] })) }),
            "/training/features/1",
            "a column of the dataset",
        ),
    ] {
        let refused = problem(ground.ask_policy(&policy(changed)).await, 422).await;
        let error = &refused["errors"][0];
        assert_eq!(error["pointer"], pointer, "{refused}");
        let told = error["expected"].as_str().unwrap();
        assert!(told.contains(expected), "{told}");
    }
    let unknown = policy(body!({ "on_worse": "cheer" }));
    problem(ground.ask_policy(&unknown).await, 422).await;
    let request = ground.request(Method::GET, RETRAINING);
    problem(request.send().await.unwrap(), 404).await;
    ground.refused(&format!("{RETRAINING}/run"), 404).await;
    let request = ground.request(Method::PUT, "/models/nothing/retraining");
    let spec = policy(
        body!({ "training": training(body!({ "model": "nothing" })), "deployment": null, "on_better": "nothing" }),
    );
    problem(request.json(&spec).send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_policy_is_changed_only_as_it_was_read() {
    let ground = Ground::new(&["x"]).await;
    let put = async |spec: &Value, revision: Option<&str>| {
        let request = ground.request(Method::PUT, RETRAINING).json(spec);
        let request = revision.iter().fold(request, |request, revision| {
            request.header("if-match", *revision)
        });
        request.send().await.unwrap()
    };
    problem(put(&policy(body!({})), Some("\"1\"")).await, 412).await;
    let made = put(&policy(body!({})), None).await;
    assert_eq!(made.headers()["etag"], "\"1\"");
    let again = put(&policy(body!({})), Some("\"1\"")).await;
    assert_eq!(again.headers()["etag"], "\"1\"", "nothing changed");
    let changed = put(&policy(body!({ "schedule": "@daily" })), Some("\"1\"")).await;
    assert_eq!(changed.headers()["etag"], "\"2\"");
    problem(put(&policy(body!({})), Some("\"1\"")).await, 412).await;
    problem(put(&policy(body!({})), Some("newest")).await, 412).await;

    let request = ground.request(Method::GET, RETRAINING);
    let known = request
        .header("if-none-match", "\"2\"")
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let delete = async |revision: &str| {
        let request = ground.request(Method::DELETE, RETRAINING);
        request.header("if-match", revision).send().await.unwrap()
    };
    problem(delete("\"1\"").await, 412).await;
    assert_eq!(delete("\"2\"").await.status(), StatusCode::NO_CONTENT);
    problem(delete("\"2\"").await, 412).await;
    let reasons = ground.ledger("retraining.changed").await;
    assert_eq!(reasons, ["price is trained anew at @daily UTC"]);
    assert_eq!(ground.ledger("retraining.created").await.len(), 1);
    assert_eq!(ground.ledger("retraining.deleted").await.len(), 1);
}

#[tokio::test]
async fn who_reads_may_not_change_and_another_project_sees_nothing() {
    let ground = Ground::new(&["noise"]).await;
    ground.policy(policy(body!({}))).await;
    let attempt = ground.attempt().await;
    let id = attempt["id"].as_str().unwrap();
    let reader = ground.app.key(&[Scope::Read]).await;
    let other = ground.app.platform.new_project("other").await;
    let stranger = ground.app.platform.key(&other, &[Scope::Admin]).await.0.key;
    for (method, path) in [
        (Method::POST, format!("{RETRAINING}/run")),
        (Method::POST, format!("{RETRAINING}/pause")),
        (Method::POST, format!("{RETRAINING}/resume")),
        (Method::POST, format!("{RETRAINING}/attempts/{id}/accept")),
        (Method::POST, format!("{RETRAINING}/attempts/{id}/dismiss")),
        (Method::DELETE, RETRAINING.to_owned()),
    ] {
        for (key, status) in [(&reader, 403), (&stranger, 404)] {
            let request = ground
                .app
                .request(method.clone(), &format!("{PROJECT}{path}"));
            problem(request.bearer_auth(key).send().await.unwrap(), status).await;
        }
        // Of another project the attempt is none.
        let path = format!("/api/v1/projects/other{path}");
        let request = ground.app.request(method, &path).bearer_auth(&stranger);
        problem(request.send().await.unwrap(), 404).await;
    }
    let request = ground.app.get(&format!("{PROJECT}{RETRAINING}/attempts"));
    let page = json(request.bearer_auth(&reader).send().await.unwrap(), 200).await;
    assert_eq!(page["items"][0]["status"], "proposed", "{page}");
}
