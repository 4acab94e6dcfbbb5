//! How many large predictions one served name works on at once. Others wait a moment; what is too much is refused then, so
//! that those that are let in stay quick and no thread or memory is taken by what nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest time that a large prediction waits for its turn.
pub const PATIENCE: Duration = Duration::from_millis(50);
const MOST_WAITING: usize = 64;

#[derive(Debug)]
pub struct Gate {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Too many are under way, and too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A place among those that wait, until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Full> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            Ok(place)
        } else {
            Err(Full)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Gate {
    /// A turn for each core.
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, usize::from))
    }
}

impl Gate {
    pub fn new(turns: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// A turn, held until it is dropped.
    ///
    /// # Errors
    /// `Full`, after [`PATIENCE`] at most.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let place = Place::take(&self.waiting)?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        drop(place);
        turn.map_err(|_| Full)?.map_err(|_| Full)
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn some_work_some_wait_and_the_rest_is_refused() {
        let gate = Arc::new(Gate::new(2));
        let working = [gate.enter().await, gate.enter().await];
        assert!(working.iter().all(Result::is_ok));
        let mut others = JoinSet::new();
        for _ in 0..MOST_WAITING + 10 {
            let gate = Arc::clone(&gate);
            others.spawn(async move { gate.enter().await.is_err() });
        }
        assert!(
            others
                .join_all()
                .await
                .into_iter()
                .all(|is_refused| is_refused)
        );
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
        drop(working);
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn() {
        let gate = Gate::new(1);
        let first = gate.enter().await.unwrap();
        let (second, ()) = tokio::join!(gate.enter(), async { drop(first) });
        assert!(second.is_ok());
    }
}
