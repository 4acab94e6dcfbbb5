use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ids::JobId;
use domain::{Error, Timestamp};
use jobs::{Abandoned, Finished, Handler, Job, Options, StopReason};
use serde_json::{Value, json};
use store::Store;
use store::jobs::{Cancelled, JobEnd, NewJob};
use testkit::TestPlatform;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const KIND: &str = "test";

/// What happened to jobs, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Started(JobId, i32),
    Stopped(JobId, StopReason),
    Abandoned(JobId, Abandoned),
}

/// Does what the payload says: `finish`, `wait` (until it is stopped), `fail` or `panic`.
struct Scripted {
    store: Store,
    seen: Arc<Mutex<Vec<Event>>>,
}

impl Scripted {
    fn note(&self, event: Event) {
        self.seen.lock().unwrap().push(event);
    }

    async fn end(&self, job: &Job, end: JobEnd) -> domain::Result<()> {
        let mut conn = self.store.read().await?;
        store::jobs::finish(&mut conn, job.fence, &end).await?;
        Ok(())
    }
}

impl Handler for Scripted {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn run(&self, job: Job) -> Finished<'_> {
        Box::pin(async move {
            self.note(Event::Started(job.fence.job, job.fence.attempt));
            match job.payload["do"].as_str() {
                Some("finish") => self.end(&job, JobEnd::Succeeded).await,
                Some("wait") => {
                    job.stop.token().cancelled().await;
                    let reason = job.stop.reason().unwrap();
                    self.note(Event::Stopped(job.fence.job, reason));
                    if reason == StopReason::Cancelled {
                        self.end(&job, JobEnd::Cancelled).await
                    } else {
                        Ok(())
                    }
                }
                Some("fail") => Err(Error::internal("it fails")),
                _ => panic!("it panics"),
            }
        })
    }

    fn abandon(&self, job: Job, why: Abandoned) -> Finished<'_> {
        Box::pin(async move {
            self.note(Event::Abandoned(job.fence.job, why));
            self.end(&job, JobEnd::Failed("abandoned".to_owned())).await
        })
    }
}

struct Ground {
    test: TestPlatform,
    seen: Arc<Mutex<Vec<Event>>>,
}

impl Ground {
    async fn new() -> Self {
        Self {
            test: TestPlatform::new().await,
            seen: Arc::default(),
        }
    }

    async fn enqueue(&self, script: &str, max_attempts: i32) -> JobId {
        let id = JobId::at(Timestamp::UNIX_EPOCH);
        let payload = json!({ "do": script });
        let mut tx = self.test.store.begin().await.unwrap();
        let job = NewJob {
            id,
            kind: KIND,
            payload: &payload,
            max_attempts,
        };
        store::jobs::enqueue(&mut tx, &job).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A worker that takes the next job and is never heard of again.
    async fn lose(&self) -> store::jobs::TakenJob {
        let mut conn = self.test.store.read().await.unwrap();
        store::jobs::take(&mut conn, "lost", &[KIND.to_owned()], Duration::ZERO)
            .await
            .unwrap()
            .unwrap()
    }

    fn worker(&self, name: &str, concurrency: usize) -> Worker {
        let shutdown = CancellationToken::new();
        let handler = Scripted {
            store: self.test.store.clone(),
            seen: Arc::clone(&self.seen),
        };
        let options = Options {
            worker: name.to_owned(),
            concurrency,
        };
        let mut task = JoinSet::new();
        task.spawn(jobs::run(
            self.test.store.clone(),
            options,
            vec![Arc::new(handler)],
            shutdown.clone(),
        ));
        Worker { shutdown, task }
    }

    fn seen(&self) -> Vec<Event> {
        self.seen.lock().unwrap().clone()
    }

    async fn until_seen(&self, event: &Event) {
        testkit::until("an event of a job", async || {
            self.seen().contains(event).then_some(())
        })
        .await;
    }

    async fn until_state(&self, job: JobId, state: &str) -> Value {
        testkit::until("a state of a job", async || {
            let mut conn = self.test.store.read().await.ok()?;
            let found = store::jobs::find(&mut conn, job).await.unwrap().unwrap();
            (found.state == state)
                .then(|| json!({ "attempt": found.attempt, "error": found.error }))
        })
        .await
    }
}

struct Worker {
    shutdown: CancellationToken,
    task: JoinSet<()>,
}

impl Worker {
    async fn stop(mut self) {
        self.shutdown.cancel();
        while self.task.join_next().await.is_some() {}
    }
}

#[tokio::test]
async fn two_workers_do_every_job_once() {
    let ground = Ground::new().await;
    let workers = [ground.worker("a", 4), ground.worker("b", 4)];
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(ground.enqueue("finish", 3).await);
    }
    for id in &ids {
        ground.until_state(*id, "succeeded").await;
    }
    let mut starts: HashMap<JobId, usize> = HashMap::new();
    for event in ground.seen() {
        let Event::Started(job, 1) = event else {
            panic!("{event:?}")
        };
        *starts.entry(job).or_default() += 1;
    }
    assert_eq!(starts.len(), ids.len());
    assert!(starts.values().all(|count| *count == 1));
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_lost_workers_job_is_done_by_another() {
    let ground = Ground::new().await;
    let job = ground.enqueue("finish", 3).await;
    let lost = ground.lose().await;
    let worker = ground.worker("w", 1);
    assert_eq!(ground.until_state(job, "succeeded").await["attempt"], 2);
    let mut conn = ground.test.store.read().await.unwrap();
    assert!(
        store::jobs::hold(&mut conn, lost.fence)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        !store::jobs::finish(&mut conn, lost.fence, &JobEnd::Failed("late".to_owned()))
            .await
            .unwrap()
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_is_lost_for_the_last_time_gets_its_end() {
    let ground = Ground::new().await;
    let job = ground.enqueue("finish", 1).await;
    let lost = ground.lose().await;
    let worker = ground.worker("w", 1);
    assert_eq!(
        ground.until_state(job, "failed").await["error"],
        "abandoned"
    );
    assert_eq!(
        ground.seen(),
        [Event::Abandoned(job, Abandoned::WorkerLost)]
    );
    let mut conn = ground.test.store.read().await.unwrap();
    assert!(
        store::jobs::hold(&mut conn, lost.fence)
            .await
            .unwrap()
            .is_none()
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_failing_job_is_tried_again_and_then_abandoned() {
    for script in ["fail", "panic"] {
        let ground = Ground::new().await;
        let worker = ground.worker("w", 1);
        let job = ground.enqueue(script, 2).await;
        ground.until_state(job, "failed").await;
        let seen = ground.seen();
        assert_eq!(seen[..2], [Event::Started(job, 1), Event::Started(job, 2)]);
        assert!(
            matches!(&seen[2..], [Event::Abandoned(id, Abandoned::Failed(_))] if *id == job),
            "{seen:?}"
        );
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_running_job_hears_at_once_that_it_is_cancelled() {
    let ground = Ground::new().await;
    let worker = ground.worker("w", 1);
    let job = ground.enqueue("wait", 3).await;
    ground.until_seen(&Event::Started(job, 1)).await;
    let asked = std::time::Instant::now();
    let mut tx = ground.test.store.begin().await.unwrap();
    assert_eq!(
        store::jobs::cancel(&mut tx, job).await.unwrap(),
        Cancelled::Requested
    );
    tx.commit().await.unwrap();
    ground.until_state(job, "cancelled").await;
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(
        ground.seen(),
        [
            Event::Started(job, 1),
            Event::Stopped(job, StopReason::Cancelled)
        ]
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_was_cancelled_while_its_worker_was_away_is_not_begun() {
    let ground = Ground::new().await;
    let job = ground.enqueue("wait", 3).await;
    ground.lose().await;
    let mut tx = ground.test.store.begin().await.unwrap();
    assert_eq!(
        store::jobs::cancel(&mut tx, job).await.unwrap(),
        Cancelled::Requested
    );
    tx.commit().await.unwrap();
    let worker = ground.worker("w", 1);
    ground
        .until_seen(&Event::Abandoned(job, Abandoned::Cancelled))
        .await;
    assert_eq!(ground.seen().len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_goes_away_gives_its_jobs_back_at_once() {
    let ground = Ground::new().await;
    let first = ground.worker("first", 2);
    let jobs = [
        ground.enqueue("wait", 1).await,
        ground.enqueue("wait", 1).await,
    ];
    for job in jobs {
        ground.until_seen(&Event::Started(job, 1)).await;
    }
    first.stop().await;
    for job in jobs {
        assert!(
            ground
                .seen()
                .contains(&Event::Stopped(job, StopReason::Shutdown))
        );
        ground.until_state(job, "queued").await;
    }
    // It was not the jobs' fault: with a single attempt allowed they still run.
    let second = ground.worker("second", 2);
    for job in jobs {
        ground.until_seen(&Event::Started(job, 2)).await;
    }
    second.stop().await;
}

#[tokio::test]
async fn a_worker_outlives_the_database() {
    let ground = Ground::new().await;
    let worker = ground.worker("w", 2);
    let waiting = ground.enqueue("wait", 3).await;
    ground.until_seen(&Event::Started(waiting, 1)).await;
    ground.test.database.set_reachable(false).await;
    assert!(ground.test.store.ping().await.is_err());
    ground.test.database.set_reachable(true).await;
    let later = ground.enqueue("finish", 3).await;
    ground.until_state(later, "succeeded").await;
    let mut tx = ground.test.store.begin().await.unwrap();
    store::jobs::cancel(&mut tx, waiting).await.unwrap();
    tx.commit().await.unwrap();
    ground
        .until_seen(&Event::Stopped(waiting, StopReason::Cancelled))
        .await;
    assert!(
        !ground
            .seen()
            .contains(&Event::Stopped(waiting, StopReason::Lost))
    );
    worker.stop().await;
}
