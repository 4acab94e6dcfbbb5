//! Why metrics of two models may not say which of them is better.

use super::{Facts, Item};
use crate::training_runs::{Split, SplitMethod};

/// Each as a sentence.
pub(super) fn notes(facts: &[Facts], baseline: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let base = &facts[baseline];
    for (place, other) in facts.iter().enumerate() {
        let label = &other.item.label;
        if other.metrics.is_empty() {
            notes.push(match other.item.training_run {
                None => format!("{label} was not trained here, so no held-out rows were measured: it has no metrics."),
                Some(_) => format!("{label} has no metrics: its run has not succeeded."),
            });
        } else if place != baseline && !base.metrics.is_empty() {
            notes.extend(unlike(&base.item, &other.item));
        }
        let warnings = other.evaluation.iter().flat_map(|it| &it.warnings);
        notes.extend(warnings.map(|warning| format!("{label}: {warning}")));
        if other.signature.is_none() {
            notes.push(format!(
                "{label} made no version, so its inputs are not known."
            ));
        }
    }
    notes
}

/// Why the two were not judged by the same rows.
fn unlike(base: &Item, other: &Item) -> Option<String> {
    let mut reasons = Vec::new();
    if base.target != other.target {
        reasons.push(format!(
            "they predict different columns ({} and {})",
            base.target, other.target
        ));
    }
    let data = |item: &Item| match (&item.dataset, item.dataset_version) {
        (Some(name), Some(version)) => format!("{name} v{version}"),
        _ => "data that is not known".to_owned(),
    };
    if base.dataset_sha256.is_none() || base.dataset_sha256 != other.dataset_sha256 {
        reasons.push(format!(
            "they were trained on different data ({} and {})",
            data(base),
            data(other)
        ));
    }
    match (&base.split, &other.split) {
        (Some(base), Some(other)) => reasons.extend(split(base, other)),
        _ => reasons.push("how rows were held out is not known of both".to_owned()),
    }
    (!reasons.is_empty()).then(|| {
        format!(
            "{} and {} were not judged by the same held-out rows: {}. A difference of their metrics may be one of the rows.",
            base.label,
            other.label,
            reasons.join("; ")
        )
    })
}

/// Folds are apart from the held-out rows.
fn split(base: &Split, other: &Split) -> Option<String> {
    let told = |split: &Split| {
        let method = split.method.map_or("random", SplitMethod::as_str);
        let by = split.column.as_ref().map(|column| format!(" by {column}"));
        format!(
            "{} of the rows, {method}{}, seed {}",
            split.test_fraction,
            by.unwrap_or_default(),
            split.seed
        )
    };
    let differs = (base.method, &base.column, base.seed)
        != (other.method, &other.column, other.seed)
        || base.test_fraction.to_bits() != other.test_fraction.to_bits();
    differs.then(|| format!("their splits differ ({}, and {})", told(base), told(other)))
}
