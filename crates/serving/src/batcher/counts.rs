use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use domain::Name;
use domain::metrics::LatencyHistogram;

use super::{Batcher, Settings};

/// What a batcher did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// How many batches had so many rows.
    pub sizes: BTreeMap<usize, u64>,
    /// How long requests waited until their batch began.
    pub waits: LatencyHistogram,
}

impl BatchCounts {
    pub(super) fn add_batch(&mut self, rows: usize, max_batch: usize) {
        let (whole, rest) = (rows / max_batch.max(1), rows % max_batch.max(1));
        if whole > 0 {
            *self.sizes.entry(max_batch).or_default() += whole as u64;
        }
        if rest > 0 {
            *self.sizes.entry(rest).or_default() += 1;
        }
    }
}

/// Whose requests are computed together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batched {
    pub project: Name,
    /// `None` for requests that named a model and a version.
    pub deployment: Option<Name>,
    pub model: Name,
    pub version: i32,
}

/// All batchers. They stand beside the snapshots, since a reload changes nothing for those that wait.
#[derive(Debug, Default)]
pub struct Batchers(Mutex<HashMap<Batched, Arc<Batcher>>>);

impl Batchers {
    /// The batcher of a version behind a name, with the settings that it is to have now.
    pub(crate) fn of(&self, batched: Batched, settings: Settings) -> Arc<Batcher> {
        let mut batchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let batcher = batchers.entry(batched).or_insert_with(|| {
            let lanes = available_parallelism().map_or(1, usize::from);
            Arc::new(Batcher::new(lanes, settings))
        });
        batcher.set(settings);
        Arc::clone(batcher)
    }

    /// Shows what every batcher did since it was last shown, and for the last time those that nobody uses any more.
    pub fn each(&self, mut each: impl FnMut(&Batched, &BatchCounts)) {
        let mut batchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batchers.retain(|batched, batcher| {
            let is_used = Arc::strong_count(batcher) > 1;
            let counts = batcher.take_counts();
            if !counts.sizes.is_empty() {
                each(batched, &counts);
            }
            is_used
        });
    }
}
