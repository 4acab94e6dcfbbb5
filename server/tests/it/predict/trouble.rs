use domain::deployments::DeploymentState;
use platform::deployments;
use serde_json::json;
use testkit::until;

use crate::harness::problem;
use crate::served::{SYSTEM, Served, header, status};

#[tokio::test]
async fn predictions_go_on_while_postgres_is_away() {
    let served = Served::start().await;
    assert_eq!(status(served.ask()).await, 200);
    served.app.platform.database.set_reachable(false).await;
    for _ in 0..50 {
        assert_eq!(status(served.ask()).await, 200);
    }
    served.app.platform.database.set_reachable(true).await;
    // What was counted meanwhile is stored once it is back.
    let found = until("the counts", async || {
        let range = platform::metrics::Range::default();
        let found = platform::metrics::deployment(
            &served.app.platform,
            &SYSTEM,
            &served.project,
            &served.price,
            range,
        )
        .await
        .ok()?;
        found
            .versions
            .first()
            .filter(|series| series.requests == 51)
            .cloned()
    })
    .await;
    assert_eq!((found.version, found.errors), (1, 0));
    assert!(found.p99.unwrap() > 0.0);
}

#[tokio::test]
async fn a_deployment_whose_artifact_is_damaged_is_degraded_and_says_so() {
    let served = Served::start().await;
    let (platform, project) = (&served.app.platform, &served.project);
    let broken = served.broken().await;
    let broken = deployments::get(platform, &SYSTEM, project, &broken)
        .await
        .unwrap();
    assert_eq!(broken.state, DeploymentState::Degraded);
    assert!(broken.reason.contains("artifact"), "{}", broken.reason);
    for path in ["/predict/broken", "/predict/broken/1"] {
        let answer = served.to(path, json!({"rooms": 3})).send().await.unwrap();
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() >= 1);
        problem(answer, 503).await;
    }
    let ready = deployments::get(platform, &SYSTEM, project, &served.price)
        .await
        .unwrap();
    assert_eq!(ready.state, DeploymentState::Ready, "{}", ready.reason);
}

#[tokio::test]
async fn a_model_that_fails_without_a_stand_in_is_told() {
    let served = Served::start().await;
    let failed = problem(
        served
            .to("/predict/price/3", json!({"rooms": 3}))
            .send()
            .await
            .unwrap(),
        500,
    )
    .await;
    assert_eq!(failed["error_code"], "model_failed");
}

#[tokio::test]
async fn a_crowd_of_large_requests_is_refused_while_small_ones_go_on() {
    let served = Served::start().await;
    let snapshot = served.app.state.serving.snapshot_owned();
    let project = snapshot.project(served.project.as_str()).unwrap();
    let gate = &snapshot.deployment(project, "price").unwrap().gate;
    let mut turns = Vec::new();
    while let Ok(turn) = gate.enter().await {
        turns.push(turn);
    }
    let large = || served.row(json!(vec![json!({"rooms": 3}); 9000]));
    let refused = large().send().await.unwrap();
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(problem(refused, 503).await["error_code"], "overloaded");
    assert_eq!(status(served.ask()).await, 200);
    // Another name has turns of its own.
    let pinned = served.to("/predict/price/1", json!(vec![json!({"rooms": 3}); 9000]));
    assert_eq!(status(pinned).await, 200);
    drop(turns);
    assert_eq!(status(large()).await, 200);
}
