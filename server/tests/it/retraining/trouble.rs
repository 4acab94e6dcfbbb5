//! What goes wrong, and is told.

use reqwest::Method;
use serde_json::{Value, json as body};
use testkit::until;

use super::{Ground, RETRAINING, merged, policy, table, training};

const HOUR: i64 = 3600;

/// The column that is learned from goes with the next version of the table.
#[tokio::test]
async fn failures_put_the_policy_off_and_end_in_a_pause() {
    let ground = Ground::new(&["noise"]).await;
    let spec = policy(
        body!({ "training": training(body!({ "features": ["x"] })), "schedule": "0 * * * *" }),
    );
    ground.policy(spec).await;
    ground.upload(&table(300, "noise,y"), "ready").await;
    let problems = &ground.get(RETRAINING).await["problems"];
    let problem = problems[0].as_str().unwrap();
    assert!(
        problem
            .starts_with("nothing can be trained: /features/0: expected a column of the dataset"),
        "{problem}"
    );

    ground.app.platform.clock.advance(HOUR);
    let attempt = ground.ended_after(0).await;
    assert_eq!(
        (&attempt["status"], &attempt["training_run"]),
        (&body!("failed"), &Value::Null)
    );
    let reason = attempt["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("nothing could be trained: /features/0"),
        "{reason}"
    );
    let put_off = ground.get(RETRAINING).await;
    assert_eq!(
        (&put_off["failures"], &put_off["paused"]),
        (&body!(1), &body!(false))
    );
    assert_eq!(put_off["not_before"], "2026-01-15T10:05:00Z");
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 1);

    for failures in 1..5 {
        ground.app.platform.clock.advance(HOUR);
        ground.ended_after(failures).await;
    }
    let paused = ground.get(RETRAINING).await;
    assert_eq!(
        (&paused["failures"], &paused["paused"]),
        (&body!(5), &body!(true))
    );
    let reason = paused["pause_reason"].as_str().unwrap();
    assert!(
        reason.starts_with("paused after 5 failed attempts in a row, the last one: nothing could"),
        "{reason}"
    );
    ground.app.platform.clock.advance(HOUR);
    ground.tick().await;
    assert_eq!(ground.attempts().await.len(), 5);
    assert_eq!(ground.ledger("retraining.paused").await.len(), 1);

    // By hand it can still be tried, and says what is wrong at once.
    let refused = ground.refused(&format!("{RETRAINING}/run"), 422).await;
    assert_eq!(refused["errors"][0]["pointer"], "/features/0");
    ground.upload(&table(400, "x,noise,y"), "ready").await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    let resumed = ground.post(&format!("{RETRAINING}/resume"), 200).await;
    assert_eq!(
        (&resumed["failures"], &resumed["problems"]),
        (&body!(0), &body!([]))
    );
}

#[tokio::test]
async fn a_training_that_fails_is_a_failed_attempt_with_its_reason() {
    let ground = Ground::new(&["x"]).await;
    ground.policy(policy(body!({}))).await;
    // The profile can not know of it: every row but a few has no target.
    let rows: String = (0..40)
        .map(|i| match i {
            0..4 => format!("{i},{i},{i}\n"),
            _ => format!("{i},{i},\n"),
        })
        .collect();
    ground.upload(&format!("x,noise,y\n{rows}"), "ready").await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "failed", "{attempt}");
    let reason = attempt["reason"].as_str().unwrap();
    assert!(reason.contains("4 rows have a value for \"y\""), "{reason}");
    assert!(attempt["version"].is_null());
    assert_eq!(ground.get(RETRAINING).await["failures"], 1);

    ground.upload(&table(400, "x,noise,y"), "ready").await;
    let begun = ground.post(&format!("{RETRAINING}/run"), 202).await;
    let run = begun["training_run"].as_str().unwrap();
    let cancel = format!("/training-runs/{run}/cancel");
    let answer = ground.request(Method::POST, &cancel).send().await.unwrap();
    let attempt = ground.ended().await;
    if answer.status() == 200 && ground.run_ended(run).await["status"] == "cancelled" {
        assert_eq!(attempt["status"], "cancelled", "{attempt}");
        // That is nobody's failure.
        assert_eq!(ground.get(RETRAINING).await["failures"], 1);
    }
}

#[tokio::test]
async fn a_deployment_that_is_gone_is_told_and_breaks_nothing() {
    let ground = Ground::new(&["noise"]).await;
    let spec = policy(body!({ "on_better": "start_canary", "on_new_dataset_version": true }));
    ground.policy(spec).await;
    ground.attempt().await;
    ground.deploy("second").await;
    let answer = ground.request(Method::DELETE, "/deployments/price");
    assert_eq!(answer.send().await.unwrap().status(), 204);
    let problems = &ground.get(RETRAINING).await["problems"];
    assert!(
        problems[0]
            .as_str()
            .unwrap()
            .starts_with("the deployment price is gone"),
        "{problems}"
    );

    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "kept", "{attempt}");
    assert_eq!(
        attempt["verdict"]["sentence"],
        "not comparable with the live version: there is no deployment price any more"
    );
    assert_eq!(attempt["reason"], "there is no deployment price any more");
    ground
        .policy(policy(body!({ "deployment": "second" })))
        .await;
    assert_eq!(ground.get(RETRAINING).await["problems"], body!([]));
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
}

/// What it has trained by then is nothing that the policy as it is now would make.
#[tokio::test]
async fn a_policy_that_is_changed_while_it_trains_starts_no_canary() {
    let ground = Ground::cautious().await;
    let canary = body!({ "on_better": "start_canary" });
    ground.policy(policy(canary.clone())).await;
    let begun = ground.post(&format!("{RETRAINING}/run"), 202).await;
    let changed = body!({ "training": training(body!({ "split": { "seed": 7 } })) });
    ground.policy(merged(policy(canary), changed)).await;
    ground
        .run_ended(begun["training_run"].as_str().unwrap())
        .await;
    let attempt = ground.ended().await;
    if attempt["status"] == "canary_started" {
        // The training was quicker than the change.
        return;
    }
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    assert_eq!(
        attempt["reason"],
        "it did not start by itself, since the policy would not train the same again"
    );
    assert!(ground.get("/deployments/price").await["rollout"].is_null());
}

/// Deleting the policy does not stop what it has started, and nothing becomes of it.
#[tokio::test]
async fn a_policy_that_is_deleted_while_it_trains_starts_nothing() {
    let ground = Ground::cautious().await;
    ground
        .policy(policy(body!({ "on_better": "start_canary" })))
        .await;
    let begun = ground.post(&format!("{RETRAINING}/run"), 202).await;
    let answer = ground.request(Method::DELETE, RETRAINING);
    assert_eq!(answer.send().await.unwrap().status(), 204);
    ground
        .run_ended(begun["training_run"].as_str().unwrap())
        .await;
    let attempt = until("the verdict", async || {
        ground.tick().await;
        let attempt = ground.attempts().await.into_iter().next()?;
        (attempt["status"] != "training").then_some(attempt)
    })
    .await;
    if attempt["status"] == "canary_started" {
        // The training was quicker than the deletion.
        return;
    }
    assert_eq!(attempt["status"], "kept", "{attempt}");
    assert_eq!(attempt["reason"], "the policy was deleted while it trained");
    assert!(ground.get("/deployments/price").await["rollout"].is_null());
}
