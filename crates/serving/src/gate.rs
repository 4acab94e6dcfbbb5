//! How many predictions one served name works on at once. Others wait a moment; what is too much is refused then, so that
//! those that are let in stay quick and no thread or memory is taken by what nobody waits for any more.
//!
//! Every name has a gate for large predictions; a deployment with `max_in_flight` has another one for all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use domain::Name;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest time that a prediction waits for its turn.
pub const PATIENCE: Duration = Duration::from_millis(50);
const MOST_WAITING: usize = 64;

#[derive(Debug)]
pub struct Gate {
    free: Arc<Semaphore>,
    turns: AtomicUsize,
    /// Turns that end when they are given back, because the gate has become narrower since they were taken.
    owed: AtomicUsize,
    places: AtomicUsize,
    waiting: AtomicUsize,
    refused: AtomicU64,
}

/// Too many are under way, and too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Leave to work, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.gate.settle(1) == 1
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}

/// A place among those that wait, until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, places: usize) -> Result<Self, Full> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < places {
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
        Self::new(available_parallelism().map_or(1, usize::from), MOST_WAITING)
    }
}

impl Gate {
    /// So many at once, and places for so many that wait.
    pub fn new(turns: usize, places: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(turns)),
            turns: AtomicUsize::new(turns),
            owed: AtomicUsize::new(0),
            places: AtomicUsize::new(places),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// A turn, held until it is dropped.
    ///
    /// # Errors
    /// `Full`, after [`PATIENCE`] at most.
    pub async fn enter(self: &Arc<Self>) -> Result<Turn, Full> {
        let turn = match self.try_enter() {
            Ok(turn) => Ok(turn),
            Err(Full) => self.wait().await,
        };
        if turn.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        turn
    }

    /// A turn that is free now, for who comes again: it does not count as refused.
    ///
    /// # Errors
    /// `Full` when there is none.
    pub fn try_enter(self: &Arc<Self>) -> Result<Turn, Full> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        permit.map(|permit| self.turn(permit)).map_err(|_| Full)
    }

    async fn wait(self: &Arc<Self>) -> Result<Turn, Full> {
        let _place = Place::take(&self.waiting, self.places.load(Ordering::Relaxed))?;
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.free).acquire_owned()).await;
        let permit = permit.map_err(|_| Full)?.map_err(|_| Full)?;
        Ok(self.turn(permit))
    }

    fn turn(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Turn {
        Turn {
            gate: Arc::clone(self),
            permit: Some(permit),
        }
    }

    /// Makes it wider or narrower. Who is in stays in: a narrower gate lets nobody in until enough have left. For one
    /// caller at a time.
    fn resize(&self, turns: usize, places: usize) {
        self.places.store(places, Ordering::Relaxed);
        let before = self.turns.swap(turns, Ordering::Relaxed);
        let more = turns.saturating_sub(before);
        self.free.add_permits(more - self.settle(more));
        let fewer = before.saturating_sub(turns);
        self.owed.fetch_add(fewer, Ordering::Relaxed);
        let taken = self.free.forget_permits(fewer);
        // Turns that came back in between have settled part of it already.
        self.free.add_permits(taken - self.settle(taken));
    }

    /// Takes up to so many turns off what is owed, and says how many.
    fn settle(&self, most: usize) -> usize {
        let owed = &self.owed;
        let before = owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |owed| {
            (owed > 0 && most > 0).then(|| owed.saturating_sub(most))
        });
        before.map_or(0, |before| before.min(most))
    }

    /// How many turns are taken.
    pub fn in_flight(&self) -> usize {
        let all = self.turns.load(Ordering::Relaxed) + self.owed.load(Ordering::Relaxed);
        all.saturating_sub(self.free.available_permits())
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many were refused since this was asked last.
    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

/// The gates of deployments that limit what is in flight, by project and deployment. They stand beside the snapshots,
/// since what was let in goes on after a reload.
#[derive(Debug, Default)]
pub struct Gates(Mutex<HashMap<(Name, Name), Arc<Gate>>>);

impl Gates {
    /// The gate of a deployment, as wide as it is to be now.
    pub(crate) fn of(
        &self,
        project: &Name,
        deployment: &Name,
        turns: usize,
        places: usize,
    ) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry((project.clone(), deployment.clone()))
            .or_insert_with(|| Arc::new(Gate::new(turns, places)));
        gate.resize(turns, places);
        Arc::clone(gate)
    }

    /// Shows every gate with its project and deployment, and for the last time those that nobody goes through any more.
    pub fn each(&self, mut each: impl FnMut(&Name, &Name, &Gate)) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|(project, deployment), gate| {
            let is_used = Arc::strong_count(gate) > 1;
            each(project, deployment, gate);
            is_used
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn some_work_some_wait_and_the_rest_is_refused() {
        let gate = Arc::new(Gate::new(2, MOST_WAITING));
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
        assert_eq!((gate.waiting(), gate.in_flight()), (0, 2));
        assert_eq!(gate.take_refused(), MOST_WAITING as u64 + 10);
        drop(working);
        assert!(gate.enter().await.is_ok());
        assert_eq!((gate.take_refused(), gate.in_flight()), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn() {
        let gate = Arc::new(Gate::new(1, MOST_WAITING));
        let first = gate.enter().await.unwrap();
        let (second, ()) = tokio::join!(gate.enter(), async { drop(first) });
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn without_places_nobody_waits() {
        let gate = Arc::new(Gate::new(1, 0));
        let first = gate.enter().await.unwrap();
        let (second, ()) = tokio::join!(gate.enter(), async { drop(first) });
        assert_eq!(second.unwrap_err(), Full);
    }

    proptest! {
        /// Whatever is taken, given back and resized: as soon as no more than the present width are in, it is that width
        /// which holds.
        #[test]
        fn a_gate_is_as_wide_as_it_was_made_last(steps in proptest::collection::vec((0_u8..3, 1_usize..6), 1..60)) {
            let gate = Arc::new(Gate::new(3, 0));
            let mut width = 3;
            let mut turns = Vec::new();
            for (step, n) in steps {
                match step {
                    0 => {
                        let entered = gate.try_enter();
                        prop_assert_eq!(entered.is_ok(), turns.len() < width);
                        turns.extend(entered);
                    }
                    1 => turns.truncate(turns.len().saturating_sub(n)),
                    _ => {
                        width = n;
                        gate.resize(n, 0);
                    }
                }
                prop_assert_eq!(gate.in_flight(), turns.len());
            }
        }
    }

    #[test]
    fn a_gate_stays_over_reloads_and_is_forgotten_with_the_last_that_goes_through() {
        let (gates, name) = (Gates::default(), Name::new("price").unwrap());
        let gate = gates.of(&name, &name, 1, 0);
        let turn = gate.try_enter().unwrap();
        let wider = gates.of(&name, &name, 2, 0);
        assert!(Arc::ptr_eq(&gate, &wider) && gate.try_enter().is_ok());
        drop((gate, wider));
        let shown = || {
            let mut shown = Vec::new();
            gates.each(|_, _, gate| shown.push(gate.in_flight()));
            shown
        };
        assert_eq!(shown(), [1]);
        drop(turn);
        assert_eq!((shown(), shown()), (vec![0], Vec::new()));
    }
}
