use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};

use domain::ids::{DeploymentId, ModelVersionId, RolloutId};
use domain::metrics::{HISTOGRAM_BARS, LatencyHistogram};
use domain::predictions::Route;
use domain::{Name, Timestamp};

const SHARDS: usize = 4;

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    pub project: Name,
    /// `None` for requests that named a model and a version.
    pub deployment: Option<(DeploymentId, Name)>,
    pub model: Name,
    pub version: i32,
    pub version_id: ModelVersionId,
    pub route: Route,
    /// The rollout whose judge looks at these.
    pub rollout: Option<RolloutId>,
}

/// How a request ended for the version that it was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// The model failed, and so did the request.
    Failed,
    /// The model failed, and the stable version answered.
    FellBack,
}

/// The counters of one subject.
#[derive(Debug)]
pub struct Counters {
    subject: Subject,
    shards: [Shard; SHARDS],
    sampled_minute: AtomicI64,
}

/// On cache lines of its own, so that threads do not slow each other.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    bars: [AtomicU32; HISTOGRAM_BARS],
    failed: AtomicU32,
    fell_back: AtomicU32,
    refused: AtomicU32,
    seen: AtomicU32,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            bars: std::array::from_fn(|_| AtomicU32::new(0)),
            failed: AtomicU32::new(0),
            fell_back: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            seen: AtomicU32::new(0),
        }
    }
}

impl Counters {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            shards: std::array::from_fn(|_| Shard::default()),
            sampled_minute: AtomicI64::new(i64::MIN),
        }
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Counts a request that the model was given.
    pub fn record(&self, outcome: Outcome, micros: u64) {
        let shard = &self.shards[shard_index()];
        shard.bars[LatencyHistogram::bar(micros)].fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Answered => {}
            Outcome::Failed => {
                shard.failed.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::FellBack => {
                shard.fell_back.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts a request whose inputs the signature refused.
    pub fn record_refused(&self) {
        self.shards[shard_index()]
            .refused
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this request is to be logged: one in `every`, and the first of each minute.
    pub(super) fn is_sampled(&self, every: u32, now: Timestamp) -> bool {
        let minute = now.unix_seconds().div_euclid(60);
        if self.sampled_minute.load(Ordering::Relaxed) < minute {
            return self.sampled_minute.swap(minute, Ordering::Relaxed) < minute;
        }
        self.shards[shard_index()]
            .seen
            .fetch_add(1, Ordering::Relaxed)
            % every
            == every - 1
    }

    pub(super) fn take(&self) -> Counts {
        let mut counts = Counts::default();
        let mut bars = [0_u32; HISTOGRAM_BARS];
        for shard in &self.shards {
            for (sum, bar) in bars.iter_mut().zip(&shard.bars) {
                // A load is cheaper than a swap, and most bars are empty.
                if bar.load(Ordering::Relaxed) > 0 {
                    *sum = sum.saturating_add(bar.swap(0, Ordering::Relaxed));
                }
            }
            counts.failed += u64::from(shard.failed.swap(0, Ordering::Relaxed));
            counts.fell_back += u64::from(shard.fell_back.swap(0, Ordering::Relaxed));
            counts.refused += u64::from(shard.refused.swap(0, Ordering::Relaxed));
        }
        let used = bars
            .iter()
            .rposition(|bar| *bar > 0)
            .map_or(0, |last| last + 1);
        counts.latency = LatencyHistogram {
            bars: bars[..used].to_vec(),
        };
        counts.requests = counts.latency.count();
        counts
    }
}

/// What a subject did since it was last collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that the model was given, failed ones included.
    pub requests: u64,
    pub failed: u64,
    pub fell_back: u64,
    /// Those whose inputs the signature refused; not among `requests`.
    pub refused: u64,
    pub latency: LatencyHistogram,
}

impl Counts {
    pub(super) fn is_empty(&self) -> bool {
        self.requests == 0 && self.refused == 0
    }
}

/// The shard of the calling thread.
fn shard_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        mine.get()
    })
}
