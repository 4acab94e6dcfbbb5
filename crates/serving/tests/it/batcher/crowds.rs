use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serving::batcher::{BatchCounts, NotComputed};
use tokio::runtime::Builder;
use tokio::time::Instant;

use super::{Asked, BAD, Bench, PANIC, PATIENCE, broke_off, not_finite, rows};

/// What a request of these is answered, whatever it is computed with.
fn expected(numbers: &[f64]) -> Result<Vec<f64>, NotComputed> {
    if numbers.contains(&PANIC) {
        return Err(broke_off());
    }
    let double = |number: &f64| match *number {
        BAD => Err(not_finite()),
        number => Ok(2.0 * number),
    };
    numbers.iter().map(double).collect()
}

fn a_request() -> impl Strategy<Value = (Vec<f64>, bool)> {
    let number = prop_oneof![
        30 => (0_u16..1000).prop_map(f64::from),
        2 => Just(BAD),
        1 => Just(PANIC),
    ];
    (
        prop::collection::vec(number, 1..6),
        prop::bool::weighted(0.2),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However requests meet, and whichever go away: everybody who stays is told what his own rows are worth.
    #[test]
    fn everybody_gets_his_own_answer(
        requests in prop::collection::vec(a_request(), 1..60),
        lanes in 1_usize..4,
        max_batch in 1_usize..9,
        delay in prop_oneof![Just(0_u64), Just(50), Just(500)],
    ) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let Bench { batcher, model, begun: _begun, go } =
                Bench::new(lanes, max_batch, Duration::from_micros(delay));
            drop(go);
            let mut all = Vec::new();
            for (numbers, leaves) in requests {
                let (batcher, model, rows) = (Arc::clone(&batcher), Arc::clone(&model), rows(&numbers));
                let asked: Asked = tokio::spawn(async move {
                    batcher.predict(&model, rows, Instant::now() + PATIENCE).await
                });
                if leaves {
                    asked.abort();
                }
                all.push((numbers, asked));
            }
            for (numbers, asked) in all {
                match asked.await {
                    Ok(computed) => {
                        let predictions = computed.map(|computed| computed.predictions);
                        prop_assert_eq!(predictions, expected(&numbers));
                    }
                    Err(error) => prop_assert!(error.is_cancelled()),
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_is_answered_and_counted() {
    const CALLERS: u32 = 64;
    const REQUESTS: u32 = 50;
    let Bench {
        batcher,
        model,
        begun: _begun,
        go,
    } = Bench::new(2, 8, Duration::ZERO);
    drop(go);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (batcher, model) = (Arc::clone(&batcher), Arc::clone(&model));
            tokio::spawn(async move {
                for request in 0..REQUESTS {
                    let number = f64::from(caller * REQUESTS + request);
                    let deadline = Instant::now() + PATIENCE;
                    let computed = batcher.predict(&model, rows(&[number]), deadline).await;
                    assert_eq!(computed.unwrap().predictions, [2.0 * number]);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let BatchCounts { sizes, waits } = batcher.take_counts();
    let total = u64::from(CALLERS * REQUESTS);
    let rows = sizes.iter().map(|(rows, batches)| *rows as u64 * batches);
    assert_eq!(rows.sum::<u64>(), total);
    assert_eq!(waits.count(), total);
    assert!(sizes.keys().all(|rows| (1..=8).contains(rows)));
}
