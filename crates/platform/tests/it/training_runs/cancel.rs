use std::time::Duration;

use domain::Error;
use domain::training_runs::RunStatus;
use platform::training_runs::{Finished, Outcome};
use platform::{models, training_runs};

use super::{failure, ground};
use crate::training::{spec, take, trained};

#[tokio::test]
async fn a_waiting_run_is_cancelled_at_once() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let cancelled = training_runs::cancel(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!(cancelled.status, RunStatus::Cancelled);
    assert!(cancelled.finished_at.is_some());
    assert_eq!(
        training_runs::cancel(&test, &admin, &project, run.id)
            .await
            .unwrap()
            .status,
        RunStatus::Cancelled
    );
    let mut conn = test.store.read().await.unwrap();
    let kinds = [training_runs::TRAIN_JOB.to_owned()];
    assert!(
        store::jobs::take(&mut conn, "w", &kinds, Duration::from_secs(30))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_running_run_that_was_cancelled_makes_no_version_however_it_ends() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let job = take(&test).await;
    training_runs::started(&test, job.fence, run.id)
        .await
        .unwrap();
    assert_eq!(
        training_runs::cancel(&test, &admin, &project, run.id)
            .await
            .unwrap()
            .status,
        RunStatus::Running
    );
    let mut conn = test.store.read().await.unwrap();
    let beats = store::jobs::heartbeat(&mut conn, &[job.fence], Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(beats, [(job.fence, true)]);
    let done = trained(&test, "too late").await;
    assert_eq!(
        training_runs::finished(&test, job.fence, run.id, done)
            .await
            .unwrap(),
        Finished::Cancelled
    );
    let run = training_runs::get(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!((run.status, run.version), (RunStatus::Cancelled, None));
    assert!(matches!(
        models::get(&test, &admin, &project, &run.model).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_run_that_has_ended_can_not_be_cancelled() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let job = take(&test).await;
    training_runs::finished(&test, job.fence, run.id, failure())
        .await
        .unwrap();
    let run = training_runs::get(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!(
        (run.status, run.error.unwrap().fix.as_str()),
        (RunStatus::Failed, "lift it")
    );
    let error = training_runs::cancel(&test, &admin, &project, run.id)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "run_finished");
}

#[tokio::test]
async fn a_lost_run_that_was_cancelled_is_ended_and_not_tried_again() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let kinds = [training_runs::TRAIN_JOB.to_owned()];
    let mut conn = test.store.read().await.unwrap();
    let lost = store::jobs::take(&mut conn, "lost", &kinds, Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    training_runs::started(&test, lost.fence, run.id)
        .await
        .unwrap();
    training_runs::cancel(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!(store::jobs::requeue_expired(&mut conn).await.unwrap(), 0);
    let abandoned = store::jobs::take_abandoned(&mut conn, "w", &kinds, Duration::from_secs(30))
        .await
        .unwrap()
        .unwrap();
    assert!(abandoned.cancel_requested && abandoned.fence.attempt > lost.fence.attempt);
    training_runs::finished(&test, abandoned.fence, run.id, Outcome::Cancelled)
        .await
        .unwrap();
    let run = training_runs::get(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
}
