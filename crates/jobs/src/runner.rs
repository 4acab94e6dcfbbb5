use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::Store;
use store::jobs::{Fence, TakenJob};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{Abandoned, Handler, Job, Stop, StopReason};

/// A worker that has not been heard of for this long has lost its jobs.
const LEASE: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often jobs of lost workers are looked for.
const SWEEP: Duration = Duration::from_secs(5);
/// How often the queue is looked at without being told that something is in it: for jobs whose time comes later, and for
/// when a notification got lost.
const POLL: Duration = Duration::from_secs(2);
/// Longest wait for one statement. Postgres may be frozen rather than gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for handlers to end when the process goes away. Their jobs are back in the queue by then.
const FAREWELL: Duration = Duration::from_secs(10);
/// Lost jobs given an end in one sweep.
const ABANDONED_PER_SWEEP: usize = 32;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who holds the lease, for people who look at the table.
    pub worker: String,
    /// Jobs at a time.
    pub concurrency: usize,
}

/// Works the queue until `shutdown` fires; then gives back what is not done, at once, and returns when its handlers have
/// stopped. Nothing that happens to the database ends it.
pub async fn run(
    store: Store,
    options: Options,
    handlers: Vec<Arc<dyn Handler>>,
    shutdown: CancellationToken,
) {
    let kinds = handlers
        .iter()
        .map(|handler| handler.kind().to_owned())
        .collect();
    let handlers = handlers
        .into_iter()
        .map(|handler| (handler.kind(), handler))
        .collect();
    let runner = Runner {
        store,
        options,
        kinds,
        handlers,
        tasks: JoinSet::new(),
        running: HashMap::new(),
        retries: JoinSet::new(),
    };
    runner.run(shutdown).await;
}

struct Runner {
    store: Store,
    options: Options,
    kinds: Vec<String>,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    tasks: JoinSet<domain::Result<()>>,
    running: HashMap<Id, Running>,
    retries: JoinSet<()>,
}

struct Running {
    job: Job,
    handler: Arc<dyn Handler>,
    abandoning: bool,
}

impl Runner {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut ears = Ears::new(self.store.clone());
        let (mut heartbeat, mut sweep, mut poll) =
            (interval(HEARTBEAT), interval(SWEEP), interval(POLL));
        for clock in [&mut heartbeat, &mut sweep, &mut poll] {
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                heard = ears.hear() => match heard {
                    Heard::Work => self.fill().await,
                    Heard::Cancel(job) => self.cancel(&job),
                    // Cancellations may have been missed: the heartbeat reads them from the table.
                    Heard::Gap => { self.heartbeat().await; self.fill().await; }
                },
                Some(done) = self.tasks.join_next_with_id() => { self.done(done); self.fill().await; },
                Some(_) = self.retries.join_next() => {}
                _ = heartbeat.tick() => { self.heartbeat().await; },
                _ = sweep.tick() => self.sweep().await,
                _ = poll.tick() => self.fill().await,
            }
        }
        self.leave().await;
    }

    /// Takes jobs while there is room.
    async fn fill(&mut self) {
        while self
            .running
            .values()
            .filter(|running| !running.abandoning)
            .count()
            < self.options.concurrency
        {
            let taken = self.ask("take a job", async |runner: &Self| {
                let mut conn = runner.store.read().await?;
                store::jobs::take(&mut conn, &runner.options.worker, &runner.kinds, LEASE).await
            });
            let Some(Some(taken)) = taken.await else {
                return;
            };
            tracing::info!(job = %taken.fence.job, kind = taken.kind, attempt = taken.fence.attempt, "job taken");
            self.start(taken, None);
        }
    }

    fn start(&mut self, taken: TakenJob, abandoned: Option<Abandoned>) {
        let Some(handler) = self.handlers.get(taken.kind.as_str()).cloned() else {
            return;
        };
        let stop = Stop::default();
        let abandoning = abandoned.is_some();
        if taken.cancel_requested && !abandoning {
            stop.because(StopReason::Cancelled);
        }
        let job = Job {
            fence: taken.fence,
            payload: taken.payload,
            stop,
        };
        let task = {
            let (handler, job) = (Arc::clone(&handler), job.clone());
            self.tasks.spawn(async move {
                match abandoned {
                    Some(why) => handler.abandon(job, why).await,
                    None => handler.run(job).await,
                }
            })
        };
        self.running.insert(
            task.id(),
            Running {
                job,
                handler,
                abandoning,
            },
        );
    }

    fn done(&mut self, done: Result<(Id, domain::Result<()>), JoinError>) {
        let (id, result) = match done {
            Ok((id, result)) => (id, result),
            Err(panic) => (panic.id(), Err(domain::Error::internal(panic))),
        };
        let Some(Running {
            job,
            handler,
            abandoning,
        }) = self.running.remove(&id)
        else {
            return;
        };
        let Err(error) = result else { return };
        let kind = handler.kind();
        if matches!(
            job.stop.reason(),
            Some(StopReason::Lost | StopReason::Shutdown)
        ) {
            tracing::info!(job = %job.fence.job, kind, attempt = job.fence.attempt, "job left to another attempt");
            return;
        }
        tracing::warn!(job = %job.fence.job, kind, attempt = job.fence.attempt, error = %Chain(&error), "attempt failed");
        if abandoning {
            return; // The lease runs out, and the sweep takes it up again.
        }
        let store = self.store.clone();
        self.retries
            .spawn(async move { retry(&store, handler.as_ref(), job, error).await });
    }

    fn cancel(&self, job: &str) {
        for running in self
            .running
            .values()
            .filter(|running| running.job.fence.job.to_string() == job)
        {
            running.job.stop.because(StopReason::Cancelled);
        }
    }

    /// `false` when the leases could not be renewed.
    async fn heartbeat(&mut self) -> bool {
        let fences: Vec<Fence> = self
            .running
            .values()
            .map(|running| running.job.fence)
            .collect();
        if fences.is_empty() {
            return true;
        }
        let alive = self.ask("renew leases", async |runner: &Self| {
            let mut conn = runner.store.read().await?;
            store::jobs::heartbeat(&mut conn, &fences, LEASE).await
        });
        // Only the database's word takes a job from a handler: while it is away nobody else can have taken it either.
        let Some(alive) = alive.await else {
            return false;
        };
        let alive: HashMap<Fence, bool> = alive.into_iter().collect();
        for running in self.running.values() {
            match alive.get(&running.job.fence) {
                None if fences.contains(&running.job.fence) => {
                    running.job.stop.because(StopReason::Lost);
                }
                Some(true) if !running.abandoning => {
                    running.job.stop.because(StopReason::Cancelled);
                }
                _ => {}
            }
        }
        true
    }

    /// Jobs whose worker was lost go back into the queue, or get their end.
    async fn sweep(&mut self) {
        // After an outage of the database our own leases may have run out: renew them before calling anybody lost.
        if !self.heartbeat().await {
            return;
        }
        let requeued = self.ask("look for lost jobs", async |runner: &Self| {
            let mut conn = runner.store.read().await?;
            store::jobs::requeue_expired(&mut conn).await
        });
        match requeued.await {
            None => return,
            Some(0) => {}
            Some(count) => tracing::warn!(count, "jobs of lost workers are queued again"),
        }
        for _ in 0..ABANDONED_PER_SWEEP {
            let taken = self.ask("look for abandoned jobs", async |runner: &Self| {
                let mut conn = runner.store.read().await?;
                store::jobs::take_abandoned(&mut conn, &runner.options.worker, &runner.kinds, LEASE)
                    .await
            });
            let Some(Some(taken)) = taken.await else {
                break;
            };
            tracing::warn!(job = %taken.fence.job, kind = taken.kind, attempt = taken.fence.attempt, "job abandoned");
            let why = if taken.cancel_requested {
                Abandoned::Cancelled
            } else {
                Abandoned::WorkerLost
            };
            self.start(taken, Some(why));
        }
        self.fill().await;
    }

    /// First the queue, so that another worker can go on at once; then the handlers, which can write nothing any more.
    async fn leave(mut self) {
        let fences: Vec<Fence> = self
            .running
            .values()
            .map(|running| running.job.fence)
            .collect();
        if !fences.is_empty() {
            let released = self.ask("give jobs back", async |runner: &Self| {
                let mut conn = runner.store.read().await?;
                store::jobs::release(&mut conn, &fences).await
            });
            if let Some(count) = released.await {
                tracing::info!(count, "jobs given back");
            }
        }
        for running in self.running.values() {
            running.job.stop.because(StopReason::Shutdown);
        }
        let deadline = Instant::now() + FAREWELL;
        while let Ok(Some(_)) = timeout_at(deadline, self.tasks.join_next()).await {}
        while let Ok(Some(_)) = timeout_at(deadline, self.retries.join_next()).await {}
        // What is left is aborted here, and its child processes with it.
    }

    /// `None` when the database did not answer; that has been logged.
    async fn ask<T>(
        &self,
        what: &'static str,
        question: impl AsyncFnOnce(&Self) -> store::Result<T>,
    ) -> Option<T> {
        match timeout(PATIENCE, question(self)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "could not {what}");
                None
            }
            Err(_) => {
                tracing::warn!("could not {what}: the database does not answer");
                None
            }
        }
    }
}

/// Back into the queue, or to its end when this was the last attempt. When even that fails, the lease runs out.
async fn retry(store: &Store, handler: &dyn Handler, job: Job, error: domain::Error) {
    let delay = Duration::from_secs(1 << job.fence.attempt.clamp(0, 6));
    let requeued = timeout(PATIENCE, async {
        store::jobs::retry(&mut *store.read().await?, job.fence, delay).await
    })
    .await;
    if let Ok(Ok(false)) = requeued {
        let fence = job.fence;
        if let Err(error) = handler
            .abandon(job, Abandoned::Failed(error.to_string()))
            .await
        {
            tracing::warn!(job = %fence.job, kind = handler.kind(), error = %Chain(&error), "could not abandon the job");
        }
    }
}

enum Heard {
    Work,
    Cancel(String),
    Gap,
}

/// Hears notifications, and connects anew when they stop coming.
struct Ears {
    store: Store,
    listener: Option<store::Listener>,
}

impl Ears {
    fn new(store: Store) -> Self {
        Self {
            store,
            listener: None,
        }
    }

    async fn hear(&mut self) -> Heard {
        loop {
            if self.listener.is_none() {
                match self.store.listen(&[store::jobs::CHANNEL]).await {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        return Heard::Gap;
                    }
                    Err(_) => tokio::time::sleep(POLL).await,
                }
            }
            let Some(listener) = &mut self.listener else {
                continue;
            };
            match listener.recv().await {
                Ok(Some(note)) if note.payload.is_empty() => return Heard::Work,
                Ok(Some(note)) => return Heard::Cancel(note.payload),
                Ok(None) => return Heard::Gap,
                Err(_) => self.listener = None,
            }
        }
    }
}

/// An error with its causes, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
