//! Two models on the same held-out rows: the one that was just trained, and one that is live.

use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use domain::datasets::{ColumnType, DataFormat};
use domain::figures::count;
use domain::models::{Estimate, Metric, OutputField};
use domain::retraining::{Compared, Comparison};
use model::{Body, Predictor};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Plan, Scored};
use crate::error::shorten;
use crate::evaluate::loss;
use crate::read::{self, Batches};
use crate::train::Trained;

/// Draws of as many rows as there are, while they are as few as that; of more rows the normal distribution says the same.
const DRAWS: usize = 1_000;
const DRAWN_ROWS: usize = 20_000;
/// Of a normal distribution, within 95 %.
const INTERVAL: f64 = 1.96;
/// Classes that a reason names.
const SHOWN: usize = 5;

/// The model that a new one is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rival {
    /// Its file.
    pub artifact: PathBuf,
    /// What a profile found in the columns of the table that is trained on, in their order.
    pub types: Vec<ColumnType>,
}

/// Has both models predict the rows of the table that were held out of the training, each value read and checked as a request's would
/// be, and says how they do. Stops at `until`.
#[must_use]
pub fn compare(
    path: &Path,
    format: DataFormat,
    rival: &Rival,
    trained: &Trained,
    until: Instant,
) -> Comparison {
    let table = TableOf {
        path,
        format,
        types: &rival.types,
        until,
    };
    match compared(&table, &rival.artifact, trained) {
        Ok(compared) => Comparison::Compared(compared),
        Err(reason) => Comparison::NotComparable { reason },
    }
}

fn compared(table: &TableOf<'_>, live: &Path, trained: &Trained) -> Result<Compared, String> {
    let unusable = |why: String| format!("its file can not be used: {why}");
    let bytes = std::fs::read(live).map_err(|error| unusable(error.kind().to_string()))?;
    let live = model::decode(&bytes).map_err(|error| unusable(error.to_string()))?;
    drop(bytes);
    let new = model::decode(&trained.artifact).map_err(|error| error.to_string())?;
    let (output, live_output) = (&new.signature.output, &live.signature.output);
    let is_imported = matches!(live.body, Body::Onnx(_));
    let places = answers_alike(output, live_output, is_imported)?;
    let metric = output.task.metric();

    let mut held_out: Vec<(u64, f64)> = trained
        .test_rows
        .iter()
        .map(|&row| u64::from(row))
        .zip(trained.test_values.iter().copied())
        .collect();
    held_out.sort_by_key(|(row, _)| *row);
    let live_losses = table.losses(&Predictor::new(&live), &held_out, places.as_deref())?;
    let new_losses = table.losses(&Predictor::new(&new), &held_out, None)?;
    let pairs: Vec<(f64, f64)> = new_losses
        .into_iter()
        .zip(live_losses)
        .filter_map(|(new, live)| Some((new?, live?)))
        .collect();
    if pairs.is_empty() {
        return Err(format!(
            "none of the {} held-out rows has an answer of both",
            count(held_out.len() as u64)
        ));
    }
    let difference = difference(metric, &pairs);
    let (challenger, of_live) = (
        score(metric, pairs.iter().map(|(new, _)| *new)),
        score(metric, pairs.iter().map(|(_, live)| *live)),
    );
    // JSON has no word for what is endless.
    let figures = [challenger, of_live, difference.low, difference.high];
    if !figures.iter().all(|figure| figure.is_finite()) {
        return Err("a figure is too large to compute with".to_owned());
    }
    Ok(Compared {
        metric,
        challenger,
        live: of_live,
        difference,
        rows: pairs.len() as u64,
        refused: (held_out.len() - pairs.len()) as u64,
    })
}

/// Of a classification, where among the live model's classes each of the new one's stands.
fn answers_alike(
    new: &OutputField,
    live: &OutputField,
    is_imported: bool,
) -> Result<Option<Vec<usize>>, String> {
    if new.task != live.task {
        return Err(format!(
            "it is a {}, and the new version a {}",
            live.task.as_str(),
            new.task.as_str()
        ));
    }
    // What a file calls its output need not be the column.
    if !is_imported && new.name != live.name {
        return Err(format!(
            "it predicts {:?}, and the new version {:?}",
            live.name, new.name
        ));
    }
    let (Some(of_new), Some(of_live)) = (&new.classes, &live.classes) else {
        return Ok(None);
    };
    let places: Option<Vec<usize>> = of_new
        .iter()
        .map(|class| of_live.iter().position(|other| other == class))
        .collect();
    places
        .filter(|places| places.len() == of_live.len())
        .map(Some)
        .ok_or_else(|| {
            format!(
                "it tells {} apart, and the new version {}",
                named(of_live),
                named(of_new)
            )
        })
}

fn named(classes: &[String]) -> String {
    let mut names: Vec<String> = classes
        .iter()
        .take(SHOWN)
        .map(|class| format!("{:?}", shorten(class, 40)))
        .collect();
    if classes.len() > SHOWN {
        names.push(format!("{} more", classes.len() - SHOWN));
    }
    names.join(", ")
}

struct TableOf<'a> {
    path: &'a Path,
    format: DataFormat,
    types: &'a [ColumnType],
    until: Instant,
}

impl TableOf<'_> {
    /// What each of the held-out rows, which are in their order, adds to the metric; nothing where the model has no answer. A row is
    /// with its target; `places` has where a class of the target stands among those of the model, if it is not the same place.
    fn losses(
        &self,
        predictor: &Predictor,
        held_out: &[(u64, f64)],
        places: Option<&[usize]>,
    ) -> Result<Vec<Option<f64>>, String> {
        let header = read::header(self.path, self.format).map_err(|error| error.to_string())?;
        let plan =
            Plan::new(&header.names, predictor.signature(), &[]).map_err(|error| error.message)?;
        let types = plan.types(self.types).map_err(|error| error.message)?;
        let mut batches = Batches::open(self.path, self.format, &plan.columns, &types)
            .map_err(|error| error.to_string())?;
        let width = predictor.width();
        let is_classifier = predictor.classes().is_some();
        let mut losses = Vec::with_capacity(held_out.len());
        let mut before = 0_u64;
        while losses.len() < held_out.len() {
            if Instant::now() >= self.until {
                return Err(
                    "the run's time ended before both had been asked: raise budget.seconds"
                        .to_owned(),
                );
            }
            let Some(batch) = batches.next_batch().map_err(|error| error.to_string())? else {
                break;
            };
            let after = before + batch.num_rows() as u64;
            let waiting = &held_out[losses.len()..];
            let within = waiting.partition_point(|(row, _)| *row < after);
            let mut is_held_out = vec![false; batch.num_rows()];
            for (row, _) in &waiting[..within] {
                is_held_out[(row - before) as usize] = true;
            }
            let rows = filter_record_batch(&batch, &BooleanArray::from(is_held_out))
                .map_err(|error| error.to_string())?;
            let Scored {
                answers,
                predictions,
            } = plan
                .predict(predictor, &rows, before)
                .map_err(|error| error.message)?;
            let predictions = predictions.chunks_exact(width);
            let of_rows = answers.iter().zip(predictions).zip(&waiting[..within]);
            losses.extend(of_rows.map(|((answer, predicted), (_, actual))| {
                let found = if is_classifier {
                    let class = *actual as usize;
                    let place = places.map_or(Some(class), |places| places.get(class).copied())?;
                    loss(*predicted.get(place)?)
                } else {
                    (actual - predicted.first()?).powi(2)
                };
                (answer.is_ok() && found.is_finite()).then_some(found)
            }));
            before = after;
        }
        if losses.len() < held_out.len() {
            return Err("the table has fewer rows than were trained on".to_owned());
        }
        Ok(losses)
    }
}

/// Of what the rows add.
fn score(metric: Metric, losses: impl ExactSizeIterator<Item = f64>) -> f64 {
    let rows = losses.len() as f64;
    of_mean(metric, losses.sum::<f64>() / rows)
}

fn of_mean(metric: Metric, mean: f64) -> f64 {
    match metric {
        Metric::Rmse => mean.sqrt(),
        Metric::LogLoss => mean,
    }
}

/// The first model's score minus the second's, with the interval that it lies in for other rows like these with a probability of
/// 95 %. Rows are drawn in pairs, so what is hard for both counts for neither. The same rows always give the same interval.
fn difference(metric: Metric, pairs: &[(f64, f64)]) -> Estimate {
    let rows = pairs.len() as f64;
    let of = |(new, live): (f64, f64)| of_mean(metric, new / rows) - of_mean(metric, live / rows);
    let sums = |sum: (f64, f64), pair: (f64, f64)| (sum.0 + pair.0, sum.1 + pair.1);
    let whole = pairs.iter().copied().fold((0.0, 0.0), sums);
    let value = of(whole);
    if pairs.len() > DRAWN_ROWS {
        let slope = |sum: f64| match metric {
            Metric::LogLoss => 1.0,
            Metric::Rmse if sum > 0.0 => 0.5 / (sum / rows).sqrt(),
            Metric::Rmse => 0.0,
        };
        let (of_new, of_live) = (slope(whole.0), slope(whole.1));
        let squares: f64 = pairs
            .iter()
            .map(|(new, live)| {
                let share = of_new * (new - whole.0 / rows) - of_live * (live - whole.1 / rows);
                share.powi(2)
            })
            .sum();
        let reach = INTERVAL * (squares / rows).sqrt() / rows.sqrt();
        return Estimate {
            value,
            low: value - reach,
            high: value + reach,
        };
    }
    let mut random = ChaCha20Rng::from_seed([0; 32]);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let draw = (0..pairs.len()).map(|_| {
                let place = (u128::from(random.next_u64()) * pairs.len() as u128) >> 64;
                pairs[place as usize]
            });
            of(draw.fold((0.0, 0.0), sums))
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    Estimate {
        value,
        low: drawn[DRAWS / 40],
        high: drawn[DRAWS - 1 - DRAWS / 40],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_say_more_than_each_model_alone() {
        // Each row is as hard for both, and the first is always a little better.
        let pairs: Vec<(f64, f64)> = (0..400)
            .map(|row| {
                let hard = f64::from(row * 7919 % 400);
                (hard, hard + 1.0)
            })
            .collect();
        let found = difference(Metric::LogLoss, &pairs);
        assert!((found.value + 1.0).abs() < 1e-9);
        assert!((found.low + 1.0).abs() < 1e-9 && (found.high + 1.0).abs() < 1e-9);
        let rmse = difference(Metric::Rmse, &pairs);
        assert!(rmse.low < rmse.value && rmse.value < rmse.high && rmse.high < 0.0);
    }

    /// Of so many rows both ways are possible, and say the same.
    #[test]
    fn many_rows_give_the_interval_that_drawing_gives() {
        let pair = |row: usize| {
            let (a, b) = ((row * 7919 % 1009) as f64, (row * 104_729 % 997) as f64);
            (a * a, (b + 20.0).powi(2))
        };
        for metric in [Metric::Rmse, Metric::LogLoss] {
            let drawn: Vec<_> = (0..DRAWN_ROWS).map(pair).collect();
            let more: Vec<_> = (0..=DRAWN_ROWS).map(pair).collect();
            let (drawn, normal) = (difference(metric, &drawn), difference(metric, &more));
            let width = drawn.high - drawn.low;
            assert!((drawn.value - normal.value).abs() < 0.05 * width);
            assert!(
                (drawn.low - normal.low).abs() < 0.2 * width,
                "{drawn:?} {normal:?}"
            );
            assert!((drawn.high - normal.high).abs() < 0.2 * width);
        }
    }

    #[test]
    fn classes_are_the_same_whatever_their_order() {
        let classes = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            OutputField::classification("y", names)
        };
        let alike =
            |new: &[&str], live: &[&str]| answers_alike(&classes(new), &classes(live), false);
        assert_eq!(alike(&["a", "b"], &["b", "a"]), Ok(Some(vec![1, 0])));
        let reason = "it tells \"a\", \"c\" apart, and the new version \"a\", \"b\"";
        assert_eq!(alike(&["a", "b"], &["a", "c"]), Err(reason.to_owned()));
        assert!(alike(&["a", "b"], &["a", "b", "c"]).is_err());
        let (new, live) = (OutputField::regression("y"), OutputField::regression("z"));
        assert!(answers_alike(&new, &live, false).is_err());
        assert_eq!(answers_alike(&new, &live, true), Ok(None));
        assert!(answers_alike(&new, &classes(&["a", "b"]), true).is_err());
    }

    proptest! {
        /// Nothing is in favour of the one that is called the challenger.
        #[test]
        fn the_difference_of_the_swapped_pairs_is_its_mirror_image(
            pairs in proptest::collection::vec((0.0..1e6f64, 0.0..1e6f64), 1..200),
        ) {
            for metric in [Metric::Rmse, Metric::LogLoss] {
                let there = difference(metric, &pairs);
                let swapped: Vec<_> = pairs.iter().map(|(new, live)| (*live, *new)).collect();
                let back = difference(metric, &swapped);
                prop_assert!(there.low <= there.high);
                for (one, other) in [(there.value, back.value), (there.low, back.high), (there.high, back.low)] {
                    prop_assert!((one + other).abs() <= 1e-9 * (1.0 + one.abs()), "{one} {other}");
                }
            }
        }
    }
}
