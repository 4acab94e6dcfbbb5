//! Servers that end, in order and not, while predictions wait.

use domain::Actor;
use domain::predictions::Route;
use platform::async_predictions::{self, Answered, Outcome, StoredPrediction, Submission};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::until;

use super::{accepted, rooms};
use crate::harness::{App, json as body, problem};
use crate::served::{SYSTEM, Served};

/// Stores a prediction as a server does that ends right after it.
async fn submit(served: &Served, request_id: &str) -> StoredPrediction {
    let new = Submission {
        deployment: served.price.clone(),
        request_id: request_id.to_owned(),
        routing_key: b"key".to_vec(),
        forced: Some(Route::Stable),
        body: rooms(3.0).to_string().into_bytes(),
        callback: None,
    };
    let actor = actor(served).await;
    async_predictions::submit(&served.app.platform, &actor, &new, 100)
        .await
        .unwrap()
}

async fn actor(served: &Served) -> Actor {
    let platform = &served.app.platform;
    let scopes = [domain::Scope::Predict(None)];
    platform.key(&served.project, &scopes).await.1
}

async fn ended(app: &App, key: &str, request_id: &str) -> Value {
    let path = format!("/api/v1/predictions/{request_id}");
    until("the prediction's end", async || {
        let request = app.request(Method::GET, &path).bearer_auth(key);
        let found = body(request.send().await.unwrap(), 200).await;
        found["finished_at"].is_string().then_some(found)
    })
    .await
}

#[tokio::test]
async fn what_was_accepted_is_answered_after_a_restart() {
    let served = Served::start().await;
    served.hold(true).await;
    let mut waiting = Vec::new();
    for n in 0..20_i32 {
        let path = accepted(served.later(&rooms(f64::from(n)))).await;
        waiting.push((n, path.rsplit('/').next().unwrap().to_owned()));
    }
    served.app.stop().await;
    served.hold(false).await;
    let last = submit(&served, "while-nobody-was-there").await;
    assert_eq!(last.prediction.request_id, "while-nobody-was-there");

    let again = served.app.again(&[]).await;
    for (n, request_id) in waiting {
        let done = ended(&again, &served.key, &request_id).await;
        let expected = json!([10.0 + f64::from(n)]);
        assert_eq!(done["result"]["predictions"], expected, "{done}");
    }
    let done = ended(&again, &served.key, "while-nobody-was-there").await;
    assert_eq!(done["status"], "succeeded");
}

#[tokio::test]
async fn what_a_lost_server_held_is_answered_by_another_and_the_lost_one_writes_nothing() {
    let served = Served::start().await;
    served.app.stop().await;
    submit(&served, "held").await;
    let platform = &served.app.platform;
    let taken = async_predictions::take(platform).await.unwrap();
    assert_eq!(taken.len(), 1);
    let lost = &taken[0];
    assert_eq!((lost.fence.attempt, lost.losses), (1, 0));
    assert!(async_predictions::take(platform).await.unwrap().is_empty());

    let again = served.app.again(&[]).await;
    let path = "/api/v1/predictions/held";
    let held = again.request(Method::GET, path).bearer_auth(&served.key);
    assert_eq!(
        body(held.send().await.unwrap(), 200).await["status"],
        "running"
    );
    platform.database.expire_leases().await;
    let done = ended(&again, &served.key, "held").await;
    assert_eq!(done["result"]["predictions"], json!([13.0]));

    // It comes back, and had come to another end.
    let late = domain::problem::Problem {
        kind: "about:blank".to_owned(),
        title: "late".to_owned(),
        status: 500,
        detail: String::new(),
        message: String::new(),
        error_code: "late".to_owned(),
        timestamp: platform.clock.now(),
        request_id: "held".to_owned(),
        errors: Vec::new(),
        retry_after: None,
    };
    let written = vec![(lost.fence, Answered::Ended(Outcome::Failed(late)))];
    async_predictions::finish(platform, written).await.unwrap();
    assert_eq!(ended(&again, &served.key, "held").await, done);
}

#[tokio::test]
async fn one_that_ends_every_server_that_takes_it_is_given_up() {
    let served = Served::start().await;
    served.app.stop().await;
    submit(&served, "deadly").await;
    let platform = &served.app.platform;
    for losses in 0..=3 {
        let taken = async_predictions::take(platform).await.unwrap();
        assert_eq!((taken.len(), taken[0].losses), (1, losses));
        platform.database.expire_leases().await;
    }
    let again = served.app.again(&[]).await;
    let done = ended(&again, &served.key, "deadly").await;
    assert_eq!(
        (&done["status"], &done["error"]["error_code"]),
        (&json!("failed"), &json!("model_failed"))
    );
}

#[tokio::test]
async fn one_whose_deployment_is_gone_says_so() {
    let served = Served::start().await;
    served.hold(true).await;
    let path = accepted(served.later(&rooms(3.0))).await;
    let platform = &served.app.platform;
    platform::deployments::delete(platform, &SYSTEM, &served.project, &served.price)
        .await
        .unwrap();
    served.hold(false).await;
    let done = served.ended(&path).await;
    assert_eq!(
        (&done["status"], &done["error"]["status"]),
        (&json!("failed"), &json!(404))
    );
}

#[tokio::test]
async fn what_has_ended_is_forgotten_after_a_while_and_what_waits_is_not() {
    let served = Served::start().await;
    let done = accepted(served.later(&rooms(3.0))).await;
    served.ended(&done).await;
    served.hold(true).await;
    let waiting = accepted(served.later(&rooms(3.0))).await;
    let platform = &served.app.platform;
    assert_eq!(async_predictions::trim(platform, 3600).await.unwrap(), 0);
    assert_eq!(async_predictions::trim(platform, 0).await.unwrap(), 1);
    let look = served.at(Method::GET, &done);
    problem(look.send().await.unwrap(), 404).await;
    assert_eq!(served.look(&waiting).await["status"], "queued");
}

#[tokio::test]
async fn each_prediction_is_answered_once_however_many_servers_there_are() {
    let served = Served::start().await;
    let second = served.app.again(&[]).await;
    let asked = (0..50_i32).map(|n| accepted(served.later(&rooms(f64::from(n % 10)))));
    for path in futures::future::join_all(asked).await {
        served.ended(&path).await;
    }
    let counted = until("the counts of both", async || {
        let found = platform::metrics::deployment(
            &second.platform,
            &SYSTEM,
            &served.project,
            &served.price,
            platform::metrics::Range::default(),
        )
        .await
        .ok()?;
        let requests: u64 = found.versions.iter().map(|series| series.requests).sum();
        (requests >= 50).then_some(requests)
    })
    .await;
    assert_eq!(counted, 50);
}
