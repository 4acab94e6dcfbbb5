use std::time::{Duration, Instant};

use domain::ids::RolloutId;
use domain::page::PageRequest;
use domain::rollouts::{Arm, ArmStats, Rollout, RolloutSample, RolloutSpec, RolloutStatus};
use domain::{Actor, Error, Name};
use platform::{Platform, deployments, ledger, metrics, rollouts};
use testkit::TestPlatform;

use crate::deployments::{canary, deployed};

pub(crate) struct Running {
    pub(crate) platform: TestPlatform,
    pub(crate) admin: Actor,
    pub(crate) project: Name,
    pub(crate) deployment: Name,
    pub(crate) id: RolloutId,
}

impl Running {
    pub(crate) async fn new(spec: RolloutSpec) -> Self {
        let platform = TestPlatform::new().await;
        let (admin, project, deployment) = deployed(&platform).await;
        let id = rollouts::start(&platform, &admin, &project, &deployment, spec)
            .await
            .unwrap()
            .id;
        Self {
            platform,
            admin,
            project,
            deployment,
            id,
        }
    }

    pub(crate) async fn get(&self) -> Rollout {
        rollouts::get(
            &self.platform,
            &self.admin,
            &self.project,
            &self.deployment,
            self.id,
        )
        .await
        .unwrap()
    }

    pub(crate) async fn stable_version(&self) -> i32 {
        deployments::get(&self.platform, &self.admin, &self.project, &self.deployment)
            .await
            .unwrap()
            .stable_version
    }

    pub(crate) async fn actions(&self) -> Vec<String> {
        let page = PageRequest {
            cursor: None,
            limit: 200,
        };
        let rows = ledger::list(
            &self.platform,
            &self.admin,
            &self.project,
            Some(&self.deployment),
            None,
            &page,
        )
        .await
        .unwrap();
        rows.items.into_iter().rev().map(|row| row.action).collect()
    }

    pub(crate) async fn saw(&self, arm: Arm, requests: u64, errors: u64) {
        let slice = self.platform.clock.now().unix_seconds().div_euclid(10) * 10;
        let sample = RolloutSample {
            rollout: self.id,
            arm,
            slice,
            stats: ArmStats { requests, errors },
        };
        metrics::add(&self.platform, &[], &[sample], Vec::new())
            .await
            .unwrap();
    }

    pub(crate) async fn judge(&self) -> usize {
        rollouts::judge(&self.platform).await.unwrap()
    }
}

#[tokio::test]
async fn promotion_makes_the_canary_stable_and_says_who_and_why() {
    let run = Running::new(canary(2)).await;
    let (platform, admin) = (&run.platform, &run.admin);
    let promoted = rollouts::promote(
        platform,
        admin,
        &run.project,
        &run.deployment,
        run.id,
        Some(" looks good "),
    )
    .await
    .unwrap();
    assert_eq!(
        (promoted.status, promoted.reason.as_deref()),
        (RolloutStatus::Promoted, Some("looks good"))
    );
    assert_eq!(run.stable_version().await, 2);
    assert_eq!(
        run.actions().await,
        ["deployment.created", "rollout.started", "rollout.promoted"]
    );
    let again = rollouts::promote(platform, admin, &run.project, &run.deployment, run.id, None)
        .await
        .unwrap_err();
    assert!(
        matches!(&again, Error::Conflict { code: "rollout_ended", message } if message.contains("promoted") && message.contains("looks good"))
    );
    let spec = canary(2);
    let pointless = rollouts::start(platform, admin, &run.project, &run.deployment, spec)
        .await
        .unwrap_err();
    assert!(
        matches!(pointless, Error::Invalid(_)),
        "it is the stable one already"
    );
}

#[tokio::test]
async fn rolling_back_leaves_the_stable_version_and_makes_room_for_another_rollout() {
    let run = Running::new(canary(2)).await;
    let (platform, admin) = (&run.platform, &run.admin);
    let second = rollouts::start(platform, admin, &run.project, &run.deployment, canary(3))
        .await
        .unwrap_err();
    assert_eq!(second.code(), "rollout_active");
    rollouts::roll_back(platform, admin, &run.project, &run.deployment, run.id, None)
        .await
        .unwrap();
    assert_eq!(run.stable_version().await, 1);
    platform.clock.advance(1);
    rollouts::start(platform, admin, &run.project, &run.deployment, canary(3))
        .await
        .unwrap();
    let listed = rollouts::list(platform, admin, &run.project, &run.deployment)
        .await
        .unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|rollout| rollout.canary_version)
            .collect::<Vec<_>>(),
        [3, 2]
    );
}

/// Every client tries to end the rollout in another way at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_clients_who_end_a_rollout_one_does() {
    let run = Running::new(canary(2)).await;
    let started = Instant::now();
    let clients: Vec<_> = (0..32)
        .map(|n| {
            let (platform, admin): (Platform, _) = (run.platform.platform(), run.admin.clone());
            let (project, deployment, id) = (run.project.clone(), run.deployment.clone(), run.id);
            tokio::spawn(async move {
                if n % 2 == 0 {
                    rollouts::promote(&platform, &admin, &project, &deployment, id, None).await
                } else {
                    rollouts::roll_back(&platform, &admin, &project, &deployment, id, None).await
                }
            })
        })
        .collect();
    let mut winners = Vec::new();
    for client in clients {
        match client.await.unwrap() {
            Ok(rollout) => winners.push(rollout.status),
            Err(error) => assert_eq!(error.code(), "rollout_ended", "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(
        run.stable_version().await,
        if winners[0] == RolloutStatus::Promoted {
            2
        } else {
            1
        }
    );
    assert_eq!(run.get().await.status, winners[0]);
    assert_eq!(
        run.actions().await.len(),
        3,
        "one row for the end, whoever tried"
    );
    let deployment = deployments::get(&run.platform, &run.admin, &run.project, &run.deployment)
        .await
        .unwrap();
    assert_eq!(
        deployment.revision, 3,
        "revisions have no gaps: created, started, ended"
    );
}

/// Clients start, promote, roll back and delete as they like; the ledger's history must hang together.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_clients_do_at_once_there_is_always_one_stable_version() {
    let run = Running::new(canary(2)).await;
    let clients: Vec<_> = (0..8)
        .map(|n: i32| {
            let (platform, admin): (Platform, _) = (run.platform.platform(), run.admin.clone());
            let (project, deployment) = (run.project.clone(), run.deployment.clone());
            tokio::spawn(async move {
                for turn in 0..12 {
                    let active = deployments::get(&platform, &admin, &project, &deployment)
                        .await
                        .unwrap()
                        .rollout;
                    let done = match (active, (n + turn) % 4) {
                        (None, _) => {
                            rollouts::start(
                                &platform,
                                &admin,
                                &project,
                                &deployment,
                                canary(1 + (n + turn) % 3),
                            )
                            .await
                        }
                        (Some(rollout), 0) => {
                            rollouts::promote(
                                &platform,
                                &admin,
                                &project,
                                &deployment,
                                rollout.id,
                                None,
                            )
                            .await
                        }
                        (Some(rollout), 1) => {
                            rollouts::roll_back(
                                &platform,
                                &admin,
                                &project,
                                &deployment,
                                rollout.id,
                                None,
                            )
                            .await
                        }
                        (Some(rollout), 2) => {
                            rollouts::pause(&platform, &admin, &project, &deployment, rollout.id)
                                .await
                        }
                        (Some(rollout), _) => {
                            rollouts::set_weight(
                                &platform,
                                &admin,
                                &project,
                                &deployment,
                                rollout.id,
                                f64::from(turn),
                            )
                            .await
                        }
                    };
                    if let Err(error) = done {
                        assert!(
                            matches!(error, Error::Conflict { .. } | Error::Invalid(_)),
                            "{error}"
                        );
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let page = PageRequest {
        cursor: None,
        limit: 200,
    };
    let mut rows = ledger::list(
        &run.platform,
        &run.admin,
        &run.project,
        Some(&run.deployment),
        None,
        &page,
    )
    .await
    .unwrap()
    .items;
    rows.reverse();
    for pair in rows.windows(2) {
        assert_eq!(
            pair[0].after, pair[1].before,
            "{} then {}",
            pair[0].action, pair[1].action
        );
    }
    let last = rows.last().unwrap().after.clone().unwrap();
    assert_eq!(last["stable_version"], run.stable_version().await);
    let revision = deployments::get(&run.platform, &run.admin, &run.project, &run.deployment)
        .await
        .unwrap()
        .revision;
    assert_eq!(revision, rows.len() as i64, "every change has its row");
}
