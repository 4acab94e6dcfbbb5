mod capacity;
mod cors_origins;

use std::collections::HashMap;

use domain::deployments::{DeploymentSpec, DeploymentState};
use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutSpec};
use domain::{Actor, Error, Name, Role, Scope};
use platform::live::Health;
use platform::{deployments, ledger, rollouts};
use testkit::{TestPlatform, empty_signature};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn spec(version: i32) -> DeploymentSpec {
    DeploymentSpec::new(name("price"), version)
}

pub(crate) fn canary(version: i32) -> RolloutSpec {
    RolloutSpec {
        version,
        mode: RolloutMode::Canary,
        steps: None,
        policy: RolloutPolicy::default(),
    }
}

/// Model `price` with two versions, and deployment `price` of the first.
pub(crate) async fn deployed(platform: &TestPlatform) -> (Actor, Name, Name) {
    let (admin, project, deployment) = (platform.admin().await, platform.project(), name("price"));
    for artifact in [b"one".as_slice(), b"two", b"three"] {
        platform
            .version(&project, &name("price"), artifact, &empty_signature())
            .await;
    }
    deployments::put(platform, &admin, &project, &deployment, spec(1), None)
        .await
        .unwrap();
    (admin, project, deployment)
}

fn code(error: &Error) -> &str {
    error.code()
}

#[tokio::test]
async fn the_first_version_goes_live_and_the_next_needs_a_rollout() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let put = |version, if_match| {
        deployments::put(
            &platform,
            &admin,
            &project,
            &deployment,
            spec(version),
            if_match,
        )
    };
    let first = deployments::get(&platform, &admin, &project, &deployment)
        .await
        .unwrap();
    assert_eq!(
        (
            first.stable_version,
            first.revision,
            first.created_by.as_str()
        ),
        (1, 1, "ada@example.com")
    );
    assert_eq!(
        put(1, None).await.unwrap(),
        first,
        "putting what is there changes nothing"
    );
    assert_eq!(put(1, Some(1)).await.unwrap(), first);
    assert_eq!(
        code(&put(1, Some(2)).await.unwrap_err()),
        "precondition_failed"
    );
    assert_eq!(code(&put(2, None).await.unwrap_err()), "use_a_rollout");
    let other = name("other");
    let missing = deployments::put(&platform, &admin, &project, &other, spec(9), None)
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::Invalid(errors) if errors[0].pointer == "/version"));
    let conditional = deployments::put(&platform, &admin, &project, &other, spec(1), Some(1))
        .await
        .unwrap_err();
    assert_eq!(code(&conditional), "precondition_failed");
}

#[tokio::test]
async fn of_many_who_create_a_deployment_one_does() {
    let platform = TestPlatform::new().await;
    let (admin, project, _) = deployed(&platform).await;
    let fresh = name("fresh");
    let puts = (0..12).map(|n| {
        let (platform, admin, project, fresh) = (
            platform.platform(),
            admin.clone(),
            project.clone(),
            fresh.clone(),
        );
        tokio::spawn(async move {
            deployments::put(&platform, &admin, &project, &fresh, spec(1 + n % 3), None).await
        })
    });
    let mut live = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(deployment) => live.push(deployment.stable_version),
            Err(error) => assert!(
                ["use_a_rollout", "created_meanwhile"].contains(&code(&error)),
                "{error}"
            ),
        }
    }
    live.dedup();
    assert_eq!(live.len(), 1, "all who succeeded have the same version");
    let rows = ledger::list(
        &platform,
        &admin,
        &project,
        Some(&fresh),
        None,
        &domain::page::PageRequest::default(),
    )
    .await
    .unwrap();
    assert_eq!(rows.items.len(), 1);
}

#[tokio::test]
async fn roles_and_projects_are_kept_apart() {
    let platform = TestPlatform::new().await;
    let (_, project, deployment) = deployed(&platform).await;
    let viewer = platform
        .member(&project, "vera@example.com", Role::Viewer)
        .await;
    assert!(
        deployments::get(&platform, &viewer, &project, &deployment)
            .await
            .is_ok()
    );
    let refused = deployments::delete(&platform, &viewer, &project, &deployment)
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "forbidden");
    let elsewhere = platform.new_project("elsewhere").await;
    let stranger = platform
        .member(&elsewhere, "sam@example.com", Role::Admin)
        .await;
    for project in [&project, &elsewhere] {
        assert_eq!(
            code(
                &deployments::get(&platform, &stranger, project, &deployment)
                    .await
                    .unwrap_err()
            ),
            "not_found"
        );
    }
    let borrowed = deployments::put(&platform, &stranger, &elsewhere, &deployment, spec(1), None)
        .await
        .unwrap_err();
    assert_eq!(
        code(&borrowed),
        "invalid_input",
        "another project's model is no model"
    );
}

#[tokio::test]
async fn a_deleted_deployment_takes_its_rollout_along_and_the_ledger_says_so() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    deployments::delete(&platform, &admin, &project, &deployment)
        .await
        .unwrap();
    assert_eq!(
        code(
            &deployments::get(&platform, &admin, &project, &deployment)
                .await
                .unwrap_err()
        ),
        "not_found"
    );
    assert_eq!(
        code(
            &deployments::delete(&platform, &admin, &project, &deployment)
                .await
                .unwrap_err()
        ),
        "not_found"
    );
    let rows = ledger::list(
        &platform,
        &admin,
        &project,
        Some(&deployment),
        None,
        &domain::page::PageRequest::default(),
    )
    .await
    .unwrap();
    let last = &rows.items[0];
    assert_eq!(last.action, "deployment.deleted");
    assert!(
        last.reason.contains("rollout of version 2"),
        "{}",
        last.reason
    );
    assert_eq!(
        (
            last.before.as_ref().unwrap()["canary_version"].as_i64(),
            &last.after
        ),
        (Some(2), &None)
    );
    assert_eq!(platform::rollouts::judge(&platform).await.unwrap(), 0);
}

#[tokio::test]
async fn ready_means_that_a_probe_prediction_succeeded() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let get = async || {
        deployments::get(&platform, &admin, &project, &deployment)
            .await
            .unwrap()
    };
    let first = get().await;
    assert_eq!(first.state, DeploymentState::Degraded);
    assert!(
        first.reason.contains("has not made a probe prediction"),
        "{}",
        first.reason
    );

    let table = deployments::serving_table(&platform).await.unwrap();
    let stable = table.deployments[0].stable;
    let report = |problem: Option<&str>, canary_problem: Option<&str>| {
        let health = Health {
            stable,
            problem: problem.map(str::to_owned),
            canary_problem: canary_problem.map(str::to_owned),
            is_loaded: true,
            cold_start: None,
        };
        platform.live.report(|| HashMap::from([(first.id, health)]));
    };
    report(Some("its artifact is damaged"), None);
    let degraded = get().await;
    assert_eq!(degraded.state, DeploymentState::Degraded);
    assert!(degraded.reason.contains("its artifact is damaged"));
    report(None, None);
    assert_eq!(get().await.state, DeploymentState::Ready);
    rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    let rolling = get().await;
    assert_eq!(rolling.state, DeploymentState::RollingOut);
    assert!(
        rolling.reason.contains("version 2 takes 10 %"),
        "{}",
        rolling.reason
    );
    report(None, Some("it is damaged"));
    assert!(
        get()
            .await
            .reason
            .contains("the canary, version 2, can not: it is damaged")
    );
    assert_eq!(
        deployments::list(&platform, &admin, &project)
            .await
            .unwrap(),
        [get().await]
    );
}

#[tokio::test]
async fn the_serving_table_follows_every_change() {
    let platform = TestPlatform::new().await;
    let (admin, project, deployment) = deployed(&platform).await;
    let mut last = deployments::serving_fingerprint(&platform).await.unwrap();
    let mut changed = async |what: &str| {
        let now = deployments::serving_fingerprint(&platform).await.unwrap();
        assert_ne!(now, last, "{what}");
        last = now;
    };
    let rollout = rollouts::start(&platform, &admin, &project, &deployment, canary(2))
        .await
        .unwrap();
    changed("a rollout").await;
    rollouts::set_weight(&platform, &admin, &project, &deployment, rollout.id, 50.0)
        .await
        .unwrap();
    changed("a weight").await;
    let (key, _) = platform.key(&project, &[Scope::Predict(None)]).await;
    changed("a key").await;
    let table = deployments::serving_table(&platform).await.unwrap();
    assert_eq!(
        (
            table.keys.len(),
            table.models[0].versions.len(),
            table.deployments.len()
        ),
        (1, 3, 1)
    );
    assert!((table.deployments[0].rollout.unwrap().weight - 50.0).abs() < f64::EPSILON);
    rollouts::promote(&platform, &admin, &project, &deployment, rollout.id, None)
        .await
        .unwrap();
    changed("a promotion").await;
    platform::api_keys::revoke(&platform, &admin, &project, key.api_key.id)
        .await
        .unwrap();
    changed("a revocation").await;
    let table = deployments::serving_table(&platform).await.unwrap();
    assert_eq!((table.keys.len(), table.deployments[0].rollout), (0, None));
    assert_eq!(table.deployments[0].stable, table.models[0].versions[1].id);
    assert_eq!(
        table.fingerprint,
        deployments::serving_fingerprint(&platform).await.unwrap(),
        "reading changes nothing"
    );
}
