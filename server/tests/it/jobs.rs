//! Jobs as they really run: in a worker process and its child processes, which are killed, stopped and cut off here.

use std::fmt::Write as _;
use std::io;
use std::process::Child;

use bytes::Bytes;
use domain::datasets::{DataFormat, DatasetStatus, DatasetVersion};
use domain::ids::TrainingRunId;
use domain::training_runs::{RunStatus, TrainingRun, TrainingSpec};
use domain::{Actor, Name};
use platform::{datasets, models, training_runs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use testkit::TestPlatform;

use crate::harness::{Process, name, volary};

struct Ground {
    test: TestPlatform,
    admin: Actor,
    project: Name,
}

impl Ground {
    async fn new() -> Self {
        let test = TestPlatform::with_clock(platform::Clock::System).await;
        let (admin, project) = (test.admin().await, test.project());
        Self {
            test,
            admin,
            project,
        }
    }

    fn worker(&self) -> Process {
        let mut command = volary(self.test.directory.path());
        command
            .arg("worker")
            .env("DATABASE_URL", self.test.database.url());
        Process(command.spawn().unwrap())
    }

    async fn upload(&self, text: String) -> DatasetVersion {
        let file = futures::stream::iter([Ok::<_, io::Error>(Bytes::from(text))]);
        datasets::upload(
            &self.test,
            &self.admin,
            &self.project,
            &name("table"),
            DataFormat::Csv,
            None,
            file,
        )
        .await
        .unwrap()
    }

    /// The version, once it has been read.
    async fn read(&self, version: i32) -> DatasetVersion {
        testkit::until("the dataset to be read", async || {
            let found = datasets::get_version(
                &self.test,
                &self.admin,
                &self.project,
                &name("table"),
                version,
            )
            .await
            .unwrap();
            (found.status != DatasetStatus::Profiling).then_some(found)
        })
        .await
    }

    async fn train(&self) -> TrainingRunId {
        let spec: TrainingSpec = serde_json::from_value(
            json!({ "dataset": "table", "target": "y", "model": "m", "algorithm": "linear_regression" }),
        )
        .unwrap();
        let run = training_runs::create(&self.test, &self.admin, &self.project, spec).await;
        run.unwrap().id
    }

    async fn get(&self, id: TrainingRunId) -> TrainingRun {
        training_runs::get(&self.test, &self.admin, &self.project, id)
            .await
            .unwrap()
    }

    async fn until(&self, id: TrainingRunId, status: RunStatus) -> TrainingRun {
        testkit::until("a status of the run", async || {
            let run = self.get(id).await;
            (run.status == status).then_some(run)
        })
        .await
    }

    async fn versions(&self) -> usize {
        match models::get(&self.test, &self.admin, &self.project, &name("m")).await {
            Ok(model) => model.versions.len(),
            Err(_) => 0,
        }
    }

    /// A run whose child has been found at its work, and stands still.
    async fn held(&self, worker: &Process) -> (TrainingRunId, Pid) {
        let id = self.train().await;
        let child = testkit::until("the child process", async || child_of(&worker.0)).await;
        kill_process(child, Signal::STOP).unwrap();
        self.until(id, RunStatus::Running).await;
        (id, child)
    }
}

/// Two columns that make the third, so many rows that reading them takes a while.
fn table() -> String {
    let mut text = "a,b,y\n".to_owned();
    for row in 0..200_000_u32 {
        let (a, b) = (row % 977, row.wrapping_mul(31) % 1013);
        writeln!(text, "{a},{b},{}", 2 * a + 3 * b + 5).unwrap();
    }
    text
}

/// The `volary child` of this worker, if it has one.
pub(crate) fn child_of(worker: &Child) -> Option<Pid> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.filter_map(Result::ok).find_map(|entry| {
        let process: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?;
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let mine = parent == worker.id().to_string() && command.split('\0').nth(1) == Some("child");
        mine.then(|| Pid::from_raw(process)).flatten()
    })
}

async fn until_gone(child: Pid) {
    testkit::until("the child to be gone", async || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
        let gone = stat.map_or(true, |stat| stat.contains(") Z "));
        gone.then_some(())
    })
    .await;
}

fn signal(process: &Process, signal: Signal) {
    kill_process(Pid::from_child(&process.0), signal).unwrap();
}

#[tokio::test]
async fn a_malformed_file_fails_naming_the_place_and_the_good_version_stays() {
    let ground = Ground::new().await;
    let _worker = ground.worker();
    ground.upload("a,y\n1,2\n3,4\n".to_owned()).await;
    let good = ground.read(1).await;
    assert_eq!(
        (good.status, good.rows, good.columns.len()),
        (DatasetStatus::Ready, Some(2), 2)
    );
    ground.upload("a,y\n1,2\n3,4,5\n".to_owned()).await;
    let bad = ground.read(2).await;
    assert_eq!(bad.status, DatasetStatus::Failed);
    assert!(bad.error.as_deref().unwrap().contains("row 2"), "{bad:?}");
    assert_eq!(ground.read(1).await, good);
}

#[tokio::test]
async fn a_killed_child_is_a_failed_run_with_a_reason_and_the_next_run_works() {
    let ground = Ground::new().await;
    let worker = ground.worker();
    ground.upload(table()).await;
    assert_eq!(ground.read(1).await.status, DatasetStatus::Ready);
    let (id, child) = ground.held(&worker).await;
    kill_process(child, Signal::KILL).unwrap();
    let run = ground.until(id, RunStatus::Failed).await;
    let error = run.error.unwrap();
    assert_eq!(error.code, "crashed");
    assert!(!error.fix.is_empty());
    assert_eq!((run.version, ground.versions().await), (None, 0));

    let next = ground.train().await;
    let run = ground.until(next, RunStatus::Succeeded).await;
    assert_eq!((run.version, ground.versions().await), (Some(1), 1));
    assert!(run.metrics.unwrap()["r2"] > 0.999);
    let logs = training_runs::logs(&ground.test, &ground.admin, &ground.project, next, 0).await;
    assert!(!logs.unwrap().is_empty());
}

#[tokio::test]
async fn a_killed_workers_run_goes_on_with_another_worker_and_makes_one_version() {
    let ground = Ground::new().await;
    let worker = ground.worker();
    ground.upload(table()).await;
    ground.read(1).await;
    let (id, child) = ground.held(&worker).await;
    signal(&worker, Signal::KILL);
    // The child goes with its worker, even one that stands still.
    until_gone(child).await;
    drop(worker);
    ground.test.database.expire_leases().await;
    let _next = ground.worker();
    let run = ground.until(id, RunStatus::Succeeded).await;
    assert_eq!(
        (run.attempt, run.version, ground.versions().await),
        (2, Some(1), 1)
    );
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_gives_its_run_back_at_once() {
    let ground = Ground::new().await;
    let mut worker = ground.worker();
    ground.upload(table()).await;
    ground.read(1).await;
    let (id, child) = ground.held(&worker).await;
    signal(&worker, Signal::TERM);
    assert!(worker.0.wait().unwrap().success());
    until_gone(child).await;
    let _next = ground.worker();
    let run = ground.until(id, RunStatus::Succeeded).await;
    assert_eq!(
        (run.attempt, run.version, ground.versions().await),
        (2, Some(1), 1)
    );
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_writes_nothing() {
    let ground = Ground::new().await;
    let worker = ground.worker();
    ground.upload(table()).await;
    ground.read(1).await;
    let (id, child) = ground.held(&worker).await;
    signal(&worker, Signal::STOP);
    ground.test.database.expire_leases().await;
    let _next = ground.worker();
    let run = ground.until(id, RunStatus::Succeeded).await;
    assert_eq!((run.attempt, run.version), (2, Some(1)));
    signal(&worker, Signal::CONT);
    // Told that it has lost the job, it ends the child, and what the child would have made is nobody's.
    until_gone(child).await;
    assert_eq!(ground.get(id).await, run);
    assert_eq!(ground.versions().await, 1);
}

#[tokio::test]
async fn a_cancelled_run_ends_its_child_within_moments() {
    let ground = Ground::new().await;
    let worker = ground.worker();
    ground.upload(table()).await;
    ground.read(1).await;
    let (id, child) = ground.held(&worker).await;
    let asked = std::time::Instant::now();
    let cancel = training_runs::cancel(&ground.test, &ground.admin, &ground.project, id).await;
    assert_eq!(cancel.unwrap().status, RunStatus::Running);
    ground.until(id, RunStatus::Cancelled).await;
    assert!(asked.elapsed().as_secs() < 3, "{:?}", asked.elapsed());
    until_gone(child).await;
    assert_eq!(ground.versions().await, 0);
}

#[tokio::test]
async fn a_run_that_is_not_done_in_its_time_says_so() {
    let ground = Ground::new().await;
    let worker = ground.worker();
    ground.upload(table()).await;
    ground.read(1).await;
    let spec = json!({
        "dataset": "table", "target": "y", "model": "m", "algorithm": "linear_regression",
        "budget": { "seconds": 1, "memory_mb": 1024 },
    });
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    let run = training_runs::create(&ground.test, &ground.admin, &ground.project, spec).await;
    let child = testkit::until("the child process", async || child_of(&worker.0)).await;
    kill_process(child, Signal::STOP).unwrap();
    let run = ground.until(run.unwrap().id, RunStatus::Failed).await;
    let error = run.error.unwrap();
    assert_eq!(error.code, "out_of_time");
    assert!(error.fix.contains("budget.seconds"), "{error:?}");
    assert_eq!(ground.versions().await, 0);
}
