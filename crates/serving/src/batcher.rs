//! Rows of several requests that a version computes together. Only versions that gain from it come here: see
//! [`Version::gains_from_batches`](crate::versions::Version::gains_from_batches).
//!
//! A request that finds the version idle, and is expected to be computed within [`QUICK`], is computed where it is: then
//! nothing is handed over, and nobody waits. Every other request joins the queue, and lanes take batches from it: one lane
//! after the other starts while requests wait, as many as there are cores, each on a thread that may take its time, since
//! what an async worker computes for milliseconds delays every other request of the process. So batches grow with the
//! load, and only with it, unless they are told to wait for more.
//!
//! Nobody depends on another request's life: a lane belongs to no request, a request that has gone away is skipped, and a
//! batch that breaks off is computed again one request at a time, so that only the one that broke it fails.

mod counts;
mod lane;
mod rows;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::deployments::Capacity;
use model::{PredictError, Predictor, Value};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::request::{MAX_ROWS, Rows};
use crate::versions::PANICKED;

pub use counts::{BatchCounts, Batched, Batchers};
use lane::Lane;
use rows::ComputedRows;

/// What an async worker may compute in place: about as long as it reads the largest body that it reads in place.
pub const QUICK: Duration = Duration::from_micros(100);
/// Most rows that wait for one version of one deployment; a request that is alone may have as many as it likes.
pub const MOST_WAITING: usize = MAX_ROWS;

/// So many rows at once take about as long each as they would alone.
const FEW: usize = 4;
/// tokio's timer counts whole milliseconds, and rounds up.
const COARSE: Duration = Duration::from_millis(2);

/// What predicts many rows at once.
pub trait PredictEach: Send + Sync + 'static {
    /// How many numbers a prediction is, from 1 up.
    fn width(&self) -> usize;

    /// One result for each row, in their order; its numbers go to its place in `out`.
    fn predict_each(&self, rows: &[&[Value]], out: &mut [f64]) -> Vec<Result<(), PredictError>>;
}

impl PredictEach for Predictor {
    fn width(&self) -> usize {
        Self::width(self)
    }

    fn predict_each(&self, rows: &[&[Value]], out: &mut [f64]) -> Vec<Result<(), PredictError>> {
        self.predict_batch(rows, out)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most rows that the model is given at once. A request with more has batches of its own.
    pub max_batch: usize,
    /// How long a batch waits for more rows than it has.
    pub max_delay: Duration,
}

impl Settings {
    pub(crate) fn of(capacity: &Capacity) -> Self {
        Self {
            max_batch: usize::try_from(capacity.max_batch).unwrap_or(1),
            max_delay: Duration::from_micros(u64::try_from(capacity.max_delay_us).unwrap_or(0)),
        }
    }
}

/// What a version made of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    /// As many for each row as the model gives, all finite.
    pub predictions: Vec<f64>,
    /// How long the request waited until its batch began; `None` if it was computed where it was.
    pub queued: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotComputed {
    /// Too many rows wait already.
    Full,
    /// It was not computed before its deadline.
    Late,
    /// The process ends.
    Lost,
    /// Why the model failed on this request, in words for the log.
    Failed(String),
}

/// The queue of one version behind one name.
#[derive(Debug)]
pub struct Batcher<M = Predictor> {
    /// Most batches that are computed at once.
    lanes: usize,
    state: Mutex<State<M>>,
    /// What a row took lately, in nanoseconds; `u64::MAX` before anybody knows.
    row_nanos: AtomicU64,
}

#[derive(Debug)]
struct State<M> {
    settings: Settings,
    waiting: VecDeque<Waiting<M>>,
    /// Of those that wait.
    rows: usize,
    /// Lanes that compute now.
    running: usize,
    /// Whether a task sleeps until the first one has waited long enough.
    is_timed: bool,
    counts: BatchCounts,
}

#[derive(Debug)]
struct Waiting<M> {
    model: Arc<M>,
    rows: Rows,
    since: Instant,
    answer: oneshot::Sender<Result<Computed, NotComputed>>,
}

/// Requests that are computed together.
#[derive(Debug)]
struct Batch<M> {
    requests: Vec<Waiting<M>>,
    begun: Instant,
    max_batch: usize,
}

/// What is to be done for those that wait.
enum Next {
    Nothing,
    Compute,
    At(Instant),
}

/// How a request goes on.
enum Entered<M: PredictEach> {
    /// It is computed where it is, in this lane, so many rows at once.
    Here(Lane<M>, Rows, usize),
    Waits(oneshot::Receiver<Result<Computed, NotComputed>>),
}

impl<M: PredictEach> Batcher<M> {
    pub fn new(lanes: usize, settings: Settings) -> Self {
        Self {
            lanes,
            state: Mutex::new(State {
                settings,
                waiting: VecDeque::new(),
                rows: 0,
                running: 0,
                is_timed: false,
                counts: BatchCounts::default(),
            }),
            row_nanos: AtomicU64::new(u64::MAX),
        }
    }

    /// Counts for every batch that begins from now on.
    pub fn set(&self, settings: Settings) {
        self.lock().settings = settings;
    }

    /// How many rows wait.
    pub fn waiting(&self) -> usize {
        self.lock().rows
    }

    /// What it did since this was asked last.
    pub fn take_counts(&self) -> BatchCounts {
        std::mem::take(&mut self.lock().counts)
    }

    /// Predicts the rows of one request, mostly together with those of others. Whoever drops this takes the request back,
    /// unless it is being computed. Must be called within tokio.
    ///
    /// # Errors
    /// See [`NotComputed`]: it is about this request alone.
    pub async fn predict(
        self: &Arc<Self>,
        model: &Arc<M>,
        rows: Rows,
        deadline: Instant,
    ) -> Result<Computed, NotComputed> {
        let answer = match self.enter(model, rows)? {
            Entered::Here(lane, rows, max_batch) => {
                let predictions = self.compute_alone(model, &rows, max_batch);
                lane.leave();
                return predictions.map(|predictions| Computed {
                    predictions,
                    queued: None,
                });
            }
            Entered::Waits(answer) => answer,
        };
        match timeout_at(deadline, answer).await {
            Ok(Ok(computed)) => computed,
            Ok(Err(_)) => Err(NotComputed::Lost),
            Err(_) => Err(NotComputed::Late),
        }
    }

    fn enter(self: &Arc<Self>, model: &Arc<M>, rows: Rows) -> Result<Entered<M>, NotComputed> {
        let mut state = self.lock();
        let Settings {
            max_batch,
            max_delay,
        } = state.settings;
        let is_idle = state.running == 0 && state.waiting.is_empty();
        if is_idle && max_delay.is_zero() && self.is_quick(rows.len()) {
            state.running = 1;
            state.counts.add_batch(rows.len(), max_batch);
            state.counts.waits.record(0);
            return Ok(Entered::Here(Lane::new(self), rows, max_batch));
        }
        if state.rows + rows.len() > MOST_WAITING {
            state.forget_gone();
        }
        if !state.waiting.is_empty() && state.rows + rows.len() > MOST_WAITING {
            return Err(NotComputed::Full);
        }
        let (sender, answer) = oneshot::channel();
        state.rows += rows.len();
        state.waiting.push_back(Waiting {
            model: Arc::clone(model),
            rows,
            since: Instant::now(),
            answer: sender,
        });
        let next = self.next(&mut state);
        drop(state);
        self.start(next);
        Ok(Entered::Waits(answer))
    }

    fn is_quick(&self, rows: usize) -> bool {
        let nanos = self
            .row_nanos
            .load(Ordering::Relaxed)
            .saturating_mul(rows as u64);
        u128::from(nanos) <= QUICK.as_nanos()
    }

    fn next(&self, state: &mut State<M>) -> Next {
        let Some(first) = state.waiting.front() else {
            return Next::Nothing;
        };
        // A lane that ends its batch comes for the next one by itself.
        if state.running >= self.lanes {
            return Next::Nothing;
        }
        let due = first.since + state.settings.max_delay;
        if state.rows >= state.settings.max_batch || due <= Instant::now() {
            state.running += 1;
            Next::Compute
        } else if state.is_timed {
            Next::Nothing
        } else {
            state.is_timed = true;
            Next::At(due)
        }
    }

    fn start(self: &Arc<Self>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Compute => {
                let lane = Lane::new(self);
                tokio::task::spawn_blocking(move || lane.work());
            }
            Next::At(due) => {
                let batcher = Arc::clone(self);
                let wake = move || {
                    let next = {
                        let mut state = batcher.lock();
                        state.is_timed = false;
                        batcher.next(&mut state)
                    };
                    batcher.start(next);
                };
                let wait = due.saturating_duration_since(Instant::now());
                // Whoever stops the process waits for requests, not for this.
                if wait < COARSE {
                    tokio::task::spawn_blocking(move || {
                        std::thread::sleep(wait);
                        wake();
                    });
                } else {
                    Handle::current().spawn(async move {
                        sleep_until(due).await;
                        wake();
                    });
                }
            }
        }
    }

    /// The next batch of a lane, oldest first; `None` gives the lane back.
    fn take(self: &Arc<Self>) -> Option<Batch<M>> {
        let mut state = self.lock();
        let max_batch = state.settings.max_batch;
        while state.waiting.front().is_some_and(Waiting::is_gone) {
            state.pop();
        }
        // It is this lane that goes on, unless the rest is to wait for more.
        state.running -= 1;
        let next = self.next(&mut state);
        if !matches!(next, Next::Compute) {
            drop(state);
            self.start(next);
            return None;
        }
        let begun = Instant::now();
        let mut batch = Batch {
            requests: Vec::new(),
            begun,
            max_batch,
        };
        let mut rows = 0;
        while let Some(waiting) = state.waiting.front() {
            let is_gone = waiting.is_gone();
            if !is_gone && !batch.takes(rows, waiting) {
                break;
            }
            let Some(waiting) = state.pop() else { break };
            if !is_gone {
                rows += waiting.rows.len();
                let waited = begun.saturating_duration_since(waiting.since);
                let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
                state.counts.waits.record(micros);
                batch.requests.push(waiting);
            }
        }
        state.counts.add_batch(rows, max_batch);
        Some(batch)
    }

    fn compute(&self, batch: Batch<M>) {
        let Batch {
            requests,
            begun,
            max_batch,
        } = batch;
        let Some(model) = requests.first().map(|first| Arc::clone(&first.model)) else {
            return;
        };
        if requests.len() > 1 {
            let rows: Vec<_> = requests
                .iter()
                .flat_map(|waiting| waiting.rows.iter())
                .collect();
            if let Ok(computed) = self.compute_rows(&model, &rows, max_batch) {
                let mut begin = 0;
                for waiting in requests {
                    let end = begin + waiting.rows.len();
                    let own = computed.of(begin..end);
                    waiting.answer(begun, own.map_err(NotComputed::Failed));
                    begin = end;
                }
                return;
            }
        }
        for waiting in requests {
            let alone = self.compute_alone(&model, &waiting.rows, max_batch);
            waiting.answer(begun, alone);
        }
    }

    fn compute_alone(
        &self,
        model: &M,
        rows: &Rows,
        max_batch: usize,
    ) -> Result<Vec<f64>, NotComputed> {
        let rows: Vec<_> = rows.iter().collect();
        let computed = self.compute_rows(model, &rows, max_batch);
        computed
            .and_then(ComputedRows::all)
            .map_err(NotComputed::Failed)
    }

    /// # Errors
    /// Why there is none for any of them.
    fn compute_rows(
        &self,
        model: &M,
        rows: &[&[Value]],
        max_batch: usize,
    ) -> Result<ComputedRows, String> {
        let begun = Instant::now();
        let width = model.width().max(1);
        let most = max_batch.max(1);
        let mut numbers = vec![0.0; rows.len() * width];
        let mut done = Vec::with_capacity(rows.len());
        for (chunk, out) in rows.chunks(most).zip(numbers.chunks_mut(most * width)) {
            let of_chunk = catch_unwind(AssertUnwindSafe(|| model.predict_each(chunk, out)))
                .map_err(|_| PANICKED.to_owned())?;
            if of_chunk.len() != chunk.len() {
                let (got, expected) = (of_chunk.len(), chunk.len());
                return Err(format!(
                    "the model gave {got} predictions for {expected} rows"
                ));
            }
            done.extend(of_chunk);
        }
        // A large batch says little of a row that comes alone: only what it took as a whole is known to be enough.
        let rows = if rows.len() <= FEW { rows.len() } else { 1 };
        self.learn(begun.elapsed(), rows);
        Ok(ComputedRows {
            width,
            numbers,
            done,
        })
    }

    /// Notes what rows took. What comes last counts for a quarter, so that one slow batch does not change much.
    fn learn(&self, took: Duration, rows: usize) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / rows.max(1) as u64;
        let before = self.row_nanos.load(Ordering::Relaxed);
        let now = if before == u64::MAX {
            took
        } else {
            before - before / 4 + took / 4
        };
        self.row_nanos.store(now, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> State<M> {
    /// Takes out those for whom nobody waits any more.
    fn forget_gone(&mut self) {
        self.waiting.retain(|waiting| !waiting.is_gone());
        self.rows = self.waiting.iter().map(|waiting| waiting.rows.len()).sum();
    }

    fn pop(&mut self) -> Option<Waiting<M>> {
        let waiting = self.waiting.pop_front()?;
        self.rows -= waiting.rows.len();
        Some(waiting)
    }
}

impl<M> Waiting<M> {
    /// Whether nobody waits for its answer any more.
    fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    fn answer(self, begun: Instant, predictions: Result<Vec<f64>, NotComputed>) {
        let computed = predictions.map(|predictions| Computed {
            predictions,
            queued: Some(begun.saturating_duration_since(self.since)),
        });
        // Its caller may have gone away meanwhile.
        self.answer.send(computed).ok();
    }
}

impl<M> Batch<M> {
    /// Whether another request fits in, beside so many rows. Models that were loaded apart are not mixed.
    fn takes(&self, rows: usize, waiting: &Waiting<M>) -> bool {
        self.requests.first().is_none_or(|first| {
            rows + waiting.rows.len() <= self.max_batch && Arc::ptr_eq(&first.model, &waiting.model)
        })
    }
}
