use domain::deployments::DeploymentSpec;
use domain::page::PageRequest;
use domain::{Actor, Error, Role};
use platform::{deployments, ledger, rollouts};
use testkit::TestPlatform;

use super::{canary, deployed, name, spec};

fn origins(list: &[&str]) -> Vec<String> {
    list.iter().map(|origin| (*origin).to_owned()).collect()
}

fn with(origins: Vec<String>) -> DeploymentSpec {
    DeploymentSpec {
        cors_origins: Some(origins),
        ..spec(1)
    }
}

#[tokio::test]
async fn origins_are_set_kept_and_recorded() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    let put = async |spec, if_match| {
        deployments::put(&platform, &admin, &project, &deployment, spec, if_match).await
    };
    let before = put(spec(1), None).await.unwrap();
    assert!(before.cors_origins.is_empty(), "nobody unless told");
    let fingerprint = deployments::serving_fingerprint(&platform).await.unwrap();

    let listed = origins(&["https://app.example.com", "http://localhost:5173"]);
    let after = put(with(listed.clone()), Some(before.revision))
        .await
        .unwrap();
    assert_eq!(
        (&after.cors_origins, after.revision),
        (&listed, before.revision + 1)
    );
    assert_ne!(
        deployments::serving_fingerprint(&platform).await.unwrap(),
        fingerprint,
        "every process reads them"
    );
    let table = deployments::serving_table(&platform).await.unwrap();
    assert_eq!(table.deployments[0].cors_origins.as_slice(), listed);

    // The same again, and a put that says nothing of them, change nothing.
    assert_eq!(put(with(listed.clone()), None).await.unwrap(), after);
    assert_eq!(put(spec(1), None).await.unwrap(), after);
    let lost = put(with(Vec::new()), Some(before.revision))
        .await
        .unwrap_err();
    assert_eq!(lost.code(), "precondition_failed");

    let closed =
        deployments::set_cors_origins(&platform, &admin, &project, &deployment, Vec::new())
            .await
            .unwrap();
    assert!(closed.cors_origins.is_empty());
    let page = PageRequest::default();
    let now = platform.clock.now();
    let rows = ledger::list(
        &platform,
        &admin,
        &project,
        Some(&deployment),
        Some(now),
        &page,
    )
    .await
    .unwrap();
    let [off, on, ..] = rows.items.as_slice() else {
        panic!("{:?}", rows.items)
    };
    assert_eq!(
        (on.action.as_str(), off.action.as_str()),
        ("deployment.cors_origins_set", "deployment.cors_origins_set")
    );
    assert!(on.reason.contains("http://localhost:5173"), "{}", on.reason);
    assert_eq!(on.after, off.before);
    assert_eq!(
        off.after.as_ref().unwrap()["cors_origins"],
        serde_json::json!([])
    );
    // What was live then is still told, the canary with it.
    let live = rows.live.unwrap();
    let live = &live[0];
    assert_eq!((live.stable_version, live.canary_version), (1, Some(2)));
}

#[tokio::test]
async fn a_bad_origin_and_a_reader_change_nothing() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let viewer = platform
        .member(&project, "vera@example.com", Role::Viewer)
        .await;
    let set = async |actor: &Actor, list: &[&str]| {
        deployments::set_cors_origins(&platform, actor, &project, &deployment, origins(list)).await
    };
    let refused = set(&viewer, &["https://a.example"]).await.unwrap_err();
    assert_eq!(refused.code(), "forbidden");
    let Err(Error::Invalid(errors)) =
        set(&admin, &["https://a.example", "https://b.example/"]).await
    else {
        panic!("it was taken")
    };
    assert_eq!(errors[0].pointer, "/cors_origins/1");
    let fresh = name("fresh");
    let put = async |list: &[&str]| {
        deployments::put(
            &platform,
            &admin,
            &project,
            &fresh,
            with(origins(list)),
            None,
        )
        .await
    };
    assert!(
        matches!(put(&["nowhere"]).await, Err(Error::Invalid(errors)) if errors[0].pointer == "/cors_origins/0")
    );
    assert_eq!(put(&["*"]).await.unwrap().cors_origins, ["*"]);
    let kept = deployments::get(&platform, &admin, &project, &deployment)
        .await
        .unwrap();
    assert!(kept.cors_origins.is_empty());
}
