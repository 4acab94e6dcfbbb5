//! Retraining: a policy says what a model is trained on anew, when, and what becomes of a version that does better than the live
//! one. [`due`], [`judge`] and [`decide`] are pure: the platform feeds them what it read and carries out what they say.

mod decision;
mod schedule;
mod verdict;

use serde::{Deserialize, Serialize};

use crate::ids::{RetrainingAttemptId, RetrainingPolicyId, RolloutId, TrainingRunId};
use crate::training_runs::TrainingSpec;
use crate::{Error, FieldError, Name, Result, Timestamp};

pub use decision::{Circumstances, Decision, decide};
pub use schedule::Schedule;
pub use verdict::{
    Compared, Comparison, Lineage, MIN_COMPARED_ROWS, RetrainingVerdict, RetrainingVerdictKind,
    judge,
};

/// A policy is paused after so many failed attempts in a row.
pub const MOST_FAILURES: u32 = 5;
/// How many moments or dataset versions are counted that were passed over.
pub const MOST_SKIPPED: u32 = 1000;
/// How many coming moments a policy shows.
pub const SHOWN_MOMENTS: usize = 3;
/// A policy's schedule leaves at least so many minutes between two moments, so that what one of them starts can come to its end.
pub const SHORTEST_PAUSE: usize = 15;
/// Pause after the first failure, in seconds; it doubles with every further one.
const FIRST_PAUSE: i64 = 300;
const LONGEST_PAUSE: i64 = 6 * 3600;

/// What becomes of a new version that does better than the live one on the same held-out rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnBetter {
    /// The version is there, with its verdict.
    #[default]
    Nothing,
    /// A rollout is proposed, which somebody accepts or dismisses.
    Propose,
    /// A rollout starts as a canary, with the usual policy.
    StartCanary,
}

impl OnBetter {
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Propose, Self::StartCanary];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Propose => "propose",
            Self::StartCanary => "start_canary",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// A policy as asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetrainingSpec {
    /// What to train, as for a training run: `model` is the policy's, and `dataset_version` is left out, for the newest ready one is
    /// taken each time.
    pub training: TrainingSpec,
    /// When, in UTC: minute, hour, day of the month, month and weekday, as cron has them, such as `0 3 * * 1`. At most every 15
    /// minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Also whenever a new version of the dataset is ready.
    #[serde(default)]
    pub on_new_dataset_version: bool,
    /// Whose live version the new one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    #[serde(default)]
    pub on_better: OnBetter,
}

impl RetrainingSpec {
    /// Checks all that can be known without the database. Gives the schedule, read.
    ///
    /// # Errors
    /// Every field that is wrong, at once.
    pub fn check(&self, model: &Name) -> Result<Option<Schedule>> {
        let mut errors = Vec::new();
        if self.training.model != *model {
            let expected = format!("{model}, the model that the policy is of");
            errors.push(
                FieldError::new("/training/model", "invalid", expected)
                    .got(self.training.model.as_str()),
            );
        }
        if let Some(version) = self.training.dataset_version {
            let expected = "none: the newest ready version is trained on each time";
            errors.push(
                FieldError::new("/training/dataset_version", "invalid", expected)
                    .got(version.to_string()),
            );
        }
        match self.training.check() {
            Ok(()) => {}
            Err(Error::Invalid(wrong)) => errors.extend(of_training(wrong)),
            Err(error) => return Err(error),
        }
        let mut schedule = None;
        if let Some(text) = self.schedule.as_deref() {
            match Schedule::parse(text).and_then(unhurried) {
                Ok(read) => schedule = Some(read),
                Err(expected) => {
                    errors.push(FieldError::new("/schedule", "invalid", expected).got(text));
                }
            }
        }
        if self.on_better != OnBetter::Nothing && self.deployment.is_none() {
            let expected = format!(
                "the deployment whose live version is to be beaten, since on_better is {}",
                self.on_better.as_str()
            );
            errors.push(FieldError::new("/deployment", "missing", expected));
        }
        if errors.is_empty() {
            Ok(schedule)
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

/// Only of what is asked for: what was stored before there was a shortest pause goes on to be read.
fn unhurried(schedule: Schedule) -> Result<Schedule, String> {
    match schedule.shortest_pause() {
        Some(pause) if pause < SHORTEST_PAUSE => {
            let unit = if pause == 1 { "minute" } else { "minutes" };
            Err(format!(
                "moments that are at least {SHORTEST_PAUSE} minutes apart, such as */{SHORTEST_PAUSE} * * * * or 0 * * * *; this one has pauses of {pause} {unit}"
            ))
        }
        _ => Ok(schedule),
    }
}

/// What is wrong with a run's spec, where it stands within a policy.
pub fn of_training(errors: Vec<FieldError>) -> impl Iterator<Item = FieldError> {
    errors.into_iter().map(|mut error| {
        error.pointer.insert_str(0, "/training");
        error
    })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetrainingPolicy {
    pub id: RetrainingPolicyId,
    pub model: Name,
    pub training: TrainingSpec,
    pub schedule: Option<String>,
    pub on_new_dataset_version: bool,
    pub deployment: Option<Name>,
    pub on_better: OnBetter,
    pub paused: bool,
    /// Why, in one sentence.
    pub pause_reason: Option<String>,
    /// The next three moments of the schedule; none while it is paused.
    pub next_runs: Vec<Timestamp>,
    /// Failed attempts since the last one that made a version.
    pub failures: u32,
    /// Nothing starts by itself before this, after a failure.
    pub not_before: Option<Timestamp>,
    /// What would keep an attempt from working now, each in one sentence.
    pub problems: Vec<String>,
    pub revision: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl RetrainingPolicy {
    /// As it would be asked for.
    #[must_use]
    pub fn spec(&self) -> RetrainingSpec {
        RetrainingSpec {
            training: self.training.clone(),
            schedule: self.schedule.clone(),
            on_new_dataset_version: self.on_new_dataset_version,
            deployment: self.deployment.clone(),
            on_better: self.on_better,
        }
    }
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Schedule,
    DatasetVersion,
    Manual,
}

impl Trigger {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::DatasetVersion => "dataset_version",
            Self::Manual => "manual",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// Until its verdict.
    Training,
    /// There is no new version; the reason says why.
    Failed,
    Cancelled,
    /// There is a new version, and nothing more becomes of it.
    Kept,
    /// A rollout waits for somebody to accept it.
    Proposed,
    Accepted,
    Dismissed,
    /// A later proposal took its place.
    Superseded,
    CanaryStarted,
}

impl AttemptStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Kept => "kept",
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
            Self::Superseded => "superseded",
            Self::CanaryStarted => "canary_started",
        }
    }
}

/// One try to train a better version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetrainingAttempt {
    pub id: RetrainingAttemptId,
    pub trigger: Trigger,
    /// Of a schedule, the moment that it is of.
    pub occurrence: Option<Timestamp>,
    /// How many moments or dataset versions before this one were passed over, since nothing could be started at their time.
    pub skipped: u32,
    pub status: AttemptStatus,
    /// Why it ended so, or what a proposal waits for, in one sentence.
    pub reason: Option<String>,
    pub dataset: Name,
    pub dataset_version: Option<i32>,
    pub training_run: Option<TrainingRunId>,
    /// The new version.
    pub version: Option<i32>,
    pub deployment: Option<Name>,
    /// How the new version does beside the live one.
    pub verdict: Option<RetrainingVerdict>,
    pub rollout: Option<RolloutId>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Who accepted or dismissed the proposal.
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
}

/// What a training run tells of the attempt that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetrainingOrigin {
    pub attempt: RetrainingAttemptId,
    pub trigger: Trigger,
}

/// What a policy is judged by for whether something is to be started.
#[derive(Clone, Copy, Debug)]
pub struct PolicyFacts<'a> {
    pub schedule: Option<&'a Schedule>,
    pub on_new_dataset_version: bool,
    pub is_paused: bool,
    /// An attempt is under way.
    pub is_busy: bool,
    /// Moments of the schedule up to this one are done with.
    pub done_until: Timestamp,
    pub not_before: Option<Timestamp>,
    /// Versions of the dataset up to this one are done with.
    pub seen_version: i32,
    pub newest_ready: Option<i32>,
    /// How many ready versions came after the seen one.
    pub ready_since: u32,
}

/// An attempt that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub trigger: Trigger,
    pub occurrence: Option<Timestamp>,
    pub skipped: u32,
}

/// What is to be started now, if anything. Of several moments that were missed the last one counts, and the others are passed over.
#[must_use]
pub fn due(facts: &PolicyFacts<'_>, now: Timestamp) -> Option<Due> {
    if facts.is_paused || facts.is_busy || facts.not_before.is_some_and(|at| now < at) {
        return None;
    }
    let moment = facts
        .schedule
        .and_then(|schedule| schedule.last_within(facts.done_until, now, MOST_SKIPPED));
    if let Some((moment, skipped)) = moment {
        return Some(Due {
            trigger: Trigger::Schedule,
            occurrence: Some(moment),
            skipped,
        });
    }
    let is_new = facts
        .newest_ready
        .is_some_and(|newest| newest > facts.seen_version);
    (facts.on_new_dataset_version && is_new).then(|| Due {
        trigger: Trigger::DatasetVersion,
        occurrence: None,
        skipped: facts.ready_since.saturating_sub(1).min(MOST_SKIPPED),
    })
}

/// When something may start again after so many failures in a row. `None`: never by itself.
#[must_use]
pub fn after_failure(failures: u32, now: Timestamp) -> Option<Timestamp> {
    if failures >= MOST_FAILURES {
        return None;
    }
    let doublings = failures.saturating_sub(1).min(16);
    let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
    Some(now.plus_seconds(pause))
}

#[cfg(test)]
mod tests;
