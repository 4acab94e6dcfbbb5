//! What becomes of an attempt whose training has ended.

use domain::datasets::ColumnType;
use domain::ids::{ModelId, RetrainingAttemptId, RolloutId, TrainingRunId};
use domain::models::InputField;
use domain::retraining::{
    AttemptStatus, Circumstances, Decision, Lineage, RetrainingVerdict, decide,
};
use domain::rollouts::RolloutSpec;
use domain::training_runs::{RunStatus, TrainingSpec};
use domain::{Error, Name, Result, Timestamp};
use serde_json::json;
use store::Conn;
use store::retraining::{AttemptRow, Ended, PolicyRow};

use super::attempts::note_failure;
use super::{Change, RETRAINER, lock_model, record, tell};
use crate::{Limits, Platform, deployments, rollouts, training_runs};

/// Says whether it ended the attempt; somebody else may have.
pub(super) async fn judge(platform: &Platform, id: RetrainingAttemptId) -> Result<bool> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let Some(seen) = store::retraining::find_attempt(&mut tx, id).await? else {
        return Ok(false);
    };
    let model = lock_model(&mut tx, seen.project, &seen.model).await?;
    let policy = store::retraining::find_locked(&mut tx, model).await?;
    store::retraining::lock_attempt(&mut tx, id).await?;
    let Some(row) = store::retraining::find_attempt(&mut tx, id).await? else {
        return Ok(false);
    };
    let policy = policy.filter(|policy| row.policy == Some(policy.id));
    let is_open = row.attempt.status == AttemptStatus::Training;
    let Some(status) = row.run_status.filter(|status| is_open && status.is_final()) else {
        return Ok(false);
    };
    let outcome = match status {
        RunStatus::Succeeded => {
            succeeded(&mut tx, &platform.limits, now, &row, policy.as_ref()).await?
        }
        RunStatus::Cancelled => {
            Outcome::of(AttemptStatus::Cancelled, "its training run was cancelled")
        }
        RunStatus::Failed | RunStatus::Queued | RunStatus::Running => {
            let reason = row.run_error.as_ref().map_or_else(
                || "the training run failed".to_owned(),
                |error| error.message.clone(),
            );
            if let Some(policy) = &policy {
                note_failure(&mut tx, now, policy, &reason).await?;
            }
            Outcome::of(AttemptStatus::Failed, reason)
        }
    };
    let ended = Ended {
        status: outcome.status,
        reason: outcome.reason.as_deref(),
        verdict: outcome.verdict.as_ref(),
        rollout: outcome.rollout,
    };
    store::retraining::end(&mut tx, id, &ended, now).await?;
    if outcome.status == AttemptStatus::Proposed {
        told_proposed(&mut tx, now, &row, &outcome).await?;
    }
    tell(&mut tx, now, row.project, &row.model).await?;
    tx.commit().await?;
    if outcome.rollout.is_some() {
        platform.live.refresh().await;
    }
    tracing::info!(attempt = %id, status = outcome.status.as_str(), reason = outcome.reason, "a retraining ended");
    Ok(true)
}

struct Outcome {
    status: AttemptStatus,
    reason: Option<String>,
    verdict: Option<RetrainingVerdict>,
    rollout: Option<RolloutId>,
}

impl Outcome {
    fn of(status: AttemptStatus, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: Some(reason.into()),
            verdict: None,
            rollout: None,
        }
    }
}

/// There is a new version: what it is worth, and what to do with it.
async fn succeeded(
    conn: &mut Conn,
    limits: &Limits,
    now: Timestamp,
    row: &AttemptRow,
    policy: Option<&PolicyRow>,
) -> Result<Outcome> {
    if let Some(policy) = policy.filter(|policy| policy.failures > 0) {
        store::retraining::set_failures(conn, policy.id, 0, None).await?;
    }
    let verdict = match &row.comparison {
        None => None,
        Some(comparison) => {
            let lineage = lineage(conn, row).await?;
            let live = row.live_version;
            Some(domain::retraining::judge(live, comparison, lineage, now))
        }
    };
    let with = |status, reason: Option<String>, rollout| Outcome {
        status,
        reason,
        verdict: verdict.clone(),
        rollout,
    };
    let keep = |reason: &str| Ok(with(AttemptStatus::Kept, Some(reason.to_owned()), None));
    let (Some(name), Some(version)) = (&row.attempt.deployment, row.attempt.version) else {
        return keep("the policy is for no deployment");
    };
    let Some(policy) = policy else {
        return keep("the policy was deleted while it trained");
    };
    if policy.deployment.as_ref() != Some(name) {
        return keep("the policy is for another deployment by now");
    }
    let circumstances = match circumstances(conn, limits, row, policy, name, version).await? {
        Ok(circumstances) => circumstances,
        Err(reason) => return keep(&reason),
    };
    let kind = verdict.as_ref().map(|verdict| verdict.kind);
    let note = match decide(policy.on_better, kind, &circumstances) {
        Decision::Keep(reason) => return keep(&reason),
        Decision::Propose(note) => note,
        Decision::StartCanary => {
            supersede(conn, row.model_id, name, version).await?;
            let spec = RolloutSpec::canary(version);
            let started = rollouts::start_in(conn, now, &RETRAINER, row.project, name, &spec).await;
            match started {
                Ok(rollout) => {
                    return Ok(with(AttemptStatus::CanaryStarted, None, Some(rollout.id)));
                }
                // No rollout is active, and what else it refuses it refuses before it writes.
                Err(error @ (Error::Invalid(_) | Error::Conflict { .. })) => {
                    Some(format!("it could not be started: {error}"))
                }
                Err(error) => return Err(error),
            }
        }
    };
    supersede(conn, row.model_id, name, version).await?;
    Ok(with(AttemptStatus::Proposed, note, None))
}

/// Whether the policy would not train this any more, since somebody has changed what it trains or the dataset is gone.
async fn is_outdated(
    conn: &mut Conn,
    limits: &Limits,
    row: &AttemptRow,
    policy: &PolicyRow,
) -> Result<bool> {
    let Some(made) = spec_of_run(conn, row.attempt.training_run).await? else {
        return Ok(true);
    };
    let wanted = &policy.training;
    Ok(!training_runs::would_make(conn, limits, row.project, wanted, &made).await?)
}

async fn supersede(conn: &mut Conn, model: ModelId, name: &Name, version: i32) -> Result<()> {
    let reason = format!("v{version} took its place");
    store::retraining::supersede(conn, model, name, &reason).await?;
    Ok(())
}

/// How things stand on the deployment, which is locked from here on; or why there is nothing to be done on it.
async fn circumstances(
    conn: &mut Conn,
    limits: &Limits,
    row: &AttemptRow,
    policy: &PolicyRow,
    name: &Name,
    version: i32,
) -> Result<std::result::Result<Circumstances, String>> {
    let deployment = match deployments::find_locked(conn, row.project, name).await {
        Ok(deployment) => deployment,
        Err(Error::NotFound { .. }) => {
            return Ok(Err(format!("there is no deployment {name} any more")));
        }
        Err(error) => return Err(error),
    };
    if deployment.model_id != row.model_id {
        return Ok(Err(format!(
            "the deployment {name} serves the model {} by now",
            deployment.model
        )));
    }
    let stable = deployment.stable_version;
    let active = store::rollouts::find_active(conn, deployment.id).await?;
    let mut inputs = Vec::new();
    for version in [version, stable] {
        let found = store::models::versions(conn, row.model_id, Some(version), false).await?;
        let found = found.into_iter().next();
        inputs.push(found.map_or_else(Vec::new, |found| found.signature.inputs));
    }
    let new_inputs = match &inputs[..] {
        [new, live] => unknown_inputs(new, live),
        _ => Vec::new(),
    };
    Ok(Ok(Circumstances {
        live_version: Some(stable),
        compared_with: row.live_version,
        active_canary: active.map(|rollout| rollout.canary_version),
        new_inputs,
        is_paused: policy.pause_reason.is_some(),
        is_outdated: is_outdated(conn, limits, row, policy).await?,
    }))
}

/// What callers of the live version need not send, and the new one takes. Each in words.
fn unknown_inputs(new: &[InputField], live: &[InputField]) -> Vec<String> {
    let unknown = new.iter().filter_map(|input| {
        let name = &input.name;
        let Some(known) = live.iter().find(|known| known.name == *name) else {
            return Some(name.clone());
        };
        // Whole numbers are numbers.
        let is_wider = (known.kind, input.kind) == (ColumnType::Integer, ColumnType::Float);
        if known.kind != input.kind && !is_wider {
            return Some(format!("{name} as {}", input.kind.as_str()));
        }
        if known.format.is_none() && input.format.is_some() {
            return Some(format!("{name} as a date"));
        }
        (known.nullable && !input.nullable).then(|| format!("{name} in every row"))
    });
    unknown.collect()
}

async fn lineage(conn: &mut Conn, row: &AttemptRow) -> Result<Lineage> {
    let Some(new) = spec_of_run(conn, row.attempt.training_run).await? else {
        return Ok(Lineage::Unknown);
    };
    let versions = store::models::versions(conn, row.model_id, row.live_version, false).await?;
    let live = versions
        .into_iter()
        .find(|version| Some(version.version) == row.live_version);
    let live = spec_of_run(conn, live.and_then(|live| live.training_run)).await?;
    Ok(Lineage::of(&new, live.as_ref()))
}

async fn spec_of_run(conn: &mut Conn, run: Option<TrainingRunId>) -> Result<Option<TrainingSpec>> {
    let Some(run) = run else { return Ok(None) };
    let found = store::training_runs::find(conn, run).await?;
    Ok(found.map(|found| found.run.spec))
}

async fn told_proposed(
    conn: &mut Conn,
    now: Timestamp,
    row: &AttemptRow,
    outcome: &Outcome,
) -> Result<()> {
    let (Some(name), Some(version)) = (&row.attempt.deployment, row.attempt.version) else {
        return Ok(());
    };
    let sentence = outcome
        .verdict
        .as_ref()
        .map_or("", |verdict| verdict.sentence.as_str());
    let change = Change {
        action: "retraining.proposed",
        reason: &format!("v{version} {sentence}"),
        before: None,
        after: Some(json!({ "attempt": row.attempt.id, "version": version, "deployment": name })),
    };
    record(conn, now, row.project, &RETRAINER, &row.model, change).await
}

#[cfg(test)]
mod tests {
    use domain::datasets::TextFormat;

    use super::*;

    fn input(name: &str, kind: &str, is_nullable: bool) -> InputField {
        serde_json::from_value(json!({ "name": name, "type": kind, "nullable": is_nullable }))
            .unwrap()
    }

    #[test]
    fn callers_need_not_send_what_they_did_not() {
        let live = [
            input("rooms", "integer", true),
            input("place", "string", false),
            input("gone", "float", false),
        ];
        for (new, expected) in [
            (input("rooms", "integer", true), None),
            (input("rooms", "float", true), None),
            (input("place", "string", true), None),
            (input("rooms", "integer", false), Some("rooms in every row")),
            (input("place", "float", false), Some("place as float")),
            (input("gone", "integer", false), Some("gone as integer")),
            (input("area", "float", true), Some("area")),
            (
                InputField {
                    format: Some(TextFormat::Timestamp),
                    ..input("place", "string", false)
                },
                Some("place as a date"),
            ),
        ] {
            let told = unknown_inputs(std::slice::from_ref(&new), &live);
            assert_eq!(told.first().map(String::as_str), expected, "{new:?}");
        }
        assert!(unknown_inputs(&[], &live).is_empty());
    }
}
