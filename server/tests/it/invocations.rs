//! MLflow's door to a deployment.

mod refused;

use domain::Scope;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::until;

use crate::harness::{json as body, name};
use crate::served::{SYSTEM, Served, header, status};

/// A body, and what MLflow's own scoring server makes of it: `payloads.py` beside this file wrote them.
#[derive(Deserialize)]
struct Payload {
    what: String,
    content_type: String,
    body: String,
    status: u16,
    predictions: Option<Value>,
    error_code: Option<String>,
}

fn payloads() -> Vec<Payload> {
    serde_json::from_str(include_str!("invocations/payloads.json")).unwrap()
}

pub(super) fn invoke(
    served: &Served,
    deployment: &str,
    content_type: &str,
    body: impl Into<reqwest::Body>,
) -> RequestBuilder {
    served
        .app
        .post(&format!("/deployments/{deployment}/invocations"))
        .bearer_auth(&served.key)
        .header("content-type", content_type)
        .body(body)
}

/// The error of this status, checked for its form.
pub(super) async fn error(request: RequestBuilder, status: u16) -> (String, String) {
    let answer = request.send().await.unwrap();
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert!(answer.headers().contains_key("x-request-id"));
    let error = body(answer, status).await;
    assert_eq!(error.as_object().unwrap().len(), 2, "{error}");
    let text = |member: &str| error[member].as_str().unwrap().to_owned();
    (text("error_code"), text("message"))
}

#[tokio::test]
async fn what_mlflow_sends_is_answered_as_mlflow_answers() {
    let served = Served::start().await;
    served.house().await;
    for payload in payloads() {
        let request = invoke(&served, "house", &payload.content_type, payload.body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let found = body(answer, status).await;
        assert_eq!(status, payload.status, "{}: {found}", payload.what);
        if let Some(predictions) = payload.predictions {
            assert_eq!(
                found,
                json!({"predictions": predictions}),
                "{}",
                payload.what
            );
        } else {
            assert_eq!(
                found["error_code"],
                json!(payload.error_code),
                "{}: {found}",
                payload.what
            );
        }
    }
}

#[tokio::test]
async fn the_predictions_are_those_of_predict() {
    let served = Served::start().await;
    served.house().await;
    let rows = json!([
        {"rooms": 3, "area": 0.1, "place": "INLAND", "flag": false},
        {"rooms": -4, "area": null, "place": "NEAR BAY", "flag": true},
        {"rooms": 0, "area": 1e300, "place": "", "flag": null},
        {"rooms": 9_007_199_254_740_993_i64, "area": -0.0, "place": "null", "flag": null},
    ]);
    let native = served
        .to("/predict/house", rows.clone())
        .send()
        .await
        .unwrap();
    let expected = body(native, 200).await["predictions"].clone();
    let records: Vec<&Value> = rows.as_array().unwrap().iter().collect();
    let columns = ["rooms", "area", "place", "flag"];
    let lists: Vec<Vec<&Value>> = records
        .iter()
        .map(|row| columns.iter().map(|name| &row[*name]).collect())
        .collect();
    let reversed: Vec<Vec<&Value>> = lists
        .iter()
        .map(|row| row.iter().rev().copied().collect())
        .collect();
    let by_column: serde_json::Map<String, Value> = columns
        .iter()
        .map(|name| {
            let values: Vec<&Value> = records.iter().map(|row| &row[*name]).collect();
            ((*name).to_owned(), json!(values))
        })
        .collect();
    for shape in [
        json!({"dataframe_split": {"columns": columns, "data": lists}}),
        json!({"dataframe_split": {"columns": ["flag", "place", "area", "rooms"], "data": reversed, "index": [7, 8, 9, 10]}}),
        json!({"dataframe_records": records}),
        json!({"instances": records, "params": {}}),
        json!({"instances": lists, "params": null}),
        json!({"inputs": records}),
        json!({"inputs": lists}),
        json!({"inputs": by_column}),
    ] {
        let answer = invoke(&served, "house", "application/json", shape.to_string());
        let found = body(answer.send().await.unwrap(), 200).await;
        assert_eq!(found["predictions"], expected, "{shape}");
    }
}

#[tokio::test]
async fn keys_limits_and_headers_are_those_of_predict() {
    let served = Served::start().await;
    let rooms = r#"{"inputs": [3]}"#;
    let ask = |key: &str| {
        served
            .app
            .post("/deployments/price/invocations")
            .bearer_auth(key)
            .header("content-type", "application/json")
            .body(rooms)
    };
    let answer = ask(&served.key).send().await.unwrap();
    assert_eq!(header(&answer, "x-model-version"), "1");
    assert!(header(&answer, "server-timing").contains("predict;dur="));
    assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=10000;w=10");
    assert_eq!(body(answer, 200).await, json!({"predictions": [13.0]}));

    let own = served.app.key(&[Scope::Predict(Some(name("price")))]).await;
    assert_eq!(status(ask(&own)).await, 200);
    let other = served.app.key(&[Scope::Predict(Some(name("other")))]).await;
    let (code, message) = error(ask(&other), 403).await;
    assert_eq!(code, "PERMISSION_DENIED");
    assert!(message.contains("predict:price"), "{message}");
    assert_eq!(error(ask("vol_nothing"), 401).await.0, "UNAUTHENTICATED");
    let absent = invoke(&served, "absent", "application/json", rooms);
    assert_eq!(error(absent, 404).await.0, "RESOURCE_DOES_NOT_EXIST");

    let small = domain::api_keys::NewApiKey {
        name: "small".to_owned(),
        scopes: vec![Scope::Predict(None)],
        expires_at: None,
        rate_limit: Some(domain::api_keys::RateLimit {
            requests: 2,
            per_seconds: 3600,
        }),
        budget: None,
    };
    let small = platform::api_keys::create(&served.app.platform, &SYSTEM, &served.project, small)
        .await
        .unwrap()
        .key;
    // One quota for both doors.
    assert_eq!(status(ask(&small)).await, 200);
    let native = served.app.post("/predict/price").bearer_auth(&small);
    assert_eq!(
        status(native.json(&json!({"inputs": {"rooms": 3}}))).await,
        200
    );
    let answer = ask(&small).send().await.unwrap();
    assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(body(answer, 429).await["error_code"], "RESOURCE_EXHAUSTED");
}

#[tokio::test]
async fn a_canary_takes_its_share_and_its_failures_are_stood_in_for() {
    let served = Served::start().await;
    served.canary(3, 50.0).await;
    let both = served.app.key(&[Scope::Predict(None), Scope::Write]).await;
    let ask = |arm: &str| {
        served
            .app
            .post("/deployments/price/invocations")
            .bearer_auth(&both)
            .header("content-type", "text/csv")
            .header("x-canary", arm.to_owned())
    };
    let one = ask("always").body("rooms\n1\n").send().await.unwrap();
    assert_eq!(header(&one, "x-model-version"), "3");
    let three = ask("always").body("rooms\n3\n").send().await.unwrap();
    assert_eq!(header(&three, "x-model-version"), "1");
    assert_eq!(body(three, 200).await, json!({"predictions": [13.0]}));
}

#[tokio::test]
async fn what_was_asked_is_counted() {
    let served = Served::start().await;
    for _ in 0..3 {
        let request = invoke(&served, "price", "text/csv", "rooms\n3\n");
        assert_eq!(status(request).await, 200);
    }
    let counted = until("the counts", async || {
        let range = platform::metrics::Range::default();
        let found = platform::metrics::deployment(
            &served.app.platform,
            &SYSTEM,
            &served.project,
            &served.price,
            range,
        );
        let found = found.await.ok()?;
        found
            .versions
            .into_iter()
            .find(|series| series.requests == 3)
    });
    assert_eq!(counted.await.version, 1);
}

#[tokio::test]
async fn a_deployment_that_is_not_ready_says_when_to_come_back() {
    let served = Served::start().await;
    served.broken().await;
    let request = invoke(&served, "broken", "text/csv", "rooms\n3\n");
    let answer = request.send().await.unwrap();
    assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(
        body(answer, 503).await["error_code"],
        "TEMPORARILY_UNAVAILABLE"
    );
}
