//! Predictions of several requests that are computed together.

use std::time::Duration;

use domain::deployments::DeploymentSpec;
use futures::future::join_all;
use platform::deployments;
use reqwest::Response;
use serde_json::{Value, json};
use serving::batcher::Settings;

use crate::harness::{json as body, name, problem};
use crate::served::{SYSTEM, Served, header};

impl Served {
    /// A deployment of version 1 with these limits. A name that no other test has: what a process counts, it counts for
    /// all of them.
    pub(crate) async fn put_batched(&self, deployment: &str, max_batch: i32, max_delay_us: i32) {
        let spec = DeploymentSpec {
            max_batch: Some(max_batch),
            max_delay_us: Some(max_delay_us),
            ..DeploymentSpec::new(self.price.clone(), 1)
        };
        let (platform, deployment) = (&self.app.platform, name(deployment));
        deployments::put(platform, &SYSTEM, &self.project, &deployment, spec, None)
            .await
            .unwrap();
    }

    /// Until the deployment is changed.
    pub(crate) fn delay_batches(&self, deployment: &str, max_delay: Duration) {
        let snapshot = self.app.state.serving.snapshot_owned();
        let project = snapshot.project("default").unwrap();
        let deployment = snapshot.deployment(project, deployment).unwrap();
        deployment.stable.batcher.set(Settings {
            max_batch: 2,
            max_delay,
        });
    }

    /// What `/metrics` says of a deployment's batches.
    pub(crate) async fn in_batches(&self, metric: &str, deployment: &str) -> Option<u64> {
        let text = self.app.metrics().await;
        let labels = format!(
            r#"{metric}{{project="default",deployment="{deployment}",model="price",version="1"}} "#
        );
        let found = text.lines().find_map(|line| line.strip_prefix(&labels));
        found.map(|value| value.parse().unwrap())
    }
}

async fn predictions(answer: Response) -> Value {
    body(answer, 200).await["predictions"].clone()
}

/// Whether its answer says that a request waited.
fn waited(answer: &Response) -> bool {
    header(answer, "server-timing").contains(", queue;dur=")
}

#[tokio::test]
async fn everybody_is_answered_by_himself_and_the_batches_are_counted() {
    let served = Served::start_grown().await;
    served.put_batched("together", 2, 0).await;
    // Nobody is answered before a batch is full.
    served.delay_batches("together", Duration::from_hours(1));
    let asked = (0..32).map(|rooms| {
        let request = served.to("/predict/together", json!({"rooms": rooms}));
        async move { (rooms, request.send().await.unwrap()) }
    });
    for (rooms, answer) in join_all(asked).await {
        assert!(waited(&answer), "{rooms}");
        assert_eq!(predictions(answer).await, json!([f64::from(rooms) + 10.0]));
    }
    let rows = served.in_batches("volary_predict_batch_rows_sum", "together");
    assert_eq!(rows.await, Some(32));
    let waits = served.in_batches("volary_predict_batch_wait_seconds_count", "together");
    assert_eq!(waits.await, Some(32));
    let batches = served.in_batches("volary_predict_batch_rows_count", "together");
    assert_eq!(batches.await, Some(16));
}

#[tokio::test]
async fn one_that_is_wrong_is_told_so_and_the_others_are_answered() {
    let served = Served::start_grown().await;
    // Long enough that they meet; it ends when the batch is full.
    served.put_batched("mixed", 4, 100_000).await;
    let ask = |inputs: Value| served.to("/predict/mixed", inputs).send();
    let (one, wrong, two, many) = tokio::join!(
        ask(json!({"rooms": 1})),
        ask(json!({"rooms": "many"})),
        ask(json!([{"rooms": 2}])),
        ask(json!([{"rooms": 3}, {"rooms": 4}]))
    );
    let refused = problem(wrong.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/inputs/rooms");
    assert_eq!(predictions(one.unwrap()).await, json!([11.0]));
    assert_eq!(predictions(two.unwrap()).await, json!([12.0]));
    assert_eq!(predictions(many.unwrap()).await, json!([13.0, 14.0]));
    let rows = served.in_batches("volary_predict_batch_rows_sum", "mixed");
    assert_eq!(rows.await, Some(4), "what is refused is in no batch");
}

#[tokio::test]
async fn a_canary_that_fails_on_one_row_fails_on_that_one_alone() {
    let served = Served::start_grown().await;
    served.put_batched("price", 8, 2000).await;
    // Infinity from two rooms on.
    served.canary(3, 50.0).await;
    let asked = (0..32).map(|caller: i32| {
        let rooms = 1 + caller % 2;
        let request = served.row(json!({"rooms": rooms}));
        let request = request.header("x-route-key", caller.to_string());
        async move { (rooms, request.send().await.unwrap()) }
    });
    let mut seen = [false, false];
    for (rooms, answer) in join_all(asked).await {
        let answer = body(answer, 200).await;
        let is_canary = answer["route"] == "canary";
        let expected = if is_canary {
            1e308
        } else {
            f64::from(rooms) + 10.0
        };
        assert_eq!(answer["predictions"], json!([expected]));
        assert!(!is_canary || rooms == 1);
        seen[usize::from(is_canary)] = true;
    }
    assert_eq!(seen, [true, true]);
    // Without a canary there is nobody to stand in.
    served.put("failing", "price", 3).await;
    let failed = served.to("/predict/failing", json!({"rooms": 2}));
    let failed = problem(failed.send().await.unwrap(), 500).await;
    assert_eq!(failed["error_code"], "model_failed");
}

#[tokio::test]
async fn every_door_leads_there() {
    let served = Served::start_grown().await;
    served.put_batched("doors", 32, 1).await;
    let tensor = json!({"name": "rooms", "shape": [1], "datatype": "FP64", "data": [3]});
    for (path, sent) in [
        ("/predict/doors", json!({"inputs": {"rooms": 3}})),
        // By the router, which has names that are written in another way.
        ("/predict/door%73", json!({"inputs": {"rooms": 3}})),
        ("/v2/models/doors/infer", json!({"inputs": [tensor]})),
        ("/deployments/doors/invocations", json!({"inputs": [[3]]})),
    ] {
        let request = served.app.post(path).bearer_auth(&served.key).json(&sent);
        let answer = request.send().await.unwrap();
        assert!(waited(&answer), "{path}");
        let text = body(answer, 200).await.to_string();
        assert!(text.contains("13.0"), "{path}: {text}");
    }
    let pinned = served.to("/predict/price/1", json!({"rooms": 3}));
    assert_eq!(
        predictions(pinned.send().await.unwrap()).await,
        json!([13.0])
    );
    let pinned = served.in_batches("volary_predict_batch_rows_sum", "");
    assert!(pinned.await.unwrap() >= 1);
    let rows = served.in_batches("volary_predict_batch_rows_sum", "doors");
    assert_eq!(rows.await, Some(4));
}

#[tokio::test]
async fn a_version_that_gains_nothing_is_asked_by_itself() {
    let served = Served::start().await;
    let spec = json!({"rooms": 3});
    served.put("alone", "price", 1).await;
    let answer = served.to("/predict/alone", spec).send().await.unwrap();
    assert!(!waited(&answer));
    assert_eq!(predictions(answer).await, json!([13.0]));
    let rows = served.in_batches("volary_predict_batch_rows_sum", "alone");
    assert_eq!(rows.await, None);
}
