//! What one prediction costs within a process: of a boosted model by itself, beside onnxruntime with the file that it is exported to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::report::{Comparison, Report};
use super::runner::{Runner, asked};
use super::speed;
use crate::bench::report::median;
use crate::process;
use crate::progress::heading;
use crate::workspace::Workspace;

const ROWS: &str = "50000";
const COLUMNS: &str = "20";
const PREDICTED: &str = "1000";
/// Both add up the same trees, maybe in another order.
const SAME: f64 = 1e-6;

#[derive(Deserialize)]
struct Told {
    nanoseconds: f64,
    predictions: Vec<f64>,
}

pub(super) fn measure(
    runner: &Runner,
    workspace: &Workspace,
    profile: &str,
    rounds: u32,
    report: &mut Report,
) -> Result<()> {
    heading("bench", "a boosted prediction in a process");
    let program = build(workspace, profile)?;
    let [table, rows, onnx] =
        ["prediction.parquet", "rows.json", "model.onnx"].map(|name| runner.file(name));
    runner.script(&["boosting.py", "make", &table, ROWS, COLUMNS])?;
    runner.script(&["prediction.py", "rows", &table, &rows, PREDICTED])?;
    let artifact = speed::fit(runner, &table, "gradient_boosting", &json!({}))?.artifact;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let told = asked(&program, &[&artifact, &rows, &onnx])?;
        let own: Told = serde_json::from_value(told)?;
        let told = runner.script(&["prediction.py", "run", &onnx, &rows])?;
        let other: Told = serde_json::from_value(told)?;
        agree(&own.predictions, &other.predictions)?;
        ours.push(own.nanoseconds / 1e3);
        theirs.push(other.nanoseconds / 1e3);
    }
    let middle = |figures: Vec<f64>| median(figures.into_iter()).unwrap_or(f64::NAN);
    report.add(Comparison {
        what: "a boosted prediction in a process: µs".to_owned(),
        ours: middle(ours),
        others: BTreeMap::from([("onnxruntime".to_owned(), middle(theirs))]),
        at_most: Some(0.5),
    });
    Ok(())
}

fn build(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let mut cargo = workspace.cargo_offline_queries();
    cargo.args(["build", "--locked", "--profile", profile]);
    cargo.args(["--package", "model", "--example", "prediction"]);
    process::run(&mut cargo)?;
    let examples = Path::new(profile).join("examples/prediction");
    Ok(workspace.target.join(examples))
}

fn agree(ours: &[f64], theirs: &[f64]) -> Result<()> {
    ensure!(
        ours.len() == theirs.len(),
        "not the same rows were predicted"
    );
    let scale = ours
        .iter()
        .fold(0.0, |most: f64, number| most.max(number.abs()));
    let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    let off = off.reduce(f64::max).context("no row was predicted")?;
    ensure!(
        off <= SAME * scale,
        "onnxruntime predicts otherwise: {off} off, of {scale}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_that_differ_are_no_measurement() {
        assert!(agree(&[1.0, -2.0], &[1.0, -2.000_000_1]).is_ok());
        assert!(agree(&[1.0, -2.0], &[1.0, -2.001]).is_err());
        assert!(agree(&[1.0], &[1.0, 2.0]).is_err());
        assert!(agree(&[], &[]).is_err());
    }
}
