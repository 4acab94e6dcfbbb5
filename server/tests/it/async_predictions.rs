//! Predictions that nobody waits for, as programs ask for them and as servers come and go.

mod callbacks;
mod durable;
mod receiver;
mod wait;

use domain::Scope;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::{TestPlatform, until};

use crate::harness::{App, json as body, location, name, problem};
use crate::served::{Served, header, status};

const LATER: &str = "/predict/price/async";

/// A server with these options.
async fn served(options: &[&str]) -> Served {
    let platform = TestPlatform::with_clock(platform::Clock::System).await;
    Served::on(App::start_with(platform, options).await).await
}

impl Served {
    /// To be predicted later.
    fn later(&self, sent: &Value) -> RequestBuilder {
        self.app.post(LATER).bearer_auth(&self.key).json(sent)
    }

    async fn hold(&self, hold: bool) {
        let database = &self.app.platform.database;
        database.hold_async_predictions(hold).await;
    }

    fn at(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path).bearer_auth(&self.key)
    }

    /// What has become of a prediction.
    async fn look(&self, path: &str) -> Value {
        body(self.at(Method::GET, path).send().await.unwrap(), 200).await
    }

    /// A prediction that has ended.
    async fn ended(&self, path: &str) -> Value {
        until("the prediction's end", async || {
            let found = self.look(path).await;
            let is_open = found["status"] == "queued" || found["status"] == "running";
            (!is_open).then_some(found)
        })
        .await
    }

    async fn cancel(&self, path: &str) -> Response {
        let path = format!("{path}/cancel");
        self.at(Method::POST, &path).send().await.unwrap()
    }
}

/// Where an accepted prediction is to be asked for.
async fn accepted(request: RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let path = answer.headers().get("location").cloned();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 202, "{text}");
    path.unwrap().to_str().unwrap().to_owned()
}

fn rooms(rooms: f64) -> Value {
    json!({"inputs": {"rooms": rooms}})
}

#[tokio::test]
async fn it_is_accepted_answered_and_asked_for() {
    let served = Served::start().await;
    let answer = served
        .later(&rooms(3.0))
        .header("x-request-id", "order-7")
        .send()
        .await
        .unwrap();
    assert_eq!(location(&answer), "/api/v1/predictions/order-7");
    assert_eq!(header(&answer, "x-request-id"), "order-7");
    assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=10000;w=10");
    let shown = body(answer, 202).await;
    assert_eq!(
        (&shown["request_id"], &shown["deployment"], &shown["status"]),
        (&json!("order-7"), &json!("price"), &json!("queued"))
    );
    let done = served.ended("/api/v1/predictions/order-7").await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(
        done["result"],
        json!({"predictions": [13.0], "model": "price", "version": 1, "route": "stable"})
    );
    assert!(done["finished_at"].is_string());
    assert!(done.get("error").is_none() && done.get("callback").is_none());

    let batch = json!({"inputs": [{"rooms": 1}, {"rooms": 2.5}]});
    let preferring = served
        .app
        .post("/predict/price")
        .bearer_auth(&served.key)
        .header("prefer", "respond-async")
        .json(&batch);
    let answer = preferring.send().await.unwrap();
    assert_eq!(header(&answer, "preference-applied"), "respond-async");
    let done = served.ended(location(&answer)).await;
    assert_eq!(done["result"]["predictions"], json!([11.0, 12.5]));
}

#[tokio::test]
async fn the_same_key_goes_to_the_same_version_as_at_once() {
    let served = Served::start().await;
    served.canary(2, 50.0).await;
    for n in 0..10 {
        let customer = format!("customer-{n}");
        let now = served.ask().header("x-route-key", &customer);
        let now = body(now.send().await.unwrap(), 200).await;
        let later = served.later(&rooms(3.0)).header("x-route-key", &customer);
        let later = served.ended(&accepted(later).await).await;
        assert_eq!(later["result"]["version"], now["version"]);
        assert_eq!(later["result"]["route"], now["route"]);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once_and_not_kept() {
    let served = Served::start().await;
    let later = |sent: &Value| served.later(sent).header("x-request-id", "bad");
    let sent = json!({"inputs": [{"rooms": 1}, {"rooms": "x"}]});
    let refused = problem(later(&sent).send().await.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/inputs/1/rooms");
    let both = json!({"inputs": {"rooms": null}, "callback_url": "https://10.0.0.1/"});
    let refused = problem(later(&both).send().await.unwrap(), 422).await;
    let pointers: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/callback_url", "/inputs/rooms"]);
    let more = json!({"inputs": {"rooms": 3}, "more": 1});
    let refused = problem(later(&more).send().await.unwrap(), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/more");

    let text = served
        .app
        .post(LATER)
        .bearer_auth(&served.key)
        .header("x-request-id", "bad")
        .body("{}");
    assert_eq!(status(text).await, 415);
    let absent = served
        .app
        .post("/predict/absent/async")
        .bearer_auth(&served.key)
        .json(&rooms(3.0));
    problem(absent.send().await.unwrap(), 404).await;
    problem(
        served
            .app
            .post(LATER)
            .json(&rooms(3.0))
            .send()
            .await
            .unwrap(),
        401,
    )
    .await;
    let other = served.app.key(&[Scope::Predict(Some(name("other")))]).await;
    let request = served.app.post(LATER).bearer_auth(&other);
    problem(request.json(&rooms(3.0)).send().await.unwrap(), 403).await;

    let path = "/api/v1/predictions/bad";
    problem(served.at(Method::GET, path).send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_prediction_is_there_for_its_own_project_and_deployment_alone() {
    let served = Served::start().await;
    let path = accepted(served.later(&rooms(3.0))).await;
    served.ended(&path).await;
    let app = &served.app;
    let other = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&other, &[Scope::Predict(None)]).await;
    let narrow = app.key(&[Scope::Predict(Some(name("other")))]).await;
    let reader = app.key(&[Scope::Read]).await;
    let own = app.key(&[Scope::Predict(Some(name("price")))]).await;
    let look = async |method: Method, path: &str, key: &str| {
        let request = app.request(method, path).bearer_auth(key);
        request.header("x-request-id", "same").send().await.unwrap()
    };
    let cancel = format!("{path}/cancel");
    for key in [&foreign.key, &narrow, &reader] {
        let mut bodies = Vec::new();
        for path in [
            path.as_str(),
            "/api/v1/predictions/absent",
            "/api/v1/predictions/a%00b",
        ] {
            let mut refused = problem(look(Method::GET, path, key).await, 404).await;
            refused.as_object_mut().unwrap().remove("timestamp");
            bodies.push(refused);
        }
        assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
        problem(look(Method::POST, &cancel, key).await, 404).await;
    }
    body(look(Method::GET, &path, &own).await, 200).await;
    problem(app.get(&path).send().await.unwrap(), 401).await;
}

#[tokio::test]
async fn one_that_waits_can_be_cancelled_and_one_that_has_ended_can_not() {
    let served = Served::start().await;
    served.hold(true).await;
    let path = accepted(served.later(&rooms(3.0))).await;
    assert_eq!(served.look(&path).await["status"], "queued");
    for _ in 0..2 {
        let cancelled = body(served.cancel(&path).await, 200).await;
        assert_eq!(cancelled["status"], "cancelled");
        assert!(cancelled["finished_at"].is_string());
    }
    served.hold(false).await;
    let path = accepted(served.later(&rooms(3.0))).await;
    served.ended(&path).await;
    let refused = problem(served.cancel(&path).await, 409).await;
    assert_eq!(refused["error_code"], "prediction_finished");
}

#[tokio::test]
async fn a_model_that_fails_fails_the_prediction_with_its_problem() {
    let served = Served::start().await;
    served.put("fails", "price", 3).await;
    let request = served.to("/predict/fails/async", json!({"rooms": 3}));
    let done = served.ended(&accepted(request).await).await;
    assert_eq!(
        (
            &done["status"],
            &done["error"]["status"],
            &done["error"]["error_code"]
        ),
        (&json!("failed"), &json!(500), &json!("model_failed"))
    );
    assert_eq!(done["error"]["request_id"], done["request_id"]);
}

#[tokio::test]
async fn a_repeated_request_makes_one_prediction() {
    let served = Served::start().await;
    let later = |key: &str, sent: &Value| served.later(sent).header("idempotency-key", key);
    let bad = json!({"inputs": {"rooms": "x"}});
    problem(later("k", &bad).send().await.unwrap(), 422).await;

    let first = later("k", &rooms(3.0)).send().await.unwrap();
    let path = location(&first).to_owned();
    let first = body(first, 202).await;
    let again = later("k", &rooms(3.0)).send().await.unwrap();
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(location(&again), path);
    assert_eq!(body(again, 202).await, first);
    let reused = problem(later("k", &rooms(4.0)).send().await.unwrap(), 409).await;
    assert_eq!(reused["error_code"], "idempotency_key_reused");
    let malformed = later("two words", &rooms(3.0)).send().await.unwrap();
    problem(malformed, 400).await;

    let named = || served.later(&rooms(3.0)).header("x-request-id", "mine");
    accepted(named()).await;
    let taken = problem(named().send().await.unwrap(), 409).await;
    assert_eq!(taken["error_code"], "request_id_taken");
}

#[tokio::test]
async fn a_full_queue_takes_no_more() {
    let served = served(&["--async-queue-limit", "2"]).await;
    served.put("other", "price", 1).await;
    served.hold(true).await;
    let first = accepted(served.later(&rooms(1.0))).await;
    accepted(served.later(&rooms(2.0))).await;
    let answer = served.later(&rooms(3.0)).send().await.unwrap();
    assert_eq!(header(&answer, "retry-after"), "5");
    let refused = problem(answer, 503).await;
    assert!(
        refused["message"].as_str().unwrap().contains("price"),
        "{refused}"
    );
    accepted(served.to("/predict/other/async", json!({"rooms": 3}))).await;
    body(served.cancel(&first).await, 200).await;
    accepted(served.later(&rooms(3.0))).await;
}
