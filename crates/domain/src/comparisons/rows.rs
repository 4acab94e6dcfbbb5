//! What stands beside each other in the tables.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{
    Facts, ImportanceMeasure, ImportanceRow, ImportanceTable, InputCell, InputRow, InputState,
    MetricCell, MetricRow, SettingRow,
};
use crate::models::{InputField, Metric, Signature, Task};

/// Metrics of a task, the most telling first, and whether higher is better.
fn known(task: Task) -> &'static [(&'static str, Option<bool>)] {
    match task {
        Task::Regression => &[
            ("rmse", Some(false)),
            ("mae", Some(false)),
            ("r2", Some(true)),
        ],
        Task::Classification => &[
            ("log_loss", Some(false)),
            ("roc_auc", Some(true)),
            ("pr_auc", Some(true)),
            ("accuracy", Some(true)),
            ("f1", Some(true)),
            ("brier", Some(false)),
        ],
    }
}

pub(super) fn metrics(facts: &[Facts], baseline: usize, task: Task) -> Vec<MetricRow> {
    let known = known(task);
    let mut names: Vec<(String, Option<bool>)> = Vec::new();
    for (name, better) in known {
        names.push(((*name).to_owned(), *better));
    }
    for (name, better) in known {
        names.push((format!("folds_{name}"), *better));
    }
    let mut others: BTreeSet<&String> = facts.iter().flat_map(|it| it.metrics.keys()).collect();
    // What a model is judged against, and what is shown beside a mean.
    others.retain(|name| !name.starts_with("baseline_") && !name.ends_with("_std"));
    for name in others {
        if names.iter().all(|(known, _)| known != name) {
            names.push((name.clone(), None));
        }
    }
    let is_told = |name: &str| facts.iter().any(|facts| facts.metrics.contains_key(name));
    names
        .into_iter()
        .filter(|(name, _)| is_told(name))
        .map(|(name, better)| MetricRow {
            cells: facts
                .iter()
                .map(|of| metric(of, &facts[baseline], &name, better))
                .collect(),
            name,
            higher_is_better: better,
        })
        .collect()
}

fn metric(facts: &Facts, base: &Facts, name: &str, better: Option<bool>) -> MetricCell {
    let value = facts.metrics.get(name).copied();
    let delta = value
        .zip(base.metrics.get(name).copied())
        .map(|(value, base)| value - base)
        .filter(|_| !std::ptr::eq(facts, base));
    let is_better = better
        .zip(delta)
        .filter(|(_, delta)| *delta != 0.0)
        .map(|(higher, delta)| (delta > 0.0) == higher);
    let evaluation = facts.evaluation.as_ref();
    let interval = evaluation
        .and_then(|evaluation| evaluation.classification.as_ref())
        .filter(|_| name == Metric::LogLoss.as_str() && value.is_some())
        .map(|classes| classes.log_loss);
    let std = name.starts_with("folds_").then(|| format!("{name}_std"));
    MetricCell {
        value,
        delta,
        is_better,
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        std: std.and_then(|name| facts.metrics.get(&name).copied()),
    }
}

pub(super) fn settings(facts: &[Facts]) -> Vec<SettingRow> {
    let names: BTreeSet<&String> = facts.iter().flat_map(|it| it.settings.keys()).collect();
    let mut rows: Vec<SettingRow> = names
        .into_iter()
        .map(|name| {
            let values: Vec<Option<String>> = facts
                .iter()
                .map(|facts| facts.settings.get(name).cloned())
                .collect();
            SettingRow {
                name: name.clone(),
                differs: values.iter().any(|value| *value != values[0]),
                values,
            }
        })
        .collect();
    // What all others depend on.
    rows.sort_by_key(|row| row.name != "algorithm");
    rows
}

pub(super) fn inputs(facts: &[Facts], baseline: usize) -> Vec<InputRow> {
    let base = facts[baseline].signature.as_ref();
    let mut names: Vec<&String> = Vec::new();
    let signatures = base.into_iter();
    let signatures = signatures.chain(facts.iter().filter_map(|it| it.signature.as_ref()));
    let mut seen = BTreeSet::new();
    for input in signatures.flat_map(|signature| &signature.inputs) {
        if seen.insert(&input.name) {
            names.push(&input.name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let cells: Vec<InputCell> = facts
                .iter()
                .map(|facts| input(base, facts.signature.as_ref(), name))
                .collect();
            let is_plain =
                |cell: &InputCell| matches!(cell.state, InputState::Same | InputState::Unknown);
            InputRow {
                name: name.clone(),
                differs: !cells.iter().all(is_plain),
                cells,
            }
        })
        .collect()
}

fn input(base: Option<&Signature>, own: Option<&Signature>, name: &str) -> InputCell {
    let find = |signature: Option<&'_ Signature>| {
        let mut inputs = signature.map(|signature| signature.inputs.iter())?;
        inputs.find(|input| input.name == name).cloned()
    };
    let (was, is) = (find(base), find(own));
    let changes = match (&was, &is) {
        (Some(was), Some(is)) => changes(was, is),
        _ => Vec::new(),
    };
    let state = match (&was, &is) {
        _ if base.is_none() || own.is_none() => InputState::Unknown,
        (None, None) => InputState::Absent,
        (None, Some(_)) => InputState::Added,
        (Some(_), None) => InputState::Removed,
        (Some(_), Some(_)) if changes.is_empty() => InputState::Same,
        (Some(_), Some(_)) => InputState::Changed,
    };
    InputCell {
        state,
        described: is.as_ref().map(described).unwrap_or_default(),
        changes,
    }
}

fn described(input: &InputField) -> String {
    let mut text = input.kind.as_str().to_owned();
    if input.nullable {
        text.push_str(", may be missing");
    }
    if let Some(categories) = &input.categories {
        let _ = write!(text, ", {} categories", categories.len());
    }
    text
}

/// Categories that are named, of those that came or went.
const NAMED: usize = 5;

fn changes(was: &InputField, is: &InputField) -> Vec<String> {
    let mut changes = Vec::new();
    if was.kind != is.kind {
        changes.push(format!("{} became {}", was.kind.as_str(), is.kind.as_str()));
    }
    match (was.nullable, is.nullable) {
        (false, true) => changes.push("may be missing now".to_owned()),
        (true, false) => changes.push("may no longer be missing".to_owned()),
        _ => {}
    }
    let none = Vec::new();
    let (before, after) = (
        was.categories.as_ref().unwrap_or(&none),
        is.categories.as_ref().unwrap_or(&none),
    );
    for (from, others, word) in [(after, before, "new"), (before, after, "gone")] {
        let others: BTreeSet<&String> = others.iter().collect();
        let differing: Vec<&str> = from
            .iter()
            .filter(|category| !others.contains(category))
            .map(String::as_str)
            .collect();
        if differing.is_empty() {
            continue;
        }
        let named = differing.iter().take(NAMED).copied().collect::<Vec<_>>();
        let more = match differing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        changes.push(format!("{word}: {}{more}", named.join(", ")));
    }
    changes
}

/// By the measure that is kept of most.
pub(super) fn importance(facts: &[Facts], baseline: usize) -> Option<ImportanceTable> {
    let measured = |measure| {
        let tables = facts.iter().map(|facts| of_measure(facts, measure));
        tables.collect::<Vec<Option<Vec<(&str, f64)>>>>()
    };
    let count = |tables: &[Option<Vec<(&str, f64)>>]| tables.iter().flatten().count();
    let dealt = measured(ImportanceMeasure::Permutation);
    let gains = measured(ImportanceMeasure::Gain);
    let (measure, tables) = if count(&gains) > count(&dealt) {
        (ImportanceMeasure::Gain, gains)
    } else {
        (ImportanceMeasure::Permutation, dealt)
    };
    // The baseline's order, then what others have beside.
    let first = tables.get(baseline).into_iter().flatten();
    let mut rows: Vec<ImportanceRow> = Vec::new();
    let mut seen = BTreeSet::new();
    for (feature, _) in first.chain(tables.iter().flatten()).flatten() {
        if seen.insert(*feature) {
            let value = |table: &Option<Vec<(&str, f64)>>| {
                let mut pairs = table.iter().flatten();
                pairs.find(|(name, _)| name == feature).map(|pair| pair.1)
            };
            rows.push(ImportanceRow {
                feature: (*feature).to_owned(),
                values: tables.iter().map(value).collect(),
            });
        }
    }
    let metric = facts.iter().find_map(|facts| {
        let evaluation = facts.evaluation.as_ref()?;
        Some(evaluation.permutation.as_ref()?.metric)
    });
    (!rows.is_empty()).then(|| ImportanceTable {
        measure,
        metric: metric.filter(|_| measure == ImportanceMeasure::Permutation),
        rows,
    })
}

fn of_measure(facts: &Facts, measure: ImportanceMeasure) -> Option<Vec<(&str, f64)>> {
    let evaluation = facts.evaluation.as_ref()?;
    let pairs: Vec<(&str, f64)> = match measure {
        ImportanceMeasure::Permutation => {
            let importances = evaluation.permutation.as_ref()?.importances.iter();
            importances
                .map(|importance| (importance.feature.as_str(), importance.mean))
                .collect()
        }
        ImportanceMeasure::Gain => {
            let importances = evaluation.importances.iter();
            importances
                .map(|importance| (importance.feature.as_str(), importance.gain))
                .collect()
        }
    };
    (!pairs.is_empty()).then_some(pairs)
}
