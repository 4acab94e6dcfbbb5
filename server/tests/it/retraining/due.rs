//! What starts by itself.

use reqwest::Method;
use serde_json::{Value, json as body};

use super::{Ground, RETRAINING, policy, table, training};
use crate::harness::json;

const HOUR: i64 = 3600;

#[tokio::test]
async fn a_schedule_starts_a_canary_once_and_passes_over_what_was_missed() {
    let ground = Ground::cautious().await;
    let spec = policy(body!({ "schedule": "0 10 * * *", "on_better": "start_canary" }));
    let made = ground.policy(spec).await;
    let next = [
        "2026-01-15T10:00:00Z",
        "2026-01-16T10:00:00Z",
        "2026-01-17T10:00:00Z",
    ];
    assert_eq!(made["next_runs"], body!(next));
    ground.tick().await;
    assert!(ground.attempts().await.is_empty());

    ground.app.platform.clock.advance(HOUR);
    let platform = ground.app.platform.platform();
    let (one, other) = tokio::join!(
        platform::retraining::tick(&platform),
        platform::retraining::tick(&ground.app.platform),
    );
    assert!(one.unwrap() + other.unwrap() <= 1);
    let attempt = ground.ended().await;
    assert_eq!(ground.attempts().await.len(), 1);
    assert_eq!(attempt["status"], "canary_started", "{attempt}");
    assert_eq!(attempt["trigger"], "schedule");
    assert_eq!(attempt["occurrence"], next[0]);
    assert_eq!(
        (&attempt["skipped"], &attempt["created_by"]),
        (&body!(0), &body!("system:retrainer"))
    );
    let rollout = &ground.get("/deployments/price").await["rollout"];
    assert_eq!(rollout["id"], attempt["rollout"]);
    assert_eq!(rollout["created_by"], "system:retrainer");

    // Three days later the server is back: one attempt, and a rollout that is under way is left alone.
    ground.app.platform.clock.advance(72 * HOUR);
    let attempt = ground.ended_after(1).await;
    assert_eq!(attempt["occurrence"], "2026-01-18T10:00:00Z");
    assert_eq!(attempt["skipped"], 2);
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    assert_eq!(
        attempt["reason"],
        "a rollout of v2 is under way: this one can be accepted once that has ended"
    );
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 2);
}

#[tokio::test]
async fn a_new_version_of_the_dataset_fires_once_and_a_failed_one_never() {
    let ground = Ground::new(&["noise"]).await;
    ground
        .policy(policy(body!({ "on_new_dataset_version": true })))
        .await;
    ground.tick().await;
    assert!(
        ground.attempts().await.is_empty(),
        "version 1 was there before"
    );

    ground.upload("x,noise,y\n1,2\n", "failed").await;
    ground.tick().await;
    assert!(
        ground.attempts().await.is_empty(),
        "version 2 can not be read"
    );

    ground.upload(&table(500, "x,noise,y"), "ready").await;
    let attempt = ground.ended_after(0).await;
    assert_eq!(
        (&attempt["trigger"], &attempt["dataset_version"]),
        (&body!("dataset_version"), &body!(3))
    );
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    // The live version learned from another version of the same dataset.
    let sentence = attempt["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("may have learned from these rows"),
        "{sentence}"
    );
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 1);

    // What an attempt by hand has taken is done with, too.
    ground.upload(&table(600, "x,noise,y"), "ready").await;
    let attempt = ground.ended_after(1).await;
    assert_eq!(attempt["dataset_version"], 4);
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 2);
}

#[tokio::test]
async fn nothing_starts_while_paused_and_what_came_due_then_is_passed_over() {
    let ground = Ground::new(&["noise"]).await;
    let spec = policy(body!({ "schedule": "0 * * * *", "on_new_dataset_version": true }));
    ground.policy(spec).await;
    let paused = ground.post(&format!("{RETRAINING}/pause"), 200).await;
    assert_eq!(
        (&paused["paused"], &paused["next_runs"]),
        (&body!(true), &body!([]))
    );
    assert!(
        paused["pause_reason"]
            .as_str()
            .unwrap()
            .starts_with("paused by key:")
    );
    ground.app.platform.clock.advance(5 * HOUR);
    ground.upload(&table(500, "x,noise,y"), "ready").await;
    ground.tick().await;
    assert!(ground.attempts().await.is_empty());
    let resumed = ground.post(&format!("{RETRAINING}/resume"), 200).await;
    assert_eq!(
        (&resumed["paused"], &resumed["pause_reason"]),
        (&body!(false), &Value::Null)
    );
    ground.tick().await;
    assert!(ground.attempts().await.is_empty());
    ground.app.platform.clock.advance(HOUR);
    let attempt = ground.ended_after(0).await;
    assert_eq!(
        (&attempt["occurrence"], &attempt["skipped"]),
        (&body!("2026-01-15T15:00:00Z"), &body!(0))
    );
    assert_eq!(ground.ledger("retraining.paused").await.len(), 1);
    assert_eq!(ground.ledger("retraining.resumed").await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_was_put_back_makes_nothing_due_again() {
    let ground = Ground::new(&["noise"]).await;
    let clock = &ground.app.platform.clock;
    ground
        .policy(policy(body!({ "schedule": "0 * * * *" })))
        .await;
    clock.advance(HOUR);
    ground.ended_after(0).await;
    clock.advance(-HOUR / 2);
    ground.post(&format!("{RETRAINING}/pause"), 200).await;
    ground.post(&format!("{RETRAINING}/resume"), 200).await;
    // Each hour is a moment of this one, too.
    ground
        .policy(policy(body!({ "schedule": "0 */1 * * *" })))
        .await;
    clock.advance(HOUR / 2);
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 1);
}

/// A canary that callers can not serve yet is not started by itself.
#[tokio::test]
async fn a_version_that_takes_more_is_only_proposed() {
    let ground = Ground::new(&["noise"]).await;
    let spec = policy(
        body!({ "training": training(body!({ "features": ["x"] })), "on_better": "start_canary" }),
    );
    ground.policy(spec).await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    let reason = attempt["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("callers do not send what it takes: x"),
        "{reason}"
    );
    let request = ground.request(Method::DELETE, RETRAINING);
    assert_eq!(request.send().await.unwrap().status(), 204);
    let path = format!(
        "{RETRAINING}/attempts/{}/accept",
        attempt["id"].as_str().unwrap()
    );
    let answer = ground.request(Method::POST, &path).send().await.unwrap();
    // The proposal outlives its policy: what it says is still true.
    assert_eq!(json(answer, 200).await["status"], "accepted");
}
