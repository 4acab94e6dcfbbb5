//! How a new version does beside the live one.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::figures::{count, decimal};
use crate::models::{Estimate, Metric};
use crate::training_runs::{Split, TrainingSpec};

/// On fewer rows nothing is said.
pub const MIN_COMPARED_ROWS: u64 = 30;

/// What both models do on the same held-out rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Compared {
    pub metric: Metric,
    /// Of the new version.
    pub challenger: f64,
    pub live: f64,
    /// The new version's minus the live one's; below 0 the new one does better.
    pub difference: Estimate,
    /// Rows that both were asked for.
    pub rows: u64,
    /// Held-out rows that one of them refused, which count for neither.
    pub refused: u64,
}

/// What came of comparing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Comparison {
    Compared(Compared),
    NotComparable {
        /// In one clause.
        reason: String,
    },
}

/// What the live version may know of the held-out rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lineage {
    /// It learned from another dataset.
    Apart,
    /// They were held out of its training too.
    HeldOut,
    /// It learned from a version of the same dataset.
    MayHaveLearned,
    /// Nobody knows what it learned from.
    Unknown,
}

impl Lineage {
    /// By the specs of the runs that made the two; `live` is none of a version that no run made.
    #[must_use]
    pub fn of(new: &TrainingSpec, live: Option<&TrainingSpec>) -> Self {
        let Some(live) = live else {
            return Self::Unknown;
        };
        if live.dataset != new.dataset {
            return Self::Apart;
        }
        // Folds divide the training rows alone.
        let without_folds = |spec: &TrainingSpec| Split {
            folds: None,
            ..spec.split.clone()
        };
        let holds_out_the_same = live.dataset_version == new.dataset_version
            && live.target == new.target
            && live.task == new.task
            && without_folds(live) == without_folds(new);
        if holds_out_the_same {
            Self::HeldOut
        } else {
            Self::MayHaveLearned
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetrainingVerdictKind {
    /// The whole interval of the difference is below 0.
    Better,
    Worse,
    /// The interval has 0 in it.
    NotClearlyBetter,
    NotComparable,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetrainingVerdict {
    pub kind: RetrainingVerdictKind,
    pub sentence: String,
    /// The version that was live when training began.
    pub live_version: Option<i32>,
    pub compared: Option<Compared>,
    pub at: Timestamp,
}

/// Whether the new version beats the live one. Pure: the same facts give the same verdict.
#[must_use]
pub fn judge(
    live_version: Option<i32>,
    comparison: &Comparison,
    lineage: Lineage,
    now: Timestamp,
) -> RetrainingVerdict {
    let verdict = |kind, sentence, compared| RetrainingVerdict {
        kind,
        sentence,
        live_version,
        compared,
        at: now,
    };
    let live = live_version.map_or_else(
        || "the live version".to_owned(),
        |version| format!("v{version}"),
    );
    let not_comparable = |reason: &str, compared| {
        let sentence = format!("not comparable with {live}: {reason}");
        verdict(RetrainingVerdictKind::NotComparable, sentence, compared)
    };
    let found = match comparison {
        Comparison::NotComparable { reason } => return not_comparable(reason, None),
        Comparison::Compared(found) => found,
    };
    let numbers = [
        found.challenger,
        found.live,
        found.difference.value,
        found.difference.low,
        found.difference.high,
    ];
    if !numbers.iter().all(|number| number.is_finite()) {
        return not_comparable("a figure is too large to compute with", None);
    }
    if found.rows < MIN_COMPARED_ROWS {
        let reason = format!(
            "both answer for {} held-out rows, and {MIN_COMPARED_ROWS} are needed to say anything",
            count(found.rows)
        );
        return not_comparable(&reason, Some(found.clone()));
    }
    let (kind, how) = if found.difference.high < 0.0 {
        (RetrainingVerdictKind::Better, "beats")
    } else if found.difference.low > 0.0 {
        (RetrainingVerdictKind::Worse, "does worse than")
    } else {
        (
            RetrainingVerdictKind::NotClearlyBetter,
            "is not clearly better than",
        )
    };
    let mut sentence = format!(
        "{how} {live}: {} {} against {}, difference {} (95 % {} to {}), on {} held-out rows",
        found.metric.label(),
        decimal(found.challenger),
        decimal(found.live),
        decimal(found.difference.value),
        decimal(found.difference.low),
        decimal(found.difference.high),
        count(found.rows),
    );
    if found.refused > 0 {
        sentence.push_str("; ");
        sentence.push_str(&count(found.refused));
        sentence.push_str(" more are left out, which one of the two refused");
    }
    match lineage {
        Lineage::Apart | Lineage::HeldOut => {}
        Lineage::MayHaveLearned => sentence.push_str(
            "; the live version may have learned from these rows, so this favours it",
        ),
        Lineage::Unknown => sentence.push_str(
            "; what the live version learned from is not known, so it may have learned from these rows, which would favour it",
        ),
    }
    verdict(kind, sentence, Some(found.clone()))
}
