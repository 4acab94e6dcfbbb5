use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use super::{LATER, accepted, rooms};
use crate::harness::{json as body, location, problem};
use crate::served::{Served, header};

#[tokio::test]
async fn a_client_that_prefers_to_wait_gets_the_answer_if_it_comes_in_time() {
    let served = Served::start().await;
    for (path, prefer, applied) in [
        (LATER, "wait=20", "wait=20"),
        ("/predict/price", "respond-async, wait=20", "wait=20"),
    ] {
        let request = served
            .to(path, json!({"rooms": 3}))
            .header("prefer", prefer)
            .header("x-request-id", format!("wait{}", path.len()));
        let answer = request.send().await.unwrap();
        assert_eq!(header(&answer, "preference-applied"), applied);
        assert_eq!(header(&answer, "x-model-version"), "1");
        let request_id = header(&answer, "x-request-id").to_owned();
        assert_eq!(
            body(answer, 200).await,
            json!({"predictions": [13.0], "model": "price", "version": 1, "route": "stable", "request_id": request_id})
        );
    }
    // A preference that does not ask for it changes nothing.
    let answer = served
        .ask()
        .header("prefer", "wait=20")
        .send()
        .await
        .unwrap();
    assert!(!answer.headers().contains_key("preference-applied"));
    assert_eq!(body(answer, 200).await["predictions"], json!([13.0]));
}

#[tokio::test]
async fn a_client_that_waits_for_a_failure_is_told_of_it() {
    let served = Served::start().await;
    served.put("fails", "price", 3).await;
    let request = served
        .to("/predict/fails/async", json!({"rooms": 3}))
        .header("prefer", "wait=20");
    let failed = problem(request.send().await.unwrap(), 500).await;
    assert_eq!(failed["error_code"], "model_failed");
}

#[tokio::test]
async fn one_that_is_not_done_in_time_is_accepted() {
    let served = Served::start().await;
    served.hold(true).await;
    let started = Instant::now();
    let request = served
        .to("/predict/price", json!({"rooms": 3}))
        .header("prefer", "respond-async, wait=1");
    let answer = request.send().await.unwrap();
    assert!(started.elapsed().as_secs() >= 1);
    assert_eq!(
        header(&answer, "preference-applied"),
        "respond-async, wait=1"
    );
    let path = location(&answer).to_owned();
    assert_eq!(body(answer, 202).await["status"], "queued");
    let look = served.at(Method::GET, &path).header("prefer", "wait=1");
    assert_eq!(
        body(look.send().await.unwrap(), 200).await["status"],
        "queued"
    );
}

#[tokio::test]
async fn whoever_waits_for_a_prediction_is_woken_by_its_end() {
    let served = Served::start().await;
    served.hold(true).await;
    let paths = [
        accepted(served.later(&rooms(1.0))).await,
        accepted(served.later(&rooms(2.0))).await,
    ];
    let started = Instant::now();
    let wait = async |path: &str| {
        let look = served.at(Method::GET, path).header("prefer", "wait=25");
        body(look.send().await.unwrap(), 200).await
    };
    let ends = async {
        body(served.cancel(&paths[0]).await, 200).await;
        served.hold(false).await;
    };
    let (cancelled, first, second, ()) =
        tokio::join!(wait(&paths[0]), wait(&paths[1]), wait(&paths[1]), ends);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(first["status"], "succeeded");
    assert_eq!(first, second);
    assert!(
        started.elapsed().as_secs() < 20,
        "they were not woken, but ran out of time"
    );
}
