use domain::deployments::{Capacity, Deployment, DeploymentSpec};
use domain::page::PageRequest;
use domain::{Error, Role};
use platform::{deployments, ledger, rollouts};
use testkit::TestPlatform;

use super::{canary, deployed, name, spec};

const CROWDED: Capacity = Capacity {
    max_in_flight: Some(8),
    max_queue: 0,
    min_warm: 0,
    idle_seconds: 60,
    max_batch: 8,
    max_delay_us: 500,
};

fn with(capacity: Capacity) -> DeploymentSpec {
    DeploymentSpec {
        max_in_flight: Some(capacity.max_in_flight),
        max_queue: Some(capacity.max_queue),
        min_warm: Some(capacity.min_warm),
        idle_seconds: Some(capacity.idle_seconds),
        max_batch: Some(capacity.max_batch),
        max_delay_us: Some(capacity.max_delay_us),
        ..spec(1)
    }
}

fn of(deployment: &Deployment) -> Capacity {
    Capacity {
        max_in_flight: deployment.max_in_flight,
        max_queue: deployment.max_queue,
        min_warm: deployment.min_warm,
        idle_seconds: deployment.idle_seconds,
        max_batch: deployment.max_batch,
        max_delay_us: deployment.max_delay_us,
    }
}

#[tokio::test]
async fn the_capacity_is_set_kept_and_recorded() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    let put = async |spec, if_match| {
        deployments::put(&platform, &admin, &project, &deployment, spec, if_match).await
    };
    let before = put(spec(1), None).await.unwrap();
    assert_eq!(of(&before), Capacity::default(), "as it was unless told");
    let fingerprint = deployments::serving_fingerprint(&platform).await.unwrap();

    let after = put(with(CROWDED), Some(before.revision)).await.unwrap();
    assert_eq!((of(&after), after.revision), (CROWDED, before.revision + 1));
    let crowded = deployments::serving_fingerprint(&platform).await.unwrap();
    assert_ne!(crowded, fingerprint, "every process reads it");
    let table = deployments::serving_table(&platform).await.unwrap();
    assert_eq!(table.deployments[0].capacity, CROWDED);

    // The same again, and a put that says nothing of it, change nothing; neither does what is out of range.
    assert_eq!(put(with(CROWDED), None).await.unwrap(), after);
    assert_eq!(put(spec(1), None).await.unwrap(), after);
    let bad = with(Capacity {
        max_in_flight: Some(0),
        ..CROWDED
    });
    let Err(Error::Invalid(errors)) = put(bad, None).await else {
        panic!("it was taken")
    };
    assert_eq!(errors[0].pointer, "/max_in_flight");
    let lost = put(with(Capacity::default()), Some(before.revision))
        .await
        .unwrap_err();
    assert_eq!(lost.code(), "precondition_failed");

    let open = deployments::set_capacity(
        &platform,
        &admin,
        &project,
        &deployment,
        Capacity::default(),
    );
    assert_eq!(of(&open.await.unwrap()), Capacity::default());
    let page = PageRequest::default();
    let now = platform.clock.now();
    let listed = ledger::list(
        &platform,
        &admin,
        &project,
        Some(&deployment),
        Some(now),
        &page,
    );
    let rows = listed.await.unwrap();
    let [off, on, ..] = rows.items.as_slice() else {
        panic!("{:?}", rows.items)
    };
    assert_eq!(
        (on.action.as_str(), off.action.as_str()),
        ("deployment.capacity_set", "deployment.capacity_set")
    );
    assert!(on.reason.contains("at most 8 pred"), "{}", on.reason);
    assert!(
        on.reason.contains("at most 8 rows, and wait 500"),
        "{}",
        on.reason
    );
    assert_eq!(on.after, off.before);
    // What was live then is still told, the canary with it.
    let live = &rows.live.unwrap()[0];
    assert_eq!((live.stable_version, live.canary_version), (1, Some(2)));
}

#[tokio::test]
async fn one_put_sets_origins_and_capacity_and_a_new_deployment_begins_with_them() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let spec = DeploymentSpec {
        cors_origins: Some(vec!["*".to_owned()]),
        ..with(CROWDED)
    };
    for name in [deployment, name("fresh")] {
        let put = deployments::put(&platform, &admin, &project, &name, spec.clone(), None);
        let put = put.await.unwrap();
        assert_eq!(
            (of(&put), put.cors_origins),
            (CROWDED, vec!["*".to_owned()])
        );
    }
}

#[tokio::test]
async fn a_reader_sets_nothing() {
    let platform = TestPlatform::new().await;
    let (_, project, deployment) = deployed(&platform).await;
    let viewer = platform
        .member(&project, "vera@example.com", Role::Viewer)
        .await;
    let set = deployments::set_capacity(&platform, &viewer, &project, &deployment, CROWDED);
    assert_eq!(set.await.unwrap_err().code(), "forbidden");
}
