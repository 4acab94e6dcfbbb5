//! From a table to predictions and a canary, as a program does it that knows nothing but the API.

use domain::Scope;
use reqwest::Method;
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, ended, json, problem};

const PROJECT: &str = "/api/v1/projects/default";

/// `price = 2 size + 3 rooms + 1`, exactly.
fn table() -> String {
    let row = |i: u32| {
        let (size, rooms) = (20 + i % 37, 1 + i % 5);
        format!("{size},{rooms},{}\n", 2 * size + 3 * rooms + 1)
    };
    std::iter::once("size,rooms,price\n".to_owned())
        .chain((0..400).map(row))
        .collect()
}

struct Client<'a> {
    app: &'a App,
    key: String,
}

impl Client<'_> {
    async fn call(&self, method: Method, path: &str, send: Option<Value>, status: u16) -> Value {
        let mut request = self
            .app
            .request(method, &format!("{PROJECT}{path}"))
            .bearer_auth(&self.key);
        if let Some(send) = send {
            request = request.json(&send);
        }
        json(request.send().await.unwrap(), status).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None, 200).await
    }

    async fn train(&self, seed: u64) -> Value {
        let spec = body!({"dataset": "flats", "target": "price", "model": "price", "algorithm": "linear_regression", "split": {"seed": seed}});
        let run = self
            .call(Method::POST, "/training-runs", Some(spec), 202)
            .await;
        let path = format!("/training-runs/{}", run["id"].as_str().unwrap());
        ended(async || self.get(&path).await).await
    }
}

#[tokio::test]
async fn a_table_becomes_a_model_that_answers_and_is_replaced_by_a_canary() {
    let app = App::start().await;
    let _worker = app.worker();
    let client = Client {
        app: &app,
        key: app.key(&[Scope::Admin]).await,
    };

    let upload = app
        .post(&format!("{PROJECT}/datasets?name=flats"))
        .bearer_auth(&client.key)
        .header("content-type", "text/csv")
        .body(table());
    json(upload.send().await.unwrap(), 201).await;
    until("the profile", async || {
        (client.get("/datasets/flats").await["status"] == "ready").then_some(())
    })
    .await;

    let run = client.train(1).await;
    assert_eq!(
        (run["status"].as_str(), run["version"].as_i64()),
        (Some("succeeded"), Some(1)),
        "{run}"
    );
    assert!(run["metrics"]["r2"].as_f64().unwrap() > 0.9999, "{run}");
    let logs = client
        .get(&format!(
            "/training-runs/{}/logs",
            run["id"].as_str().unwrap()
        ))
        .await;
    assert!(!logs["items"].as_array().unwrap().is_empty());
    let version = client.get("/models/price/versions/1").await;
    assert_eq!(
        version["signature"]["inputs"].as_array().unwrap().len(),
        2,
        "{version}"
    );
    assert_eq!(
        (
            version["dataset"].as_str(),
            version["dataset_version"].as_i64()
        ),
        (Some("flats"), Some(1))
    );
    assert_eq!(client.train(2).await["version"], 2);
    let alias = client
        .call(
            Method::PUT,
            "/models/price/aliases/champion",
            Some(body!({"version": 2})),
            200,
        )
        .await;
    assert_eq!(alias["version"], 2);

    let spec = || Some(body!({"model": "price", "version": 1}));
    let deployment = client
        .call(Method::PUT, "/deployments/flats", spec(), 200)
        .await;
    assert_eq!(
        (
            deployment["stable_version"].as_i64(),
            deployment["state"].as_str()
        ),
        (Some(1), Some("ready")),
        "{deployment}"
    );
    let again = client
        .call(Method::PUT, "/deployments/flats", spec(), 200)
        .await;
    assert_eq!(again["revision"], deployment["revision"]);
    client
        .call(
            Method::PUT,
            "/deployments/flats",
            Some(body!({"model": "price", "version": 2})),
            409,
        )
        .await;
    let stale = app
        .request(Method::PUT, &format!("{PROJECT}/deployments/flats"))
        .bearer_auth(&client.key)
        .header("if-match", "\"999\"");
    problem(stale.json(&spec()).send().await.unwrap(), 412).await;
    let read = app
        .get(&format!("{PROJECT}/deployments/flats"))
        .bearer_auth(&client.key)
        .send()
        .await
        .unwrap();
    let tag = read.headers()["etag"].clone();
    let unchanged = app
        .get(&format!("{PROJECT}/deployments/flats"))
        .bearer_auth(&client.key)
        .header("if-none-match", &tag);
    assert_eq!(unchanged.send().await.unwrap().status(), 304);

    let key = app.key(&[Scope::Predict(None)]).await;
    let predict = async |path: &str, inputs: Value, status: u16| {
        let request = app
            .post(&format!("/predict/{path}"))
            .bearer_auth(&key)
            .json(&body!({"inputs": inputs}));
        json(request.send().await.unwrap(), status).await
    };
    // The serving snapshot follows the new key within moments.
    until("the key to be served", async || {
        let request = app
            .post("/predict/flats")
            .bearer_auth(&key)
            .json(&body!({"inputs": {"size": 50, "rooms": 3}}));
        (request.send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let one = predict("flats", body!({"size": 50, "rooms": 3}), 200).await;
    assert!(
        (one["predictions"][0].as_f64().unwrap() - 110.0).abs() < 1e-6,
        "{one}"
    );
    assert_eq!(
        (
            one["model"].as_str(),
            one["version"].as_i64(),
            one["route"].as_str()
        ),
        (Some("price"), Some(1), Some("stable"))
    );
    let many = predict(
        "flats",
        body!([{"size": 50, "rooms": 3}, {"size": 20, "rooms": 1}]),
        200,
    )
    .await;
    assert_eq!(many["predictions"].as_array().unwrap().len(), 2);
    let pinned = predict("price/@champion", body!({"size": 50, "rooms": 3}), 200).await;
    assert_eq!(
        (pinned["version"].as_i64(), pinned["route"].as_str()),
        (Some(2), Some("pinned"))
    );
    let wrong = predict("flats", body!({"size": "large", "rooms": 3}), 422).await;
    assert_eq!(wrong["errors"][0]["pointer"], "/inputs/size");
    predict("absent", body!({"size": 50, "rooms": 3}), 404).await;

    let rollout = body!({"version": 2, "mode": "canary", "steps": [{"weight": 100, "seconds": 0}]});
    let rollout = client
        .call(
            Method::POST,
            "/deployments/flats/rollouts",
            Some(rollout),
            201,
        )
        .await;
    let path = format!(
        "/deployments/flats/rollouts/{}",
        rollout["id"].as_str().unwrap()
    );
    until("the canary to answer", async || {
        (predict("flats", body!({"size": 50, "rooms": 3}), 200).await["route"] == "canary")
            .then_some(())
    })
    .await;
    let promoted = client
        .call(
            Method::POST,
            &format!("{path}/promote"),
            Some(body!({"reason": "looks good"})),
            200,
        )
        .await;
    assert_eq!(promoted["status"], "promoted");
    assert_eq!(client.get("/deployments/flats").await["stable_version"], 2);
    client
        .call(Method::POST, &format!("{path}/rollback"), None, 409)
        .await;

    let ledger = client.get("/ledger?deployment=flats").await;
    let actions: Vec<_> = ledger["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(
        actions.contains(&"rollout.promoted") && actions.contains(&"deployment.created"),
        "{actions:?}"
    );
    let metrics = until("the traffic to be counted", async || {
        let metrics = client.get("/deployments/flats/metrics").await;
        (!metrics["versions"].as_array().unwrap().is_empty()).then_some(metrics)
    })
    .await;
    assert_eq!(metrics["deployment"], "flats");
}
