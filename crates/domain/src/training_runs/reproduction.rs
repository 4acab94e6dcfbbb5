//! Whether training again made the same again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Algorithm;

use crate::Name;

/// What came of a re-run, beside the version that it was to reproduce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reproduction {
    pub model: Name,
    pub version: i32,
    /// The re-run's artifact is that of the version, byte by byte.
    pub is_same: bool,
    /// Of the version's artifact, hexadecimal.
    pub expected_sha256: String,
    /// Of the artifact that the re-run made. It is kept only as the version's.
    pub sha256: String,
    /// What differs, each as a sentence; none if nothing does.
    pub differences: Vec<String>,
}

/// What `auto` has chosen, to train it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// `auto` for several that answer together.
    pub algorithm: Algorithm,
    pub params: Map<String, Json>,
    /// How many there was time to learn from.
    pub train_rows: u64,
}

/// One of the two models that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    pub sha256: &'a str,
    /// What trained it; none of versions of before that was noted.
    pub trainer: Option<&'a str>,
    pub metrics: &'a BTreeMap<String, f64>,
    pub params: &'a Json,
}

/// Metrics that are told of, at most: one that differs mostly comes with all others.
const TOLD: usize = 3;

impl Reproduction {
    #[must_use]
    pub fn of(model: Name, version: i32, expected: Made<'_>, made: Made<'_>) -> Self {
        let is_same = expected.sha256 == made.sha256;
        Self {
            model,
            version,
            is_same,
            expected_sha256: expected.sha256.to_owned(),
            sha256: made.sha256.to_owned(),
            differences: if is_same {
                Vec::new()
            } else {
                differences(expected, made)
            },
        }
    }
}

fn differences(expected: Made<'_>, made: Made<'_>) -> Vec<String> {
    let mut told = Vec::new();
    match (expected.trainer, made.trainer) {
        (Some(then), Some(now)) if then != now => told.push(format!(
            "The version was trained by trainer {then}, the re-run by {now}: another trainer may make other bits of the same data."
        )),
        (None, Some(now)) => told.push(format!(
            "Which trainer made the version was not noted then; the re-run was made by {now}: another trainer may make other bits of \
             the same data."
        )),
        _ => {}
    }
    if expected.params != made.params {
        told.push(format!(
            "The parameters differ: {} then, {} now.",
            expected.params, made.params
        ));
    }
    let names = expected.metrics.keys().chain(made.metrics.keys());
    let mut differing: Vec<&String> = names
        // What took longer or shorter is no difference of the model; with folds, time may have run out.
        .filter(|name| !name.starts_with("folds"))
        .filter(|name| expected.metrics.get(*name) != made.metrics.get(*name))
        .collect();
    differing.sort_unstable();
    differing.dedup();
    let shown = |value: Option<&f64>| value.map_or("none".to_owned(), ToString::to_string);
    for name in differing.iter().take(TOLD) {
        told.push(format!(
            "{name}: {} then, {} now.",
            shown(expected.metrics.get(*name)),
            shown(made.metrics.get(*name))
        ));
    }
    if differing.len() > TOLD {
        told.push(format!("{} more metrics differ.", differing.len() - TOLD));
    }
    if differing.is_empty() {
        told.push(
            "The held-out metrics are the same: the difference is in bits that move no metric."
                .to_owned(),
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told() {
        let name = Name::new("price").unwrap();
        let metrics = |rmse: f64| BTreeMap::from([("rmse".to_owned(), rmse)]);
        let (then, now) = (metrics(2.0), metrics(2.5));
        let params = json!({"penalty": 0.1});
        let expected = Made {
            sha256: "aa",
            trainer: Some("1"),
            metrics: &then,
            params: &params,
        };
        let same = Reproduction::of(name.clone(), 3, expected, expected);
        assert!(same.is_same && same.differences.is_empty());
        let made = Made {
            sha256: "bb",
            trainer: Some("2"),
            metrics: &now,
            ..expected
        };
        let differs = Reproduction::of(name, 3, expected, made);
        assert!(!differs.is_same);
        assert_eq!(differs.differences.len(), 2, "{:?}", differs.differences);
        assert!(differs.differences[0].contains("trainer 1"));
        assert_eq!(differs.differences[1], "rmse: 2 then, 2.5 now.");
    }
}
