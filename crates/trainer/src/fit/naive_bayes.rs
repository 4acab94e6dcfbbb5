//! Naive Bayes: how likely a class makes a row's values, each looked at by itself. How often a class has a category, or a number of
//! a range, is counted; a missing value says nothing. Ranges hold as many rows each, so that nothing is asked of how numbers are
//! distributed: on real tables that tells classes apart better than normal distributions do.
//!
//! Columns that say nearly the same are heard as often as they are there, which makes the probabilities far too sure. So the
//! evidence of all columns together counts as much as makes the probabilities of rows that were left out right: a single number,
//! found over five parts of the training rows, each judged by what the other four say.

use domain::training_runs::RunError;
use model::{Density, Link};

use super::{DensitiesFit, Fit, Fits, Fitted, Rows, Told, ranges};
use crate::failure::{out_of_memory, reserve};
use crate::features::{Encoding, Feature};

pub(super) struct NaiveBayes {
    /// How many rows more each category, and each range, is taken to have in each class. Above 0.
    pub(super) smoothing: f64,
}

/// Most ranges of a number.
const RANGES: usize = 32;
const FOLDS: usize = 5;
/// What rows that are left out are judged by, at most: their classes' evidence.
const MOST_JUDGED: usize = 2_000_000;
/// What the evidence may count, and how often the range of that is halved.
const LEAST: f64 = 0.01;
const MOST: f64 = 4.0;
const HALVINGS: usize = 40;
/// Rows of a class that is nowhere among those learned from.
const ABSENT: f64 = 0.5;

impl Fit for NaiveBayes {
    fn fit(&self, rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Fitted, RunError> {
        let classes = rows.classes.unwrap_or_default();
        let features = &rows.features.features;
        let bytes = (rows.train.len() * (features.len() + 16)) as f64;
        if bytes > f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "naive Bayes of {} columns in {} rows, which takes {:.0} MB",
                features.len(),
                rows.train.len(),
                bytes / 0.5e6
            )));
        }
        let seen = Seen {
            columns: features
                .iter()
                .map(|feature| Column::of(feature, rows.train))
                .collect(),
            actual: actual(rows)?,
            classes,
            smoothing: self.smoothing,
        };
        let folds = seen.folds();
        let mut judged = Judged::new(classes);
        // Every so many of the rows, if there are very many.
        let step = (rows.train.len() * classes).div_ceil(MOST_JUDGED).max(1);
        for fold in 0..FOLDS as u8 {
            let learned = seen.learn(|place| folds[place] != fold);
            for place in (0..folds.len()).step_by(step) {
                if folds[place] == fold {
                    judged.add(&learned, &seen, place);
                }
            }
            tell(Told::Progress(f64::from(fold + 1) / (FOLDS + 1) as f64));
        }
        let weight = judged.weight();
        tell(Told::Info(format!(
            "what all columns say together counts {weight:.3} times what each by itself says"
        )));
        let learned = seen.learn(|_| true);
        let fits = learned.iter().map(|class| class.fit(&seen, weight));
        Ok(Fitted::Classes(
            Link::Softmax,
            Fits::Densities(fits.collect()),
        ))
    }
}

fn actual(rows: &Rows<'_>) -> Result<Vec<u8>, RunError> {
    let mut actual = reserve(rows.train.len(), "the classes of the training rows")?;
    let classes = rows.train.iter().map(|&row| rows.target[row as usize]);
    // There are no more than a hundred.
    actual.extend(classes.map(|class| class as u8));
    Ok(actual)
}

/// The training rows.
struct Seen {
    columns: Vec<Column>,
    /// The class of each row.
    actual: Vec<u8>,
    classes: usize,
    smoothing: f64,
}

/// A feature, of which every value is in one of some bins.
struct Column {
    /// Of each row; [`MISSING`] where there is none.
    bins: Vec<u8>,
    count: usize,
    /// Between the ranges of a number; none of categories, of which the last bin is any other one.
    cuts: Option<Vec<f64>>,
}

const MISSING: u8 = u8::MAX;

impl Column {
    fn of(feature: &Feature<'_>, train: &[u32]) -> Self {
        let values = || train.iter().map(|&row| feature.code(row));
        let (cuts, count) = match &feature.encoding {
            Encoding::Categorical(categorical) => (None, categorical.categories.len() + 1),
            Encoding::Numeric(_) => {
                let mut present: Vec<f64> = values().filter(|value| !value.is_nan()).collect();
                present.sort_unstable_by(f64::total_cmp);
                let cuts = ranges::cuts(&present, RANGES);
                let count = cuts.len() + 1;
                (Some(cuts), count)
            }
        };
        let bin = |value: f64| match &cuts {
            _ if value.is_nan() => MISSING,
            Some(cuts) => ranges::place(cuts, value) as u8,
            None => value as u8,
        };
        Self {
            bins: values().map(bin).collect(),
            count,
            cuts,
        }
    }
}

/// What is known of a class.
struct Class {
    /// Logarithm of its share of the rows, but for what is the same for all classes.
    prior: f64,
    /// Of each feature and bin, the logarithm of how likely the class makes it.
    likely: Vec<Vec<f64>>,
}

impl Seen {
    /// Of each row the part that it is in. Each class is spread evenly.
    fn folds(&self) -> Vec<u8> {
        let mut seen = vec![0_usize; self.classes];
        let folds = self.actual.iter().map(|&class| {
            let count = &mut seen[usize::from(class)];
            *count += 1;
            (*count % FOLDS) as u8
        });
        folds.collect()
    }

    /// From the rows at the places that `is_learned` picks.
    fn learn(&self, is_learned: impl Fn(usize) -> bool) -> Vec<Class> {
        let mut rows = vec![0.0; self.classes];
        for (place, &class) in self.actual.iter().enumerate() {
            rows[usize::from(class)] += f64::from(u8::from(is_learned(place)));
        }
        let mut classes: Vec<Class> = rows
            .into_iter()
            .map(|rows| Class {
                prior: f64::max(rows, ABSENT).ln(),
                likely: Vec::with_capacity(self.columns.len()),
            })
            .collect();
        for column in &self.columns {
            let mut counts = vec![vec![self.smoothing; column.count]; self.classes];
            for (place, (&bin, &class)) in column.bins.iter().zip(&self.actual).enumerate() {
                if bin != MISSING && is_learned(place) {
                    counts[usize::from(class)][usize::from(bin)] += 1.0;
                }
            }
            for (class, counts) in classes.iter_mut().zip(counts) {
                let all: f64 = counts.iter().sum();
                let likely = counts.into_iter().map(|count| (count / all).ln());
                class.likely.push(likely.collect());
            }
        }
        classes
    }
}

impl Class {
    /// How likely it makes the row's values, as a logarithm.
    fn evidence(&self, seen: &Seen, place: usize) -> f64 {
        let columns = self.likely.iter().zip(&seen.columns);
        let terms = columns.map(|(likely, column)| match column.bins[place] {
            MISSING => 0.0,
            bin => likely[usize::from(bin)],
        });
        terms.sum()
    }

    fn fit(&self, seen: &Seen, weight: f64) -> DensitiesFit {
        let columns = self.likely.iter().zip(&seen.columns);
        let densities = columns.map(|(likely, column)| {
            let mut terms: Vec<f64> = likely.iter().map(|term| weight * term).collect();
            if let Some(cuts) = column.cuts.clone() {
                return Density::Ranges { cuts, terms };
            }
            let other = terms.pop().unwrap_or_default();
            Density::Categorical { terms, other }
        });
        DensitiesFit {
            base: self.prior,
            densities: densities.collect(),
        }
    }
}

/// Rows that were left out, with what speaks for each class.
struct Judged {
    classes: usize,
    /// The class of each row.
    actual: Vec<u8>,
    /// Of each row and class.
    priors: Vec<f64>,
    evidence: Vec<f64>,
}

impl Judged {
    fn new(classes: usize) -> Self {
        Self {
            classes,
            actual: Vec::new(),
            priors: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn add(&mut self, learned: &[Class], seen: &Seen, place: usize) {
        self.actual.push(seen.actual[place]);
        self.priors.extend(learned.iter().map(|class| class.prior));
        let evidence = learned.iter().map(|class| class.evidence(seen, place));
        self.evidence.extend(evidence);
    }

    /// What the evidence must count for the log loss to be the least. That falls and rises again, with one turn.
    fn weight(&self) -> f64 {
        let (mut low, mut high) = (LEAST.ln(), MOST.ln());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.slope(middle.exp()) > 0.0 {
                high = middle;
            } else {
                low = middle;
            }
        }
        f64::midpoint(low, high).exp()
    }

    /// Of the log loss of all rows, by what the evidence counts: how much more speaks for all classes, as probable as they are,
    /// than for the one that it was.
    fn slope(&self, weight: f64) -> f64 {
        let priors = self.priors.chunks(self.classes);
        let rows = self.evidence.chunks(self.classes).zip(priors);
        let slopes = rows.zip(&self.actual).map(|((evidence, priors), &actual)| {
            let score = |(prior, evidence): (&f64, &f64)| prior + weight * evidence;
            let scores = || priors.iter().zip(evidence).map(score);
            let largest = scores().fold(f64::NEG_INFINITY, f64::max);
            let (mut all, mut heard) = (0.0, 0.0);
            for (score, evidence) in scores().zip(evidence) {
                let part = (score - largest).exp();
                all += part;
                heard += part * evidence;
            }
            heard / all - evidence[usize::from(actual)]
        });
        slopes.sum()
    }
}
