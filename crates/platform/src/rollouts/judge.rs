use domain::rollouts::{RolloutStats, RolloutStatus, Verdict, VerdictKind, decide, is_step_over};
use domain::{Actor, Result, Timestamp};
use store::Conn;
use store::rollouts::{RolloutRow, StoredVerdict};

use super::action::{Action, apply};
use crate::Platform;
use crate::deployments::tell;

const JUDGE: Actor = Actor::System { name: "judge" };
/// A verdict of the same kind is brought up to date at most this often, in seconds: its page reads it anew each time.
const FRESH_SECONDS: f64 = 5.0;

/// One tick: judges every active rollout and carries out what the verdicts say. It takes no input and reads all state, so
/// a tick that is repeated, or made by two processes at once, does nothing twice. Says how many rollouts it changed.
///
/// # Errors
/// The last failure. One rollout's failure never keeps the others from being judged.
pub async fn judge(platform: &Platform) -> Result<usize> {
    let active = {
        let mut conn = platform.store.read().await?;
        store::rollouts::list_active(&mut conn).await?
    };
    let mut changed = 0;
    let mut outcome = Ok(());
    for rollout in active {
        match judge_one(platform, &rollout).await {
            Ok(true) => changed += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(rollout = %rollout.id, error = &error as &dyn std::error::Error, "a rollout could not be judged");
                outcome = Err(error);
            }
        }
    }
    outcome.map(|()| changed)
}

async fn judge_one(platform: &Platform, rollout: &RolloutRow) -> Result<bool> {
    let now = platform.clock.now();
    let (stats, last) = {
        let mut conn = platform.store.read().await?;
        (
            stats(&mut conn, rollout, now).await?,
            store::rollouts::last_verdict(&mut conn, rollout.id).await?,
        )
    };
    let verdict = decide(&rollout.policy, &stats, now);
    let acts = match verdict.kind {
        VerdictKind::RollBack | VerdictKind::Promote => true,
        VerdictKind::Continue => goes_on(rollout, &stats, now),
        VerdictKind::NotEnoughData => false,
    };
    if !acts && !is_news(last.as_ref(), &verdict) {
        return Ok(false);
    }
    carry_out(platform, rollout, now).await
}

/// Judges once more under the deployment's lock, on what is true then, and writes.
async fn carry_out(platform: &Platform, seen: &RolloutRow, now: Timestamp) -> Result<bool> {
    let mut tx = platform.store.begin().await?;
    if !store::deployments::lock(&mut tx, seen.deployment_id).await? {
        return Ok(false);
    }
    let Some(rollout) = store::rollouts::find_active(&mut tx, seen.deployment_id)
        .await?
        .filter(|row| row.id == seen.id)
    else {
        return Ok(false);
    };
    let Some(row) = store::deployments::find_by_id(&mut tx, seen.deployment_id).await? else {
        return Ok(false);
    };
    let stats = stats(&mut tx, &rollout, now).await?;
    let verdict = decide(&rollout.policy, &stats, now);
    let action = match verdict.kind {
        VerdictKind::RollBack => Some(Action::End(
            RolloutStatus::RolledBack,
            verdict.reason.clone(),
        )),
        VerdictKind::Promote => Some(Action::End(RolloutStatus::Promoted, verdict.reason.clone())),
        VerdictKind::Continue if goes_on(&rollout, &stats, now) => Some(Action::GoToStep(
            rollout.step,
            rollout.step + 1,
            verdict.reason.clone(),
        )),
        VerdictKind::Continue | VerdictKind::NotEnoughData => None,
    };
    let kept = keep(&mut tx, &rollout, &verdict, action.is_some()).await?;
    let changes = action.is_some();
    if let Some(action) = action {
        apply(&mut tx, now, &JUDGE, &row, &rollout, action).await?;
        tracing::info!(deployment = %row.name, version = rollout.canary_version, reason = verdict.reason, "the judge changed a rollout");
    } else if kept {
        tell(&mut tx, now, row.project, &row.name).await?;
    }
    tx.commit().await?;
    Ok(changes)
}

/// A paused rollout keeps its step.
fn goes_on(rollout: &RolloutRow, stats: &RolloutStats, now: Timestamp) -> bool {
    rollout.status == RolloutStatus::Running && is_step_over(stats, now)
}

async fn stats(conn: &mut Conn, rollout: &RolloutRow, now: Timestamp) -> Result<RolloutStats> {
    let since = now.plus_seconds(-i64::from(rollout.policy.window_seconds));
    let (stable, canary) = store::rollouts::stats(conn, rollout.id, since).await?;
    Ok(RolloutStats {
        stable,
        canary,
        step_started_at: rollout.step_started_at,
        step: rollout.step,
        steps: rollout.steps.len(),
        step_seconds: rollout
            .steps
            .get(rollout.step)
            .map_or(0, |step| step.seconds),
    })
}

/// Keeps the verdict: a new row when it says something else than the last one or something is done on it, else newer
/// figures in that row. Says whether anything was written.
async fn keep(
    conn: &mut Conn,
    rollout: &RolloutRow,
    verdict: &Verdict,
    acted_on: bool,
) -> Result<bool> {
    let last = store::rollouts::last_verdict(conn, rollout.id).await?;
    match last {
        Some(last) if last.verdict.kind == verdict.kind && !acted_on => {
            if !is_news(Some(&last), verdict) {
                return Ok(false);
            }
            store::rollouts::replace_verdict(conn, last.id, verdict).await?;
        }
        _ => store::rollouts::append_verdict(conn, rollout.id, verdict).await?,
    }
    Ok(true)
}

fn is_news(last: Option<&StoredVerdict>, verdict: &Verdict) -> bool {
    last.is_none_or(|last| {
        last.verdict.kind != verdict.kind
            || (last.verdict.reason != verdict.reason
                && verdict.at.seconds_since(last.verdict.at) >= FRESH_SECONDS)
    })
}
