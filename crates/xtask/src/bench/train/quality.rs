//! What `auto` comes to on held-out rows. Whoever is compared learns from the same rows and is judged by the same code.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::report::{Comparison, Report};
use super::runner::Runner;
use crate::progress::heading;

const OURS: &str = "volary";
const TEST_FRACTION: f64 = 0.2;
const SEED: u64 = 0;
/// Our own report and the judge may differ by that much, relatively: one adds up in another order.
const SAME: f64 = 1e-6;
/// Of these it is asked that nobody does better, of the others that nobody does better by more than a hundredth.
const ASKED: [&str; 2] = ["california", "titanic"];
const NEAR: f64 = 1.01;

#[derive(Deserialize)]
struct Table {
    name: String,
    file: String,
    target: String,
    task: String,
}

#[derive(Deserialize)]
struct Judged {
    train_rows: u64,
    test_rows: u64,
    /// By who was judged, then by metric.
    metrics: BTreeMap<String, BTreeMap<String, f64>>,
    fit_seconds: BTreeMap<String, f64>,
}

pub(super) fn measure(
    runner: &Runner,
    names: &[&str],
    seconds: u32,
    report: &mut Report,
) -> Result<()> {
    let dir = runner.file("");
    let mut args = vec!["tables.py", &dir];
    args.extend(names);
    let tables: Vec<Table> = serde_json::from_value(runner.script(&args)?)?;
    for table in &tables {
        one(runner, table, seconds, report)
            .with_context(|| format!("cannot measure {}", table.name))?;
    }
    Ok(())
}

fn one(runner: &Runner, table: &Table, seconds: u32, report: &mut Report) -> Result<()> {
    let Table {
        name,
        file,
        target,
        task,
    } = table;
    let profile = runner.child(json!({"kind": "profile", "path": file, "format": "csv"}))?;
    let artifact = runner.output("model")?;
    let trained = runner.child(json!({
        "kind": "train", "path": file, "format": "csv", "output": artifact,
        "spec": {
            "dataset": name, "target": target, "task": task, "model": name, "algorithm": "auto",
            "split": {"method": "random", "test_fraction": TEST_FRACTION, "seed": SEED},
            "budget": {"seconds": seconds},
        },
    }))?;
    let scored = runner.output("scored.parquet")?;
    runner.child(json!({
        "kind": "score", "path": file, "format": "csv", "artifact": artifact, "output": scored,
        "spec": {
            "types": types(&profile.result), "rows": profile.result["rows"], "keep": [],
            "prediction_column": "prediction", "error_column": "prediction_error", "max_bytes": 1_u64 << 30,
        },
    }))?;
    let judged = runner.script(&[
        "quality.py",
        file,
        target,
        task,
        &TEST_FRACTION.to_string(),
        &SEED.to_string(),
        &scored,
    ])?;
    let judged: Judged = serde_json::from_value(judged)?;
    let ours = &judged.metrics[OURS];
    for (metric, judged) in ours {
        let own = trained.result["metrics"][metric].as_f64();
        let own = own.with_context(|| format!("the run says nothing of {metric}"))?;
        ensure!(
            (own - judged).abs() <= SAME * judged.abs().max(SAME),
            "the run says {metric} {own}, the judge {judged}: they do not go by the same rows"
        );
    }
    heading(
        "bench",
        format_args!(
            "{name}: {} {} in {:.1} s; others {}; {} rows to learn from, {} held out",
            trained.result["algorithm"].as_str().unwrap_or_default(),
            trained.result["params"],
            trained.figures.seconds,
            told(&judged.fit_seconds),
            judged.train_rows,
            judged.test_rows
        ),
    );
    for metric in ours.keys() {
        report.add(Comparison {
            what: format!("{name}: {}", label(metric)),
            ours: error(metric, ours[metric]),
            others: judged
                .metrics
                .iter()
                .filter(|(who, _)| *who != OURS)
                .filter_map(|(who, metrics)| {
                    Some((who.clone(), error(metric, *metrics.get(metric)?)))
                })
                .collect(),
            at_most: Some(if ASKED.contains(&name.as_str()) {
                1.0
            } else {
                NEAR
            }),
        });
    }
    Ok(())
}

fn types(profile: &Value) -> Vec<&Value> {
    let columns = profile["columns"].as_array().into_iter().flatten();
    columns.map(|column| &column["type"]).collect()
}

fn told(seconds: &BTreeMap<String, f64>) -> String {
    let each = seconds
        .iter()
        .map(|(who, took)| format!("{who} {took:.1} s"));
    each.collect::<Vec<_>>().join(", ")
}

fn label(metric: &str) -> &str {
    match metric {
        "rmse" => "RMSE",
        "log_loss" => "log loss",
        "roc_auc" => "1 - ROC AUC",
        other => other,
    }
}

/// The less, the better.
fn error(metric: &str, value: f64) -> f64 {
    if metric == "roc_auc" {
        1.0 - value
    } else {
        value
    }
}
