use domain::events::Topic;
use domain::ids::DeploymentId;
use domain::metrics::{LatencyHistogram, Rollup};
use domain::predictions::{PredictionRecord, Route};
use domain::{Actor, Name};
use platform::metrics::Range;
use platform::{deployments, events, metrics, rollouts};
use serde_json::json;
use testkit::TestPlatform;

use crate::deployments::{canary, deployed};

async fn busy() -> (TestPlatform, Actor, Name, Name, DeploymentId) {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let id = deployments::get(&platform, &admin, &project, &deployment)
        .await
        .unwrap()
        .id;
    (platform, admin, project, deployment, id)
}

fn rollup(
    deployment: DeploymentId,
    version: i32,
    minute: i64,
    latencies: &[u64],
    errors: u64,
) -> Rollup {
    let mut latency = LatencyHistogram::default();
    for micros in latencies {
        latency.record(*micros);
    }
    Rollup {
        deployment,
        version,
        route: Route::Stable,
        minute,
        requests: latencies.len() as u64,
        errors,
        latency,
    }
}

#[tokio::test]
async fn what_processes_add_is_one_series_by_version() {
    let (platform, admin, project, deployment, id) = busy().await;
    let minute = platform.clock.now().unix_seconds();
    for _ in 0..2 {
        let rollups = [
            rollup(id, 1, minute, &[100, 200, 90_000], 1),
            rollup(id, 2, minute, &[5], 0),
            rollup(id, 1, minute + 60, &[100], 0),
        ];
        metrics::add(&platform, &rollups, &[], Vec::new())
            .await
            .unwrap();
    }
    platform.clock.advance(120);
    let found = metrics::deployment(&platform, &admin, &project, &deployment, Range::default())
        .await
        .unwrap();
    assert_eq!(found.step, 60);
    let [one, two] = found.versions.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (
            one.version,
            one.requests,
            one.errors,
            two.version,
            two.requests
        ),
        (1, 8, 2, 2, 2)
    );
    assert_eq!(
        one.points
            .iter()
            .map(|point| (point.at.unix_seconds(), point.requests, point.errors))
            .collect::<Vec<_>>(),
        [(minute, 6, 2), (minute + 60, 2, 0)]
    );
    let (p50, p99) = (one.points[0].p50.unwrap(), one.points[0].p99.unwrap());
    assert!(
        (0.2..0.23).contains(&p50) && (90.0..102.0).contains(&p99),
        "{p50} {p99}"
    );

    let whole = Range {
        step: Some(3600),
        ..Range::default()
    };
    let found = metrics::deployment(&platform, &admin, &project, &deployment, whole)
        .await
        .unwrap();
    assert_eq!(
        found.versions[0]
            .points
            .iter()
            .map(|point| point.requests)
            .collect::<Vec<_>>(),
        [8]
    );

    let hour = metrics::last_hour(
        &mut platform.store.read().await.unwrap(),
        platform.clock.now(),
        &[id],
    )
    .await
    .unwrap()
    .remove(&id)
    .unwrap();
    assert_eq!(
        (hour.requests, hour.errors, hour.requests_by_minute.len()),
        (10, 2, 60)
    );
    assert_eq!(hour.requests_by_minute[57..], [8, 2, 0]);
}

#[tokio::test]
async fn changes_of_what_is_live_are_marked() {
    let (platform, admin, project, deployment, _) = busy().await;
    let rollout = rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    rollouts::set_weight(&platform, &admin, &project, &deployment, rollout.id, 25.0)
        .await
        .unwrap();
    rollouts::promote(&platform, &admin, &project, &deployment, rollout.id, None)
        .await
        .unwrap();
    platform.clock.advance(60);
    let found = metrics::deployment(&platform, &admin, &project, &deployment, Range::default())
        .await
        .unwrap();
    let labels: Vec<_> = found
        .markers
        .iter()
        .map(|marker| marker.label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "version 1 live",
            "canary 2 at 10 %",
            "canary 2 at 25 %",
            "version 2 promoted"
        ]
    );
    assert!(found.versions.is_empty());
}

#[tokio::test]
async fn what_came_too_late_for_a_deployment_stops_nothing() {
    let (platform, admin, project, deployment, id) = busy().await;
    let gone = DeploymentId::at(platform.clock.now());
    let minute = platform.clock.now().unix_seconds();
    let version = deployments::serving_table(&platform).await.unwrap().models[0].versions[0].id;
    let record = |deployment| PredictionRecord {
        request_id: "r1".to_owned(),
        deployment,
        model_version: version,
        route: Route::Stable,
        at: platform.clock.now(),
        latency_micros: 7,
        inputs: json!({"name": "with a \0 in it"}),
        predictions: None,
    };
    let rollups = [
        rollup(gone, 1, minute, &[1], 0),
        rollup(id, 1, minute, &[1], 0),
    ];
    let records = vec![record(Some(gone)), record(Some(id)), record(None)];
    metrics::add(&platform, &rollups, &[], records)
        .await
        .unwrap();
    platform.clock.advance(1);
    let found = metrics::deployment(&platform, &admin, &project, &deployment, Range::default())
        .await
        .unwrap();
    assert_eq!(found.versions[0].requests, 1);
    platform.clock.advance(100 * 86_400);
    assert_eq!(metrics::trim(&platform).await.unwrap(), 1);
}

#[tokio::test]
async fn logged_predictions_are_kept_for_so_many_days() {
    let (platform, admin, project, deployment, id) = busy().await;
    let version = deployments::serving_table(&platform).await.unwrap().models[0].versions[0].id;
    let log = async || {
        let record = PredictionRecord {
            request_id: "r1".to_owned(),
            deployment: Some(id),
            model_version: version,
            route: Route::Stable,
            at: platform.clock.now(),
            latency_micros: 7,
            inputs: json!({"x": 1}),
            predictions: None,
        };
        let both =
            async || metrics::add(&platform, &[], &[], vec![record.clone(), record.clone()]).await;
        // As several processes do at midnight.
        let (one, other) = tokio::join!(both(), both());
        one.unwrap();
        other.unwrap();
    };
    for _ in 0..4 {
        log().await;
        platform.clock.advance(86_400);
    }
    let dropped = async |days| metrics::drop_logged(&platform, days).await.unwrap();
    assert_eq!((dropped(4).await, dropped(3).await), (0, 1));
    log().await;
    assert_eq!((dropped(3).await, dropped(1).await), (0, 2));
    deployments::delete(&platform, &admin, &project, &deployment)
        .await
        .unwrap();
    assert_eq!(dropped(1).await, 0);
}

#[tokio::test]
async fn open_pages_are_told_of_new_figures_now_and_then() {
    let (platform, admin, project, deployment, id) = busy().await;
    let topic = Topic::Deployment(deployment);
    let told = async || {
        let found = events::after(
            &platform,
            &admin,
            &project,
            0,
            std::slice::from_ref(&topic),
            100,
        )
        .await
        .unwrap();
        found.iter().filter(|event| event.kind == "metrics").count()
    };
    for (seconds, expected) in [(1, 1), (1, 1), (1, 1), (5, 2), (6, 3)] {
        platform.clock.advance(seconds);
        let minute = platform.clock.now().unix_seconds().div_euclid(60) * 60;
        metrics::add(
            &platform,
            &[rollup(id, 1, minute, &[1], 0)],
            &[],
            Vec::new(),
        )
        .await
        .unwrap();
        assert_eq!(told().await, expected);
    }
}
