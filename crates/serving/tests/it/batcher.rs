//! Requests that are computed together, by a model that computes when the test lets it.

mod crowds;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{PredictError, Value};
use serving::batcher::{
    BatchCounts, Batcher, Computed, MOST_WAITING, NotComputed, PredictEach, Settings,
};
use serving::request::Rows;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};

/// Rows of these fail alone, one of them by a number that is none.
const BAD: f64 = -1.0;
const NAN: f64 = -2.0;
/// What is computed with one of these breaks off.
const PANIC: f64 = -3.0;

/// Long enough on a machine with much else to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Doubles the one number of each row.
#[derive(Debug)]
struct Doubler {
    /// Is told what is about to be computed.
    begun: UnboundedSender<Vec<f64>>,
    /// What is begun goes on when something comes, and at once when nothing can come any more.
    go: Mutex<Receiver<()>>,
}

impl PredictEach for Doubler {
    fn width(&self) -> usize {
        1
    }

    fn predict_each(&self, rows: &[&[Value]], out: &mut [f64]) -> Vec<Result<(), PredictError>> {
        let number = |row: &&[Value]| match row {
            [Value::Number(number)] => *number,
            other => panic!("{other:?}"),
        };
        let numbers: Vec<f64> = rows.iter().map(number).collect();
        self.begun.send(numbers.clone()).ok();
        self.go.lock().unwrap().recv().ok();
        assert!(!numbers.contains(&PANIC), "as the test wants it");
        let double = |number: f64| match number {
            BAD => Err(PredictError::NotFinite),
            NAN => Ok(f64::NAN),
            number => Ok(2.0 * number),
        };
        let doubled = numbers.into_iter().map(double).zip(out);
        doubled
            .map(|(doubled, out)| doubled.map(|number| *out = number))
            .collect()
    }
}

struct Bench {
    batcher: Arc<Batcher<Doubler>>,
    model: Arc<Doubler>,
    begun: UnboundedReceiver<Vec<f64>>,
    go: Sender<()>,
}

type Asked = JoinHandle<Result<Computed, NotComputed>>;

fn settings(max_batch: usize, max_delay: Duration) -> Settings {
    Settings {
        max_batch,
        max_delay,
    }
}

fn rows(numbers: &[f64]) -> Rows {
    let mut rows = Rows::of_width(1);
    for number in numbers {
        rows.push(&[Value::Number(*number)]);
    }
    rows
}

impl Bench {
    fn new(lanes: usize, max_batch: usize, max_delay: Duration) -> Self {
        let (told, begun) = unbounded_channel();
        let (go, held) = channel();
        Self {
            batcher: Arc::new(Batcher::new(lanes, settings(max_batch, max_delay))),
            model: Arc::new(Doubler {
                begun: told,
                go: Mutex::new(held),
            }),
            begun,
            go,
        }
    }

    fn ask_until(&self, numbers: &[f64], deadline: Instant) -> Asked {
        let (batcher, model) = (Arc::clone(&self.batcher), Arc::clone(&self.model));
        let rows = rows(numbers);
        tokio::spawn(async move { batcher.predict(&model, rows, deadline).await })
    }

    fn ask(&self, numbers: &[f64]) -> Asked {
        self.ask_until(numbers, Instant::now() + PATIENCE)
    }

    /// Asks while something is computed, so that it waits, behind all that waits already.
    async fn ask_behind(&self, numbers: &[f64]) -> Asked {
        let waiting = self.batcher.waiting() + numbers.len();
        let asked = self.ask(numbers);
        self.wait_for(waiting).await;
        asked
    }

    async fn wait_for(&self, waiting: usize) {
        let reached = async {
            while self.batcher.waiting() != waiting {
                yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap();
    }

    /// The next batch that is about to be computed.
    async fn begun(&mut self) -> Vec<f64> {
        let begun = timeout(PATIENCE, self.begun.recv());
        begun.await.unwrap().unwrap()
    }

    /// Lets one batch be computed.
    fn go(&self) {
        self.go.send(()).unwrap();
    }
}

async fn answer(asked: Asked) -> Result<Vec<f64>, NotComputed> {
    let computed = asked.await.unwrap();
    computed.map(|computed| computed.predictions)
}

fn sizes(counts: &BatchCounts) -> Vec<(usize, u64)> {
    let sizes = counts.sizes.iter();
    sizes.map(|(rows, batches)| (*rows, *batches)).collect()
}

fn broke_off() -> NotComputed {
    NotComputed::Failed("the model broke off".to_owned())
}

fn not_finite() -> NotComputed {
    NotComputed::Failed(PredictError::NotFinite.to_string())
}

#[tokio::test]
async fn what_waits_is_computed_together_in_its_order() {
    let mut bench = Bench::new(1, 3, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    assert_eq!(bench.begun().await, [1.0]);
    let mut others = Vec::new();
    for number in 2..=6 {
        others.push(bench.ask_behind(&[f64::from(number)]).await);
    }
    bench.go();
    assert_eq!(bench.begun().await, [2.0, 3.0, 4.0]);
    bench.go();
    assert_eq!(bench.begun().await, [5.0, 6.0]);
    bench.go();
    assert_eq!(answer(first).await, Ok(vec![2.0]));
    for (number, asked) in (2..).zip(others) {
        let computed = asked.await.unwrap().unwrap();
        assert_eq!(computed.predictions, [2.0 * f64::from(number)]);
        assert!(computed.queued.is_some());
    }
    let counts = bench.batcher.take_counts();
    assert_eq!(sizes(&counts), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(counts.waits.count(), 6);
    assert_eq!(bench.batcher.take_counts(), BatchCounts::default());
}

#[tokio::test]
async fn a_request_is_not_divided_unless_it_is_larger_than_a_batch() {
    let mut bench = Bench::new(1, 3, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    let two = bench.ask_behind(&[2.0, 3.0]).await;
    let two_more = bench.ask_behind(&[4.0, 5.0]).await;
    let many = bench
        .ask_behind(&[6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0])
        .await;
    let last = bench.ask_behind(&[13.0]).await;
    for batch in [
        vec![2.0, 3.0],
        vec![4.0, 5.0],
        vec![6.0, 7.0, 8.0],
        vec![9.0, 10.0, 11.0],
        vec![12.0],
        vec![13.0],
    ] {
        bench.go();
        assert_eq!(bench.begun().await, batch);
    }
    bench.go();
    assert_eq!(answer(first).await, Ok(vec![2.0]));
    assert_eq!(answer(two).await, Ok(vec![4.0, 6.0]));
    assert_eq!(answer(two_more).await, Ok(vec![8.0, 10.0]));
    let doubled = vec![12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0];
    assert_eq!(answer(many).await, Ok(doubled));
    assert_eq!(answer(last).await, Ok(vec![26.0]));
    let counts = bench.batcher.take_counts();
    assert_eq!(sizes(&counts), [(1, 3), (2, 2), (3, 2)]);
}

#[tokio::test]
async fn a_bad_row_fails_the_request_that_it_is_in() {
    let mut bench = Bench::new(1, 32, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    let good = bench.ask_behind(&[2.0]).await;
    let bad = bench.ask_behind(&[BAD, 3.0]).await;
    let none = bench.ask_behind(&[4.0, NAN]).await;
    let last = bench.ask_behind(&[5.0, 6.0]).await;
    bench.go();
    assert_eq!(bench.begun().await.len(), 7);
    bench.go();
    assert_eq!(answer(first).await, Ok(vec![2.0]));
    assert_eq!(answer(good).await, Ok(vec![4.0]));
    assert_eq!(answer(bad).await, Err(not_finite()));
    let not_a_number = "the prediction is not a finite number".to_owned();
    assert_eq!(answer(none).await, Err(NotComputed::Failed(not_a_number)));
    assert_eq!(answer(last).await, Ok(vec![10.0, 12.0]));
}

#[tokio::test]
async fn what_breaks_a_batch_fails_alone() {
    let mut bench = Bench::new(1, 32, Duration::ZERO);
    let first = bench.ask(&[PANIC]);
    bench.begun().await;
    let good = bench.ask_behind(&[2.0]).await;
    let breaking = bench.ask_behind(&[3.0, PANIC]).await;
    let last = bench.ask_behind(&[BAD]).await;
    bench.go();
    assert_eq!(bench.begun().await, [2.0, 3.0, PANIC, BAD]);
    for alone in [vec![2.0], vec![3.0, PANIC], vec![BAD]] {
        bench.go();
        assert_eq!(bench.begun().await, alone);
    }
    bench.go();
    assert_eq!(answer(first).await, Err(broke_off()));
    assert_eq!(answer(good).await, Ok(vec![4.0]));
    assert_eq!(answer(breaking).await, Err(broke_off()));
    assert_eq!(answer(last).await, Err(not_finite()));
    // The lane goes on.
    bench.go();
    assert_eq!(answer(bench.ask(&[4.0])).await, Ok(vec![8.0]));
}

#[tokio::test]
async fn who_goes_away_is_not_computed_and_disturbs_nobody() {
    let mut bench = Bench::new(1, 2, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    let mut others = Vec::new();
    for number in 2..=5 {
        others.push(bench.ask_behind(&[f64::from(number)]).await);
    }
    let late = bench.ask_until(&[6.0], Instant::now());
    assert_eq!(answer(late).await, Err(NotComputed::Late));
    let last = bench.ask_behind(&[7.0]).await;
    // The one that is being computed, the first that waits, and one in the middle.
    let (second, fourth) = (others.remove(0), others.remove(1));
    for gone in [first, second, fourth] {
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
    }
    bench.go();
    assert_eq!(bench.begun().await, [3.0, 5.0]);
    bench.go();
    assert_eq!(bench.begun().await, [7.0]);
    bench.go();
    for (number, asked) in [3.0, 5.0].into_iter().zip(others) {
        assert_eq!(answer(asked).await, Ok(vec![2.0 * number]));
    }
    assert_eq!(answer(last).await, Ok(vec![14.0]));
    assert_eq!(bench.batcher.waiting(), 0);
}

#[tokio::test]
async fn a_queue_that_all_have_left_ends_by_itself() {
    let mut bench = Bench::new(1, 2, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    let gone = bench.ask_behind(&[2.0]).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    bench.go();
    assert_eq!(answer(first).await, Ok(vec![2.0]));
    bench.wait_for(0).await;
    bench.go();
    assert_eq!(answer(bench.ask(&[3.0])).await, Ok(vec![6.0]));
}

#[tokio::test]
async fn no_more_rows_wait_than_may() {
    let mut bench = Bench::new(1, 1024, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    // Alone it may have as many rows as a request may.
    let most = bench.ask_behind(&vec![2.0; MOST_WAITING]).await;
    assert_eq!(answer(bench.ask(&[3.0])).await, Err(NotComputed::Full));
    most.abort();
    assert!(most.await.unwrap_err().is_cancelled());
    bench.go();
    assert_eq!(answer(first).await, Ok(vec![2.0]));
    bench.wait_for(0).await;
    bench.go();
    assert_eq!(answer(bench.ask(&[4.0])).await, Ok(vec![8.0]));
}

#[tokio::test]
async fn as_many_batches_are_computed_at_once_as_there_are_lanes() {
    let mut bench = Bench::new(2, 32, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    assert_eq!(bench.begun().await, [1.0]);
    let second = bench.ask(&[2.0]);
    assert_eq!(bench.begun().await, [2.0]);
    let third = bench.ask_behind(&[3.0]).await;
    for _ in 0..3 {
        bench.go();
    }
    assert_eq!(bench.begun().await, [3.0]);
    for (number, asked) in (1..).zip([first, second, third]) {
        assert_eq!(answer(asked).await, Ok(vec![2.0 * f64::from(number)]));
    }
}

#[tokio::test]
async fn a_batch_waits_for_more_rows_until_it_is_full() {
    const HOUR: Duration = Duration::from_hours(1);
    let mut bench = Bench::new(2, 3, HOUR);
    let (first, second) = (
        bench.ask_behind(&[1.0]).await,
        bench.ask_behind(&[2.0]).await,
    );
    let third = bench.ask(&[3.0]);
    assert_eq!(bench.begun().await, [1.0, 2.0, 3.0]);
    bench.go();
    for (number, asked) in (1..).zip([first, second, third]) {
        assert_eq!(answer(asked).await, Ok(vec![2.0 * f64::from(number)]));
    }
    // A batch that is full at once waits for nobody.
    bench.go();
    let full = bench.ask(&[4.0, 5.0, 6.0, 7.0]);
    bench.go();
    assert_eq!(answer(full).await, Ok(vec![8.0, 10.0, 12.0, 14.0]));
}

#[tokio::test]
async fn a_batch_waits_no_longer_than_it_may() {
    let mut bench = Bench::new(1, 32, Duration::from_millis(1));
    let asked = bench.ask(&[1.0]);
    assert_eq!(bench.begun().await, [1.0]);
    // What comes meanwhile waits for the lane, and then for its own time.
    let next = bench.ask_behind(&[2.0]).await;
    bench.go();
    bench.go();
    let computed = asked.await.unwrap().unwrap();
    assert!(computed.queued.unwrap() >= Duration::from_millis(1));
    assert_eq!(answer(next).await, Ok(vec![4.0]));
}

#[tokio::test]
async fn what_is_quick_is_computed_where_it_is_once_that_is_known() {
    let Bench {
        batcher,
        model,
        go,
        begun: _begun,
    } = Bench::new(2, 32, Duration::ZERO);
    drop(go);
    let ask = || batcher.predict(&model, rows(&[1.0]), Instant::now() + PATIENCE);
    let first = ask().await.unwrap();
    assert!(first.queued.is_some(), "nobody knows yet how long it takes");
    let mut here = None;
    for _ in 0..1000 {
        let computed = ask().await.unwrap();
        assert_eq!(computed.predictions, [2.0]);
        if computed.queued.is_none() {
            here = Some(computed);
            break;
        }
    }
    assert!(here.is_some());
}

#[tokio::test]
async fn models_that_were_loaded_apart_are_not_mixed() {
    let mut bench = Bench::new(1, 32, Duration::ZERO);
    let first = bench.ask(&[1.0]);
    bench.begun().await;
    let second = bench.ask_behind(&[2.0]).await;
    let other = Bench::new(1, 32, Duration::ZERO);
    drop(other.go);
    let batcher = Arc::clone(&bench.batcher);
    let third = tokio::spawn(async move {
        let deadline = Instant::now() + PATIENCE;
        batcher.predict(&other.model, rows(&[3.0]), deadline).await
    });
    bench.wait_for(2).await;
    bench.go();
    assert_eq!(bench.begun().await, [2.0]);
    bench.go();
    let mut others = other.begun;
    assert_eq!(others.recv().await, Some(vec![3.0]));
    for (number, asked) in (1..).zip([first, second, third]) {
        assert_eq!(answer(asked).await, Ok(vec![2.0 * f64::from(number)]));
    }
}
