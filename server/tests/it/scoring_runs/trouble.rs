//! Runs that are cancelled, and whose processes are killed.

use std::fmt::Write as _;

use domain::Scope;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json as body};
use testkit::until;

use super::{Ground, HOMES, PROJECT};
use crate::harness::{Process, json, problem};
use crate::jobs::child_of;

#[tokio::test]
async fn a_run_that_waits_is_cancelled_at_once_and_others_do_not_see_it() {
    let ground = Ground::new().await;
    let worker = ground.served.app.worker();
    ground.upload("homes", HOMES).await;
    drop(worker);
    ground.served.app.platform.database.expire_leases().await;
    let run = ground
        .queue(body!({"dataset": "homes", "model": "house", "version": 1}))
        .await;

    let app = &ground.served.app;
    let other = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&other, &[Scope::Admin]).await;
    for path in [
        format!("{PROJECT}{run}"),
        format!("/api/v1/projects/other{run}"),
    ] {
        let hidden = app.get(&path).bearer_auth(&foreign.key).send().await;
        problem(hidden.unwrap(), 404).await;
        let cancel = app
            .post(&format!("{path}/cancel"))
            .bearer_auth(&foreign.key);
        problem(cancel.send().await.unwrap(), 404).await;
    }
    let reader = app.key(&[Scope::Read]).await;
    let cancel = app
        .post(&format!("{PROJECT}{run}/cancel"))
        .bearer_auth(&reader);
    problem(cancel.send().await.unwrap(), 403).await;
    assert_eq!(ground.get(&run).await["status"], "queued");

    for _ in 0..2 {
        let cancelled = ground
            .send(Method::POST, &format!("{run}/cancel"), None)
            .await;
        assert_eq!(json(cancelled, 200).await["status"], "cancelled");
    }
    // The next run is worked on; the cancelled one is not.
    let _worker = ground.served.app.worker();
    let next = ground
        .score(body!({"dataset": "homes", "model": "house", "version": 1}))
        .await;
    assert_eq!(next["output_version"], 1, "{next}");
    assert_eq!(ground.get(&run).await["output_version"], Value::Null);
}

/// So many rows that scoring them takes a while.
async fn large(ground: &Ground) {
    let mut table = "rooms,note\n".to_owned();
    for row in 0..1_000_000_u32 {
        writeln!(table, "{},{row}", row % 977).unwrap();
    }
    assert_eq!(ground.upload("large", table).await["status"], "ready");
}

fn of_large() -> Value {
    body!({"dataset": "large", "model": "price", "version": 1, "output": "answers"})
}

/// A run whose child has been found at its work, and stands still.
async fn held(ground: &Ground, worker: &Process) -> (String, Pid) {
    let run = ground.queue(of_large()).await;
    let child = until("the child process", async || child_of(&worker.0)).await;
    kill_process(child, Signal::STOP).unwrap();
    until("the run to begin", async || {
        (ground.get(&run).await["status"] == "running").then_some(())
    })
    .await;
    (run, child)
}

#[tokio::test]
async fn a_killed_child_is_a_failed_run_with_a_reason_and_the_next_run_works() {
    let ground = Ground::new().await;
    let worker = ground.served.app.worker();
    large(&ground).await;
    let (run, child) = held(&ground, &worker).await;
    kill_process(child, Signal::KILL).unwrap();
    let run = ground.ended(&run).await;
    assert_eq!(
        (&run["status"], &run["error"]["code"]),
        (&body!("failed"), &body!("crashed")),
        "{run}"
    );
    assert!(!run["error"]["fix"].as_str().unwrap().is_empty());
    let nothing = ground.send(Method::GET, "/datasets/answers", None).await;
    problem(nothing, 404).await;

    let next = ground.score(of_large()).await;
    assert_eq!(
        (&next["rows"], &next["output_version"]),
        (&body!(1_000_000), &body!(1)),
        "{next}"
    );
}

#[tokio::test]
async fn a_killed_workers_run_goes_on_with_another_worker_and_makes_one_version() {
    let ground = Ground::new().await;
    let worker = ground.served.app.worker();
    large(&ground).await;
    let (run, _) = held(&ground, &worker).await;
    drop(worker);
    ground.served.app.platform.database.expire_leases().await;
    let _next = ground.served.app.worker();
    let run = ground.ended(&run).await;
    assert_eq!(
        (&run["status"], &run["attempt"], &run["output_version"]),
        (&body!("succeeded"), &body!(2), &body!(1)),
        "{run}"
    );
    let versions = ground.get("/datasets/answers/versions").await;
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_running_run_is_cancelled_and_makes_nothing() {
    let ground = Ground::new().await;
    let worker = ground.served.app.worker();
    large(&ground).await;
    let (run, _) = held(&ground, &worker).await;
    let asked = ground
        .send(Method::POST, &format!("{run}/cancel"), None)
        .await;
    assert_eq!(json(asked, 200).await["status"], "running");
    assert_eq!(ground.ended(&run).await["status"], "cancelled");
    let nothing = ground.send(Method::GET, "/datasets/answers", None).await;
    problem(nothing, 404).await;
}
