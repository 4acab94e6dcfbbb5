use std::sync::Arc;

use super::{Batcher, PredictEach};

/// The right to compute one batch after the other.
pub(super) struct Lane<M: PredictEach> {
    batcher: Arc<Batcher<M>>,
    is_over: bool,
}

impl<M: PredictEach> Lane<M> {
    pub(super) fn new(batcher: &Arc<Batcher<M>>) -> Self {
        Self {
            batcher: Arc::clone(batcher),
            is_over: false,
        }
    }

    /// Until nobody waits.
    pub(super) fn work(mut self) {
        while let Some(batch) = self.batcher.take() {
            self.batcher.compute(batch);
        }
        self.is_over = true;
    }

    /// Leaves those that wait to another lane.
    pub(super) fn leave(mut self) {
        self.is_over = true;
        let next = {
            let mut state = self.batcher.lock();
            state.running -= 1;
            self.batcher.next(&mut state)
        };
        self.batcher.start(next);
    }
}

impl<M: PredictEach> Drop for Lane<M> {
    /// A lane that did not come to its end: the process ends, so nobody would come for those that wait.
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.batcher.lock();
            state.running -= 1;
            state.rows = 0;
            let lost = std::mem::take(&mut state.waiting);
            drop(state);
            drop(lost);
        }
    }
}
