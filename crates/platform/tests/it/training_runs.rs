mod cancel;

use std::time::Duration;

use domain::events::Topic;
use domain::page::PageRequest;
use domain::training_runs::{
    Algorithm, LogLevel, Progress, RunError, RunStatus, Stage, TrainingSpec,
};
use domain::{Actor, Error, Name, Role};
use platform::training_runs::{Finished, Outcome};
use platform::{Limits, Platform, datasets, events, jobs, ledger, models, training_runs};
use serde_json::json;
use store::jobs::JobEnd;
use testkit::TestPlatform;

use crate::training::{profile, ready_dataset, spec, take, trained};

/// A project with the ready dataset `t`.
async fn ground() -> (TestPlatform, Actor, Name) {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    ready_dataset(&test, &admin, &project, "t").await;
    (test, admin, project)
}

fn pointers(error: Error) -> Vec<String> {
    match error {
        Error::Invalid(errors) => errors.into_iter().map(|error| error.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

fn failure() -> Outcome {
    Outcome::Failed(RunError::new("crashed", "it fell", "lift it"))
}

#[tokio::test]
async fn a_run_makes_the_next_version_once() {
    let (test, admin, project) = ground().await;
    for version in 1..=2 {
        let run = training_runs::create(&test, &admin, &project, spec())
            .await
            .unwrap();
        assert_eq!(
            (run.status, run.spec.dataset_version, run.spec.algorithm),
            (RunStatus::Queued, Some(1), Algorithm::Auto)
        );
        let job = take(&test).await;
        let started = training_runs::started(&test, job.fence, run.id)
            .await
            .unwrap();
        assert_eq!(
            (
                started.run.status,
                started.run.attempt,
                started.dataset.version
            ),
            (RunStatus::Running, 1, 1)
        );
        let done = trained(&test, "artifact").await;
        let finished = training_runs::finished(&test, job.fence, run.id, done.clone())
            .await
            .unwrap();
        assert_eq!(
            finished,
            Finished::Version {
                model: Name::new("m").unwrap(),
                version
            }
        );
        assert!(jobs::is_lost(
            &training_runs::finished(&test, job.fence, run.id, done)
                .await
                .unwrap_err()
        ));
        let run = training_runs::get(&test, &admin, &project, run.id)
            .await
            .unwrap();
        assert_eq!(
            (run.status, run.version, run.metrics.unwrap()["r2"]),
            (RunStatus::Succeeded, Some(version), 0.6)
        );
    }
    let model = models::get(&test, &admin, &project, &Name::new("m").unwrap())
        .await
        .unwrap();
    assert_eq!(
        model
            .versions
            .iter()
            .map(|version| version.version)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert!(model.aliases.is_empty());
    let version = &model.versions[1];
    assert_eq!(
        (
            version.dataset.as_ref().unwrap().as_str(),
            version.dataset_version
        ),
        ("t", Some(1))
    );
    assert!(test.blobs.is_intact(&version.sha256).await.unwrap());
    let ledger = ledger::list(&test, &admin, &project, None, None, &PageRequest::default())
        .await
        .unwrap();
    let made: Vec<_> = ledger
        .items
        .iter()
        .filter(|entry| entry.action == "model_version.created")
        .collect();
    assert_eq!(made.len(), 2);
    assert_eq!(made[0].actor, "system:trainer");
}

#[tokio::test]
async fn a_spec_is_checked_against_the_dataset_and_the_limits() {
    let (test, admin, project) = ground().await;
    let with = |change: &dyn Fn(&mut TrainingSpec)| {
        let mut spec = spec();
        change(&mut spec);
        spec
    };
    let create = async |spec| training_runs::create(&test, &admin, &project, spec).await;
    let text = |text: &str| text.to_owned();
    let wrong = with(&|spec| {
        spec.target = text("yy");
        spec.features = Some(vec![text("x"), text("lable")]);
    });
    assert_eq!(
        pointers(create(wrong).await.unwrap_err()),
        ["/target", "/features/1"]
    );
    let words = with(&|spec| {
        spec.target = text("label");
        spec.task = Some(domain::models::Task::Regression);
    });
    assert_eq!(pointers(create(words).await.unwrap_err()), ["/target"]);
    let nowhere = with(&|spec| spec.dataset = Name::new("nowhere").unwrap());
    assert!(matches!(create(nowhere).await, Err(Error::NotFound { .. })));
    let later = with(&|spec| spec.dataset_version = Some(2));
    assert!(matches!(create(later).await, Err(Error::NotFound { .. })));
    let limits = Limits {
        max_train_memory_mb: 1024,
        max_train_seconds: 60,
        ..Limits::default()
    };
    let small = Platform {
        limits,
        ..test.platform()
    };
    let greedy = with(&|spec| {
        spec.budget.memory_mb = 2048;
        spec.budget.seconds = 61;
    });
    let error = training_runs::create(&small, &admin, &project, greedy)
        .await
        .unwrap_err();
    assert_eq!(pointers(error), ["/budget/memory_mb", "/budget/seconds"]);
    let modest = training_runs::create(&small, &admin, &project, spec()).await;
    let budget = modest.unwrap().spec.budget;
    assert_eq!((budget.memory_mb, budget.seconds), (1024, 60));
    let runs = training_runs::list(&test, &admin, &project, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(runs.items.len(), 1);
}

#[tokio::test]
async fn a_dataset_that_is_not_ready_says_why() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let name = Name::new("t").unwrap();
    let upload = async |text: &'static str| {
        let file = futures::stream::iter([Ok(bytes::Bytes::from_static(text.as_bytes()))]);
        datasets::upload(
            &test,
            &admin,
            &project,
            &name,
            domain::datasets::DataFormat::Csv,
            None,
            file,
        )
        .await
        .unwrap()
    };
    let create = async || training_runs::create(&test, &admin, &project, spec()).await;
    let first = upload("1").await;
    assert_eq!(create().await.unwrap_err().code(), "dataset_not_ready");
    let job = take(&test).await;
    datasets::profile_finished(
        &test,
        job.fence,
        first.id,
        Err("row 3 has 2 fields".to_owned()),
    )
    .await
    .unwrap();
    let error = create().await.unwrap_err();
    assert_eq!(error.code(), "dataset_failed");
    assert!(error.to_string().contains("row 3 has 2 fields"));
    let second = upload("2").await;
    let job = take(&test).await;
    datasets::profile_finished(&test, job.fence, second.id, Ok(profile()))
        .await
        .unwrap();
    upload("3").await;
    assert_eq!(create().await.unwrap().spec.dataset_version, Some(2));
}

#[tokio::test]
async fn a_stale_attempt_writes_nothing() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let kinds = [training_runs::TRAIN_JOB.to_owned()];
    let mut conn = test.store.read().await.unwrap();
    let stale = store::jobs::take(&mut conn, "stale", &kinds, Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    training_runs::started(&test, stale.fence, run.id)
        .await
        .unwrap();
    assert_eq!(store::jobs::requeue_expired(&mut conn).await.unwrap(), 1);
    let fresh = take(&test).await;
    assert_eq!((fresh.fence.job, fresh.fence.attempt), (stale.fence.job, 2));

    let progress = Progress {
        stage: Stage::Train,
        fraction: 0.5,
    };
    let done = trained(&test, "stale").await;
    let refused = [
        training_runs::started(&test, stale.fence, run.id)
            .await
            .map(drop),
        training_runs::report_progress(&test, stale.fence, run.id, progress, true).await,
        training_runs::append_log(
            &test,
            stale.fence,
            run.id,
            vec![(LogLevel::Info, "stale".to_owned())],
        )
        .await,
        training_runs::finished(&test, stale.fence, run.id, done)
            .await
            .map(drop),
        training_runs::finished(&test, stale.fence, run.id, failure())
            .await
            .map(drop),
    ];
    for result in refused {
        assert!(jobs::is_lost(&result.unwrap_err()));
    }
    assert!(
        !store::jobs::finish(&mut conn, stale.fence, &JobEnd::Succeeded)
            .await
            .unwrap()
    );
    assert!(
        store::jobs::heartbeat(&mut conn, &[stale.fence], Duration::from_secs(30))
            .await
            .unwrap()
            .is_empty()
    );

    training_runs::started(&test, fresh.fence, run.id)
        .await
        .unwrap();
    let done = trained(&test, "fresh").await;
    training_runs::finished(&test, fresh.fence, run.id, done)
        .await
        .unwrap();
    let run = training_runs::get(&test, &admin, &project, run.id)
        .await
        .unwrap();
    assert_eq!(
        (run.status, run.version, run.attempt),
        (RunStatus::Succeeded, Some(1), 2)
    );
    assert!(
        training_runs::logs(&test, &admin, &project, run.id, 0)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn many_runs_of_one_model_get_numbers_without_gaps() {
    let (test, admin, project) = ground().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let run = training_runs::create(&test, &admin, &project, spec())
            .await
            .unwrap();
        held.push((take(&test).await.fence, run.id));
    }
    let all = held.into_iter().enumerate().map(|(n, (fence, id))| {
        let platform = test.platform();
        async move {
            let outcome = if n % 4 == 3 {
                failure()
            } else {
                trained(&platform, "same bytes").await
            };
            training_runs::finished(&platform, fence, id, outcome)
                .await
                .unwrap()
        }
    });
    let mut versions: Vec<i32> = futures::future::join_all(all)
        .await
        .into_iter()
        .filter_map(|finished| {
            if let Finished::Version { version, .. } = finished {
                Some(version)
            } else {
                None
            }
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn progress_and_lines_reach_the_page_in_order() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let from = events::newest_id(&test, &admin, &project).await.unwrap();
    let fence = take(&test).await.fence;
    training_runs::started(&test, fence, run.id).await.unwrap();
    let progress = Progress {
        stage: Stage::Encode,
        fraction: 0.25,
    };
    training_runs::report_progress(&test, fence, run.id, progress, true)
        .await
        .unwrap();
    let lines = vec![
        (LogLevel::Info, "one".to_owned()),
        (LogLevel::Warn, "x".repeat(5000)),
        (LogLevel::Error, "\0".to_owned()),
    ];
    training_runs::append_log(&test, fence, run.id, lines)
        .await
        .unwrap();
    training_runs::append_log(
        &test,
        fence,
        run.id,
        vec![(LogLevel::Info, "four".to_owned())],
    )
    .await
    .unwrap();

    let logs = training_runs::logs(&test, &admin, &project, run.id, 1)
        .await
        .unwrap();
    assert_eq!(
        logs.iter().map(|line| line.seq).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert_eq!(logs[0].message.chars().count(), 2001);
    assert_eq!(logs[1].message, "\u{FFFD}");
    assert_eq!(
        training_runs::get(&test, &admin, &project, run.id)
            .await
            .unwrap()
            .progress,
        Some(progress)
    );
    let heard = events::after(&test, &admin, &project, from, &[Topic::Run(run.id)], 100)
        .await
        .unwrap();
    let kinds: Vec<_> = heard.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["changed", "progress", "log", "log", "log", "log"]);
    assert_eq!(
        heard[1].data,
        json!({ "id": run.id, "progress": { "stage": "encode", "fraction": 0.25 } })
    );
    assert_eq!(heard[5].data["seq"], 4);
    let list = events::after(&test, &admin, &project, from, &[Topic::Runs], 100)
        .await
        .unwrap();
    assert_eq!(list.len(), 2);
}

#[tokio::test]
async fn another_projects_run_is_not_found() {
    let (test, admin, project) = ground().await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let other = test.new_project("other").await;
    let stranger = test.member(&other, "eve@example.com", Role::Admin).await;
    for project in [&other, &project] {
        assert!(matches!(
            training_runs::get(&test, &stranger, project, run.id).await,
            Err(Error::NotFound { .. })
        ));
        assert!(matches!(
            training_runs::cancel(&test, &stranger, project, run.id).await,
            Err(Error::NotFound { .. })
        ));
        assert!(matches!(
            training_runs::logs(&test, &stranger, project, run.id, 0).await,
            Err(Error::NotFound { .. })
        ));
    }
    let viewer = test.member(&project, "vic@example.com", Role::Viewer).await;
    assert!(matches!(
        training_runs::cancel(&test, &viewer, &project, run.id).await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        training_runs::create(&test, &viewer, &project, spec()).await,
        Err(Error::Forbidden(_))
    ));
    assert_eq!(
        training_runs::get(&test, &admin, &project, run.id)
            .await
            .unwrap()
            .status,
        RunStatus::Queued
    );
}
