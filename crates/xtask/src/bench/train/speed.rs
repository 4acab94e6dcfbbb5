//! How long learning takes, and how much memory. What counts is the time until there is a model, reading the table included; of a peer
//! without the start of Python and its imports.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::report::{Comparison, Report};
use super::runner::{Answer, Runner};
use crate::bench::report::median;
use crate::progress::heading;

const ROWS: u32 = 1_000_000;
const COLUMNS: &str = "50";
const LARGER: u32 = 10;

const BOOSTED_ROWS: &str = "200000";
const BOOSTED_COLUMNS: &str = "20";
const BOOSTED_TREES: u32 = 100;
const BOOSTED_LEAVES: u32 = 31;
const THREADS: &str = "2";

pub(super) fn linear(
    runner: &Runner,
    rounds: u32,
    is_large: bool,
    report: &mut Report,
) -> Result<()> {
    heading("bench", "linear regression of 1,000,000 rows of 50 numbers");
    let file = runner.file("linear.parquet");
    runner.script(&["linear.py", "make", &file, &ROWS.to_string(), COLUMNS])?;
    let (mut times, mut peaks) = (Pairs::default(), Pairs::default());
    for _ in 0..rounds {
        let ours = fit(runner, &file, "linear_regression", &json!({}))?;
        let (theirs, figures) = runner.peer(&["linear.py", "fit", &file])?;
        times.add(ours.fitted, seconds(&theirs)?);
        peaks.add(ours.figures.peak_mb, figures.peak_mb);
    }
    let (time, peak) = (times.ours(), peaks.ours());
    report.add(times.compared("linear, 1 M x 50: seconds", "scikit-learn", Some(0.5)));
    report.add(peaks.compared("linear, 1 M x 50: peak MB", "scikit-learn", Some(0.25)));

    let what = "linear, 10 M x 50 beside 1 M x 50";
    if !is_large {
        report.not_measured(what, "it takes 4 GB of disk: ask for it with --large");
        return Ok(());
    }
    heading("bench", "linear regression of 10,000,000 rows");
    let rows = (ROWS * LARGER).to_string();
    runner.script(&["linear.py", "make", &file, &rows, COLUMNS])?;
    let large = fit(runner, &file, "linear_regression", &json!({}))?;
    for (unit, large, small, at_most) in [
        ("seconds", large.fitted, time, 11.0),
        ("peak MB", large.figures.peak_mb, peak, 1.1),
    ] {
        report.add(Comparison {
            what: format!("{what}: {unit}"),
            ours: large,
            others: BTreeMap::from([("a tenth".to_owned(), small)]),
            at_most: Some(at_most),
        });
    }
    Ok(())
}

/// The other side grows as many trees with as many leaves: of histogram boosting as many as both are told, of gradient boosting as
/// many as ours finds out by itself.
pub(super) fn boosting(runner: &Runner, rounds: u32, report: &mut Report) -> Result<()> {
    heading("bench", "boosting of 200,000 rows of 20 numbers");
    let file = runner.file("boosting.parquet");
    runner.script(&["boosting.py", "make", &file, BOOSTED_ROWS, BOOSTED_COLUMNS])?;
    let told = json!({"trees": BOOSTED_TREES, "max_leaves": BOOSTED_LEAVES});
    for (algorithm, params, at_most) in [
        ("histogram_boosting", told, Some(1.2)),
        ("gradient_boosting", json!({}), None),
    ] {
        let mut times = Pairs::default();
        for _ in 0..rounds {
            let ours = fit(runner, &file, algorithm, &params)?;
            let (trees, leaves) = grown(&ours.log).context("the run's log tells of no trees")?;
            let each = (leaves / trees).round().max(2.0).to_string();
            let trees = trees.to_string();
            let (theirs, _) =
                runner.peer(&["boosting.py", "fit", &file, &trees, &each, THREADS])?;
            println!(
                "  {algorithm}: {trees} trees of {each} leaves on average; of LightGBM {} trees with {} leaves",
                theirs["trees"], theirs["leaves"]
            );
            times.add(ours.fitted, seconds(&theirs)?);
        }
        let what = format!("{algorithm}, as many trees and leaves: seconds");
        report.add(times.compared(&what, "lightgbm", at_most));
    }
    Ok(())
}

/// What was learned lies where [`Answer::artifact`] says until something else is.
pub(super) fn fit(runner: &Runner, file: &str, algorithm: &str, params: &Value) -> Result<Answer> {
    let artifact = runner.output("model")?;
    let answer = runner.child(json!({
        "kind": "train", "path": file, "format": "parquet", "output": artifact,
        "spec": {
            "dataset": "table", "target": "y", "task": "regression", "model": "table", "algorithm": algorithm, "params": params,
            "split": {"method": "random", "test_fraction": 0.2, "seed": 0},
            "budget": {"seconds": 3600, "memory_mb": 8192},
        },
    }))?;
    Ok(Answer { artifact, ..answer })
}

/// Trees and leaves, as the run tells of them.
fn grown(log: &[String]) -> Option<(f64, f64)> {
    log.iter().find_map(|line| {
        let (trees, leaves) = line.strip_prefix("grew ")?.split_once(" trees with ")?;
        let leaves = leaves.strip_suffix(" leaves")?;
        Some((trees.parse().ok()?, leaves.parse().ok()?))
    })
}

fn seconds(told: &Value) -> Result<f64> {
    let seconds = told["seconds"].as_f64();
    seconds.context("the peer says nothing of its time")
}

#[derive(Default)]
struct Pairs {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pairs {
    fn add(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    fn ours(&self) -> f64 {
        median(self.ours.iter().copied()).unwrap_or(f64::NAN)
    }

    fn compared(self, what: &str, who: &str, at_most: Option<f64>) -> Comparison {
        let theirs = median(self.theirs.iter().copied()).unwrap_or(f64::NAN);
        Comparison {
            what: what.to_owned(),
            ours: self.ours(),
            others: BTreeMap::from([(who.to_owned(), theirs)]),
            at_most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_read_from_the_log() {
        let log = ["fitting", "grew 120 trees with 3600 leaves"].map(str::to_owned);
        assert_eq!(grown(&log), Some((120.0, 3600.0)));
        assert_eq!(grown(&log[..1]), None);
    }
}
