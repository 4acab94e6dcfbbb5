//! A rollout brings a new version out beside the stable one, and [`decide`] judges it. `decide` is a pure function: the
//! judge feeds it what it read and carries out what it says.

use serde::{Deserialize, Serialize};

use crate::ids::RolloutId;
use crate::{Error, FieldError, Name, Result, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutMode {
    /// The new version answers a share of the traffic.
    Canary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutStatus {
    Running,
    Paused,
    Promoted,
    RolledBack,
    Failed,
}

impl RolloutStatus {
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A share of the traffic for a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Per cent of the traffic, 0 to 100.
    pub weight: f64,
    /// At least this long before the next step; the last step waits for a person.
    pub seconds: u32,
}

/// When the judge takes a canary back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RolloutPolicy {
    /// Highest share of canary requests that may fail, 0 to 1.
    pub max_error_rate: f64,
    /// Fewer canary requests than this say nothing.
    pub min_samples: u32,
    /// How far back the judge looks, in seconds.
    pub window_seconds: u32,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self {
            max_error_rate: 0.05,
            min_samples: 20,
            window_seconds: 300,
        }
    }
}

/// A rollout as asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutSpec {
    pub version: i32,
    pub mode: RolloutMode,
    /// One step of 10 % unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    #[serde(default)]
    pub policy: RolloutPolicy,
}

impl RolloutSpec {
    /// A canary with the usual step and policy.
    #[must_use]
    pub fn canary(version: i32) -> Self {
        Self {
            version,
            mode: RolloutMode::Canary,
            steps: None,
            policy: RolloutPolicy::default(),
        }
    }

    /// # Errors
    /// Every field that is out of range, at once.
    pub fn check(&self) -> Result<Vec<Step>> {
        let mut errors = Vec::new();
        let steps = self.steps.clone().unwrap_or_else(|| {
            vec![Step {
                weight: 10.0,
                seconds: 0,
            }]
        });
        if steps.is_empty() || steps.len() > 20 {
            errors.push(
                FieldError::new("/steps", "out_of_range", "1 to 20 steps")
                    .got(steps.len().to_string()),
            );
        }
        for (index, step) in steps.iter().enumerate() {
            if !(0.0..=100.0).contains(&step.weight) {
                errors.push(
                    FieldError::new(
                        format!("/steps/{index}/weight"),
                        "out_of_range",
                        "per cent, from 0 to 100",
                    )
                    .got(step.weight.to_string()),
                );
            }
        }
        if !(0.0..=1.0).contains(&self.policy.max_error_rate) {
            errors.push(
                FieldError::new(
                    "/policy/max_error_rate",
                    "out_of_range",
                    "a share from 0 to 1",
                )
                .got(self.policy.max_error_rate.to_string()),
            );
        }
        if self.policy.min_samples == 0 {
            errors.push(
                FieldError::new("/policy/min_samples", "out_of_range", "at least 1").got("0"),
            );
        }
        if !(10..=86_400).contains(&self.policy.window_seconds) {
            errors.push(
                FieldError::new(
                    "/policy/window_seconds",
                    "out_of_range",
                    "a number from 10 to 86400",
                )
                .got(self.policy.window_seconds.to_string()),
            );
        }
        if errors.is_empty() {
            Ok(steps)
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

/// What one arm did within the judge's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArmStats {
    pub requests: u64,
    /// Requests the arm's model failed on, those that stable then answered included.
    pub errors: u64,
}

impl ArmStats {
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests stay far below 2^53"
    )]
    pub fn error_rate(self) -> f64 {
        if self.requests == 0 {
            0.0
        } else {
            self.errors as f64 / self.requests as f64
        }
    }
}

/// One of the two versions of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    Stable,
    Canary,
}

impl Arm {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

/// What one arm did within ten seconds: what the recorder adds to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutSample {
    pub rollout: RolloutId,
    pub arm: Arm,
    /// Unix seconds, a multiple of [`SAMPLE_SECONDS`].
    pub slice: i64,
    pub stats: ArmStats,
}

/// Length of a sample's slice.
pub const SAMPLE_SECONDS: i64 = 10;

/// Both arms over the same window, and where the rollout stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutStats {
    pub stable: ArmStats,
    pub canary: ArmStats,
    pub step_started_at: Timestamp,
    pub step: usize,
    pub steps: usize,
    pub step_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// Stay at this weight, or go to the next step.
    Continue,
    Promote,
    RollBack,
    NotEnoughData,
}

/// What the judge says, and why in one sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdict {
    pub kind: VerdictKind,
    pub reason: String,
    pub stable: ArmStats,
    pub canary: ArmStats,
    pub at: Timestamp,
}

/// Judges a rollout. Pure: the same facts give the same verdict.
///
/// A canary is rolled back as soon as its error rate is over the policy's with enough samples, and also before that when so
/// many requests have failed already that the rate at `min_samples` will be over it whatever comes.
#[must_use]
pub fn decide(policy: &RolloutPolicy, stats: &RolloutStats, now: Timestamp) -> Verdict {
    let verdict = |kind, reason| Verdict {
        kind,
        reason,
        stable: stats.stable,
        canary: stats.canary,
        at: now,
    };
    let canary = stats.canary;
    let samples = canary.requests.max(u64::from(policy.min_samples));
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests stay far below 2^53"
    )]
    let least_rate = canary.errors as f64 / samples as f64;
    if least_rate > policy.max_error_rate {
        return verdict(
            VerdictKind::RollBack,
            format!(
                "{} of {} canary requests failed ({:.1} %), over the limit of {:.1} %; stable failed on {:.1} %",
                canary.errors,
                canary.requests,
                canary.error_rate() * 100.0,
                policy.max_error_rate * 100.0,
                stats.stable.error_rate() * 100.0,
            ),
        );
    }
    if canary.requests < u64::from(policy.min_samples) {
        return verdict(
            VerdictKind::NotEnoughData,
            format!(
                "the canary has answered {} of the {} requests needed to judge it",
                canary.requests, policy.min_samples
            ),
        );
    }
    let health = format!(
        "{} of {} canary requests failed ({:.1} %), within the limit of {:.1} %",
        canary.errors,
        canary.requests,
        canary.error_rate() * 100.0,
        policy.max_error_rate * 100.0
    );
    if stats.step + 1 < stats.steps
        && now.seconds_since(stats.step_started_at) >= f64::from(stats.step_seconds)
    {
        return verdict(
            VerdictKind::Continue,
            format!(
                "{health}; going on to step {} of {}",
                stats.step + 2,
                stats.steps
            ),
        );
    }
    verdict(VerdictKind::Continue, health)
}

/// Whether a `Continue` means the next step.
#[must_use]
pub fn is_step_over(stats: &RolloutStats, now: Timestamp) -> bool {
    stats.step + 1 < stats.steps
        && now.seconds_since(stats.step_started_at) >= f64::from(stats.step_seconds)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rollout {
    pub id: RolloutId,
    pub deployment: Name,
    pub model: Name,
    pub mode: RolloutMode,
    pub status: RolloutStatus,
    pub stable_version: i32,
    pub canary_version: i32,
    pub steps: Vec<Step>,
    /// Index into `steps`.
    pub step: usize,
    /// Per cent of the traffic that goes to the canary now.
    pub weight: f64,
    pub policy: RolloutPolicy,
    /// Newest first, at most 50; equal verdicts in a row are kept once.
    pub verdicts: Vec<Verdict>,
    /// Why it ended, in one sentence.
    pub reason: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}
