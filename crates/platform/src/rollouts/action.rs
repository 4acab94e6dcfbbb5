use domain::rollouts::RolloutStatus;
use domain::{Actor, Error, Result, Timestamp};
use serde_json::Value;
use store::Conn;
use store::deployments::DeploymentRow;
use store::rollouts::RolloutRow;

use crate::deployments::{Change, live_as, record};

/// What changes an active rollout.
pub(super) enum Action {
    /// Promoted or rolled back, and why.
    End(RolloutStatus, String),
    /// Paused or running.
    SetStatus(RolloutStatus),
    SetWeight(f64),
    /// The judge's: from the first step to the second, and why.
    GoToStep(usize, usize, String),
}

/// What was done, for the ledger; `done` is false when the rollout was not in the state that it was read in.
struct Done {
    done: bool,
    action: &'static str,
    reason: String,
    after: Value,
}

/// Carries an action out. The caller holds the deployment's lock; every write still names the state that it starts from,
/// so that nothing is done twice.
pub(super) async fn apply(
    conn: &mut Conn,
    now: Timestamp,
    actor: &Actor,
    row: &DeploymentRow,
    rollout: &RolloutRow,
    action: Action,
) -> Result<()> {
    if !rollout.status.is_active() {
        return Err(ended(rollout));
    }
    let canary = rollout.canary_version;
    let before = live_as(
        &row.model,
        row.stable_version,
        Some((canary, rollout.weight)),
    );
    let Done {
        done,
        action,
        reason,
        after,
    } = match action {
        Action::End(status, reason) => end(conn, now, row, rollout, status, reason).await?,
        Action::SetStatus(status) => set_status(conn, actor, row, rollout, status).await?,
        Action::SetWeight(weight) => Done {
            done: store::rollouts::set_weight(conn, rollout.id, weight).await?,
            action: "rollout.weight_set",
            reason: format!(
                "version {canary} takes {weight} % of the traffic instead of {} %",
                rollout.weight
            ),
            after: live_as(&row.model, row.stable_version, Some((canary, weight))),
        },
        Action::GoToStep(from, to, reason) => {
            let weight = rollout
                .steps
                .get(to)
                .map_or(rollout.weight, |step| step.weight);
            Done {
                done: store::rollouts::set_step(conn, rollout.id, from, to, weight, now).await?,
                action: "rollout.step_started",
                reason,
                after: live_as(&row.model, row.stable_version, Some((canary, weight))),
            }
        }
    };
    if !done {
        let message = "this rollout changed just now: look at it and try again";
        return Err(Error::conflict("changed_meanwhile", message));
    }
    // A promotion has raised the revision already.
    if action != PROMOTED {
        store::deployments::touch(conn, row.id, now).await?;
    }
    let change = Change {
        action,
        reason: &reason,
        before: Some(before),
        after: Some(after),
    };
    record(conn, now, row.project, actor, &row.name, change).await
}

const PROMOTED: &str = "rollout.promoted";

async fn end(
    conn: &mut Conn,
    now: Timestamp,
    row: &DeploymentRow,
    rollout: &RolloutRow,
    status: RolloutStatus,
    reason: String,
) -> Result<Done> {
    let ended = store::rollouts::end(conn, rollout.id, status, &reason, now).await?;
    if status != RolloutStatus::Promoted {
        let after = live_as(&row.model, row.stable_version, None);
        return Ok(Done {
            done: ended,
            action: "rollout.rolled_back",
            reason,
            after,
        });
    }
    let stable = rollout.canary_version_id;
    let promoted = store::deployments::set_stable(conn, row.id, row.revision, stable, now).await?;
    let after = live_as(&row.model, rollout.canary_version, None);
    Ok(Done {
        done: ended && promoted,
        action: PROMOTED,
        reason,
        after,
    })
}

async fn set_status(
    conn: &mut Conn,
    actor: &Actor,
    row: &DeploymentRow,
    rollout: &RolloutRow,
    to: RolloutStatus,
) -> Result<Done> {
    let (from, word, action) = match to {
        RolloutStatus::Paused => (RolloutStatus::Running, "paused", "rollout.paused"),
        _ => (RolloutStatus::Paused, "resumed", "rollout.resumed"),
    };
    if rollout.status == to {
        let state = if to == RolloutStatus::Paused {
            "paused"
        } else {
            "running"
        };
        return Err(Error::conflict(
            "no_change",
            format!("this rollout is {state} already"),
        ));
    }
    Ok(Done {
        done: store::rollouts::set_status(conn, rollout.id, from, to).await?,
        action,
        reason: format!("{word} at {} % by {}", rollout.weight, actor.label()),
        after: live_as(
            &row.model,
            row.stable_version,
            Some((rollout.canary_version, rollout.weight)),
        ),
    })
}

fn ended(rollout: &RolloutRow) -> Error {
    let how = match rollout.status {
        RolloutStatus::Promoted => "promoted",
        RolloutStatus::RolledBack => "rolled back",
        _ => "ended",
    };
    let at = rollout
        .ended_at
        .map_or_else(String::new, |at| format!(" at {at}"));
    let why = rollout
        .reason
        .as_deref()
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    Error::conflict(
        "rollout_ended",
        format!("this rollout was already {how}{at}{why}"),
    )
}
