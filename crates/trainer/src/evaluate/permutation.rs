//! How much a model relies on each input: how much worse it does on held-out rows when the input's values are dealt out anew among
//! them, so that they say nothing of the row that they stand in.

use std::time::Instant;

use domain::models::{Permutation, PermutationImportance};
use model::{Predictor, Value};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::classification::loss;
use crate::fit::threads;
use crate::profile::Moments;
use crate::target::Target;

/// More rows would cost more than they tell.
const MOST_ROWS: usize = 2_000;
/// Of all rows together, which bounds what they take in memory.
const MOST_VALUES: usize = 4 << 20;
/// How often each input is dealt out anew.
pub(crate) const REPEATS: u32 = 5;

/// What it may take, and by which numbers it deals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dealing {
    pub(crate) seed: u64,
    pub(crate) until: Instant,
}

/// Whole rounds over all inputs count, but of the first what there was time for. `None` when there was time for none, or the model
/// says nothing of some row.
pub(crate) fn permutation(
    predictor: &Predictor,
    test: &[u32],
    mut values: impl FnMut(u32, &mut [Value]),
    target: &Target,
    dealing: Dealing,
) -> Option<Permutation> {
    let width = predictor.len();
    let mut key = [0; 32];
    key[..8].copy_from_slice(&dealing.seed.to_le_bytes());
    let mut random = ChaCha20Rng::from_seed(key);
    let mut test = test.to_vec();
    let most = MOST_ROWS.min(MOST_VALUES / width.max(1)).max(1);
    if test.len() > most {
        shuffle(&mut random, &mut test);
        test.truncate(most);
    }
    let mut judge = Judge {
        predictor,
        actual: test
            .iter()
            .map(|&row| target.values[row as usize])
            .collect(),
        is_classification: target.classes.is_some(),
        rows: vec![Value::Missing; test.len() * width],
    };
    for (&row, values_of) in test.iter().zip(judge.rows.chunks_mut(width.max(1))) {
        values(row, values_of);
    }
    let untouched = judge.error()?;

    let mut rises = vec![Moments::default(); width];
    let mut repeats = 0;
    for repeat in 0..REPEATS {
        let mut round = Vec::with_capacity(width);
        for input in 0..width {
            if Instant::now() >= dealing.until {
                break;
            }
            round.push(judge.error_without(input, &mut random)? - untouched);
        }
        if round.is_empty() || (repeat > 0 && round.len() < width) {
            break;
        }
        for (rises, rise) in rises.iter_mut().zip(round) {
            rises.add(rise);
        }
        repeats = repeat + 1;
    }
    let inputs = predictor.signature().inputs.iter().zip(rises);
    let mut importances: Vec<PermutationImportance> = inputs
        .filter(|(_, rises)| rises.count() > 0)
        .map(|(input, rises)| PermutationImportance {
            feature: input.name.clone(),
            mean: rises.mean(),
            std: rises.population_std(),
        })
        .collect();
    importances.sort_by(|a, b| {
        b.mean
            .total_cmp(&a.mean)
            .then_with(|| a.feature.cmp(&b.feature))
    });
    (repeats > 0).then_some(Permutation {
        metric: target.task().metric(),
        rows: test.len() as u32,
        repeats,
        importances,
    })
}

/// As [`crate::split`] does it.
fn shuffle<T>(random: &mut ChaCha20Rng, items: &mut [T]) {
    for place in (1..items.len()).rev() {
        let other = (u128::from(random.next_u64()) * (place as u128 + 1)) >> 64;
        items.swap(place, other as usize);
    }
}

struct Judge<'a> {
    predictor: &'a Predictor,
    /// Of each row; of a classification the place of its class.
    actual: Vec<f64>,
    is_classification: bool,
    /// Row by row.
    rows: Vec<Value>,
}

impl Judge<'_> {
    /// Of the rows as they are. `None` when the model says nothing of one of them.
    fn error(&self) -> Option<f64> {
        let width = self.predictor.width();
        let rows: Vec<&[Value]> = self.rows.chunks(self.predictor.len().max(1)).collect();
        let mut out = vec![0.0; rows.len() * width];
        if !self.predict(&rows, &mut out) {
            return None;
        }
        let predicted = out.chunks(width).zip(&self.actual);
        let errors: Moments = predicted
            .map(|(predicted, &actual)| {
                if self.is_classification {
                    loss(predicted[actual as usize])
                } else {
                    (predicted[0] - actual).powi(2)
                }
            })
            .collect();
        let mean = errors.mean();
        let error = if self.is_classification {
            mean
        } else {
            mean.sqrt()
        };
        error.is_finite().then_some(error)
    }

    /// Whether the model says something of each. Trees take long enough for threads to be worth it.
    fn predict(&self, rows: &[&[Value]], out: &mut [f64]) -> bool {
        let predictor = self.predictor;
        let all = |rows: &[&[Value]], out: &mut [f64]| {
            let done = predictor.predict_batch(rows, out);
            done.iter().all(Result::is_ok)
        };
        if !predictor.gains_from_batches() {
            return all(rows, out);
        }
        let share = rows.len().div_ceil(threads()).max(1);
        let parts = rows
            .chunks(share)
            .zip(out.chunks_mut(share * predictor.width()));
        std::thread::scope(|scope| {
            let started: Vec<_> = parts
                .map(|(rows, out)| {
                    let thread = std::thread::Builder::new();
                    thread.spawn_scoped(scope, move || all(rows, out))
                })
                .collect();
            let mut ended = started.into_iter().map(|thread| {
                let thread = thread.ok()?;
                thread.join().ok()
            });
            ended.all(|is_done| is_done == Some(true))
        })
    }

    /// With the values of one input dealt out anew.
    fn error_without(&mut self, input: usize, random: &mut ChaCha20Rng) -> Option<f64> {
        let width = self.predictor.len();
        let cells = |rows: &[Value]| -> Vec<Value> {
            rows.iter().skip(input).step_by(width).copied().collect()
        };
        let own = cells(&self.rows);
        let mut dealt = own.clone();
        shuffle(random, &mut dealt);
        self.put(input, dealt);
        let error = self.error();
        self.put(input, own);
        error
    }

    fn put(&mut self, input: usize, cells: Vec<Value>) {
        let width = self.predictor.len();
        let places = self.rows.iter_mut().skip(input).step_by(width);
        for (place, cell) in places.zip(cells) {
            *place = cell;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::datasets::ColumnType;
    use domain::models::{InputField, Metric};
    use model::{Artifact, Transform};

    use super::*;

    /// `3 x + 0 z`, which is right.
    fn measured(rows: u32, until: Instant) -> Option<Permutation> {
        let input = |name: &str, coefficient| {
            let field = InputField {
                name: name.to_owned(),
                kind: ColumnType::Float,
                nullable: false,
                categories: None,
                min: None,
                max: None,
                format: None,
                impute: None,
                unseen: None,
                transform: None,
                example: None,
            };
            let transform = Transform::Numeric {
                impute: 0.0,
                mean: 0.0,
                std: 1.0,
                coefficient,
            };
            (field, transform)
        };
        let inputs = vec![input("z", 0.0), input("x", 3.0)];
        let predictor = Predictor::new(&Artifact::linear("y", 0.0, inputs));
        let target = Target {
            values: (0..rows).map(|row| 3.0 * f64::from(row)).collect(),
            classes: None,
        };
        let test: Vec<u32> = (0..rows).collect();
        let values = |row: u32, out: &mut [Value]| {
            out.copy_from_slice(&[Value::Number(1.0), Value::Number(f64::from(row))]);
        };
        permutation(
            &predictor,
            &test,
            values,
            &target,
            Dealing { seed: 7, until },
        )
    }

    #[test]
    fn what_says_nothing_has_no_importance_and_what_says_all_has_all() {
        let soon = Instant::now() + Duration::from_mins(5);
        let found = measured(3_000, soon).unwrap();
        assert_eq!(
            (found.metric, found.rows, found.repeats),
            (Metric::Rmse, 2_000, REPEATS)
        );
        let [x, z] = found.importances.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((x.feature.as_str(), z.feature.as_str()), ("x", "z"));
        // Of two numbers from 0 to n, drawn at random, the squared distance is n^2 / 6 on average.
        let expected = 3.0 * 3_000.0 / 6.0_f64.sqrt();
        assert!((x.mean / expected - 1.0).abs() < 0.1, "{found:?}");
        assert!(x.std > 0.0 && x.std < 0.1 * x.mean, "{found:?}");
        assert!(z.mean.abs() < 1e-9 && z.std.abs() < 1e-9, "{found:?}");
        assert_eq!(measured(3_000, soon), Some(found));
    }

    #[test]
    fn without_time_nothing_is_measured() {
        assert_eq!(measured(100, Instant::now()), None);
    }
}
