use domain::page::PageRequest;
use domain::rollouts::{Arm, ArmStats, RolloutSpec, RolloutStatus, Step, VerdictKind};
use platform::{ledger, rollouts};

use crate::deployments::canary;
use crate::rollouts::Running;

#[tokio::test]
async fn the_judge_takes_a_failing_canary_back_and_says_why() {
    let run = Running::new(canary(2)).await;
    run.saw(Arm::Stable, 180, 0).await;
    run.saw(Arm::Canary, 20, 20).await;
    assert_eq!(run.judge().await, 1);
    let ended = run.get().await;
    assert_eq!(ended.status, RolloutStatus::RolledBack);
    assert!(
        ended
            .reason
            .as_deref()
            .unwrap()
            .contains("20 of 20 canary requests failed"),
        "{:?}",
        ended.reason
    );
    assert_eq!(ended.verdicts[0].kind, VerdictKind::RollBack);
    assert_eq!(run.stable_version().await, 1);
    let page = PageRequest::default();
    let rows = ledger::list(
        &run.platform,
        &run.admin,
        &run.project,
        Some(&run.deployment),
        None,
        &page,
    )
    .await
    .unwrap();
    assert_eq!(
        (rows.items[0].action.as_str(), rows.items[0].actor.as_str()),
        ("rollout.rolled_back", "system:judge")
    );
    assert_eq!(run.judge().await, 0, "once");
}

#[tokio::test]
async fn two_errors_in_a_few_requests_are_enough_when_the_limit_is_sure_to_break() {
    let run = Running::new(canary(2)).await;
    run.saw(Arm::Canary, 2, 2).await;
    assert_eq!(run.judge().await, 1);
}

#[tokio::test]
async fn too_few_samples_say_nothing() {
    let run = Running::new(canary(2)).await;
    assert_eq!(run.judge().await, 0);
    run.saw(Arm::Canary, 5, 0).await;
    run.platform.clock.advance(6);
    assert_eq!(run.judge().await, 0);
    let waiting = run.get().await;
    assert_eq!(waiting.status, RolloutStatus::Running);
    assert_eq!(
        waiting.verdicts.len(),
        1,
        "the same verdict stands once, with newer figures"
    );
    assert_eq!(waiting.verdicts[0].kind, VerdictKind::NotEnoughData);
    assert!(
        waiting.verdicts[0].reason.contains("5 of the 20"),
        "{}",
        waiting.verdicts[0].reason
    );
}

#[tokio::test]
async fn a_canary_without_traffic_is_never_promoted() {
    let run = Running::new(canary(2)).await;
    for _ in 0..50 {
        run.platform.clock.advance(600);
        assert_eq!(run.judge().await, 0);
    }
    assert_eq!(run.get().await.status, RolloutStatus::Running);
}

#[tokio::test]
async fn a_healthy_canary_goes_on_step_by_step_and_then_waits() {
    let steps = vec![
        Step {
            weight: 5.0,
            seconds: 60,
        },
        Step {
            weight: 50.0,
            seconds: 60,
        },
    ];
    let run = Running::new(RolloutSpec {
        steps: Some(steps),
        ..canary(2)
    })
    .await;
    run.saw(Arm::Canary, 100, 1).await;
    assert_eq!(run.judge().await, 0, "not before its time");
    run.platform.clock.advance(61);
    assert_eq!(run.judge().await, 1);
    let second = run.get().await;
    assert_eq!((second.step, second.weight), (1, 50.0));
    assert!(
        second.verdicts[0]
            .reason
            .contains("going on to step 2 of 2")
    );
    run.platform.clock.advance(61);
    run.saw(Arm::Canary, 100, 1).await;
    assert_eq!(run.judge().await, 0);
    assert_eq!(
        run.get().await.status,
        RolloutStatus::Running,
        "a person promotes"
    );
    assert_eq!(
        run.actions().await,
        [
            "deployment.created",
            "rollout.started",
            "rollout.step_started"
        ]
    );
}

#[tokio::test]
async fn a_paused_rollout_keeps_its_step_and_its_guard_rail() {
    let steps = vec![
        Step {
            weight: 5.0,
            seconds: 10,
        },
        Step {
            weight: 50.0,
            seconds: 10,
        },
    ];
    let run = Running::new(RolloutSpec {
        steps: Some(steps),
        ..canary(2)
    })
    .await;
    rollouts::pause(
        &run.platform,
        &run.admin,
        &run.project,
        &run.deployment,
        run.id,
    )
    .await
    .unwrap();
    let twice = rollouts::pause(
        &run.platform,
        &run.admin,
        &run.project,
        &run.deployment,
        run.id,
    )
    .await
    .unwrap_err();
    assert_eq!(twice.code(), "no_change");
    run.saw(Arm::Canary, 100, 0).await;
    run.platform.clock.advance(30);
    assert_eq!(run.judge().await, 0);
    assert_eq!(run.get().await.step, 0);
    run.saw(Arm::Canary, 100, 100).await;
    assert_eq!(run.judge().await, 1);
    assert_eq!(run.get().await.status, RolloutStatus::RolledBack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn judges_of_many_processes_do_nothing_twice() {
    let run = Running::new(canary(2)).await;
    run.saw(Arm::Canary, 50, 50).await;
    let judges: Vec<_> = (0..8)
        .map(|_| {
            let platform = run.platform.platform();
            tokio::spawn(async move { rollouts::judge(&platform).await.unwrap() })
        })
        .collect();
    let mut changed = 0;
    for judge in judges {
        changed += judge.await.unwrap();
    }
    assert_eq!(changed, 1);
    assert_eq!(run.actions().await.len(), 3);
}

#[tokio::test]
async fn errors_older_than_the_window_are_forgotten() {
    let run = Running::new(canary(2)).await;
    run.saw(Arm::Canary, 19, 1).await;
    run.platform.clock.advance(301);
    run.saw(Arm::Canary, 30, 1).await;
    assert_eq!(run.judge().await, 0);
    let verdict = run.get().await.verdicts.remove(0);
    assert_eq!(
        verdict.canary,
        ArmStats {
            requests: 30,
            errors: 1
        }
    );
}
