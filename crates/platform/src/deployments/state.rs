use domain::deployments::DeploymentState;
use domain::rollouts::Rollout;
use store::deployments::DeploymentRow;

use crate::live::Health;

/// How a deployment does, and why in one sentence.
pub(super) fn of(
    health: Option<Health>,
    row: &DeploymentRow,
    rollout: Option<&Rollout>,
) -> (DeploymentState, String) {
    let version = row.stable_version;
    let Some(health) = health.filter(|health| health.stable == row.stable_version_id) else {
        return (
            DeploymentState::Degraded,
            format!("version {version} has not made a probe prediction in this server yet"),
        );
    };
    if let Some(problem) = health.problem {
        return (
            DeploymentState::Degraded,
            format!("version {version} can not answer: {problem}"),
        );
    }
    match (rollout, health.canary_problem) {
        (Some(rollout), Some(problem)) => {
            let reason = format!(
                "version {version} answers everything, because the canary, version {}, can not: {problem}",
                rollout.canary_version
            );
            (DeploymentState::RollingOut, reason)
        }
        (Some(rollout), None) => {
            let reason = format!(
                "version {} takes {} % of the traffic beside version {version}",
                rollout.canary_version, rollout.weight
            );
            (DeploymentState::RollingOut, reason)
        }
        (None, _) if !health.is_loaded => (
            DeploymentState::Cold,
            format!(
                "version {version} is not loaded, since nobody asked for it lately: the next request loads it"
            ),
        ),
        (None, _) => (
            DeploymentState::Ready,
            format!("a probe prediction with version {version} succeeded"),
        ),
    }
}
