use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::ids::AsyncPredictionId;
use tokio::sync::watch;

/// Requests of this process that wait for a prediction's end, at most; those that come then are answered at once.
const MOST_WAITERS: usize = 10_000;

/// Who in this process waits for which prediction, and how many predictions wait.
#[derive(Debug, Default)]
pub struct PredictionHub {
    /// Nothing is ever sent: a sender that is dropped wakes its receivers.
    waiters: Mutex<HashMap<AsyncPredictionId, watch::Sender<()>>>,
    waiting: AtomicU32,
}

impl PredictionHub {
    /// A place to wait at; `None` when there is no more. Whoever gets one looks again before he waits, for the end may have
    /// come before.
    pub(super) fn wait(&self, id: AsyncPredictionId) -> Option<Waiting<'_>> {
        let mut waiters = self.lock();
        if waiters.len() >= MOST_WAITERS && !waiters.contains_key(&id) {
            return None;
        }
        let sender = waiters.entry(id).or_insert_with(|| watch::Sender::new(()));
        Some(Waiting {
            hub: self,
            id,
            end: Some(sender.subscribe()),
        })
    }

    /// Wakes those who wait for this one.
    pub fn ended(&self, id: AsyncPredictionId) {
        self.lock().remove(&id);
    }

    /// Wakes everybody: an end may have gone unheard.
    pub fn unsure(&self) {
        self.lock().clear();
    }

    /// How many predictions wait to be answered, over all deployments, as it was a moment ago.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub fn set_waiting(&self, waiting: u32) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AsyncPredictionId, watch::Sender<()>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that waits.
pub(super) struct Waiting<'a> {
    hub: &'a PredictionHub,
    id: AsyncPredictionId,
    end: Option<watch::Receiver<()>>,
}

impl Waiting<'_> {
    /// Until the prediction has ended, or may have.
    pub(super) async fn woken(&mut self) {
        if let Some(end) = &mut self.end {
            end.changed().await.ok();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiters = self.hub.lock();
        // Counted with the lock held, so that of two who leave the last one takes the entry with him.
        self.end = None;
        if waiters
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            waiters.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn an_end_wakes_those_who_wait_for_it_and_no_others() {
        let hub = PredictionHub::default();
        let [one, other] = [0; 2].map(|_| AsyncPredictionId::at(Timestamp::UNIX_EPOCH));
        let (mut first, mut second) = (hub.wait(one).unwrap(), hub.wait(one).unwrap());
        let mut third = hub.wait(other).unwrap();
        assert!(first.woken().now_or_never().is_none());
        hub.ended(one);
        first.woken().await;
        second.woken().await;
        assert!(third.woken().now_or_never().is_none());
        hub.unsure();
        third.woken().await;
    }

    #[test]
    fn whoever_leaves_leaves_nothing_behind() {
        let hub = PredictionHub::default();
        let id = AsyncPredictionId::at(Timestamp::UNIX_EPOCH);
        let (first, second) = (hub.wait(id), hub.wait(id));
        drop(first);
        assert_eq!(hub.lock().len(), 1);
        drop(second);
        assert!(hub.lock().is_empty());
    }
}
