//! Making attempts: by hand, and those that are due.

use domain::ids::RetrainingAttemptId;
use domain::retraining::{
    Due, PolicyFacts, RetrainingAttempt, Schedule, Trigger, after_failure, due,
};
use domain::training_runs::TrainingSpec;
use domain::{Actor, Error, Name, Result, Timestamp};
use store::Conn;
use store::datasets::Which;
use store::retraining::{NewAttempt, PolicyRow};

use super::{RETRAINER, judge, lock_model, locked, schedule, tell, told_paused};
use crate::{Platform, training_runs};

/// Trains now. A pause or a failure before keeps nobody from asking for it.
///
/// # Errors
/// `Conflict` with the code `retraining_active` while another attempt is; whatever keeps the run from being made.
pub async fn run(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
) -> Result<RetrainingAttempt> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let row = locked(&mut tx, actor, project, model).await?;
    if row.is_busy {
        let message = "an attempt is under way already: wait for its verdict, or cancel its run";
        return Err(Error::conflict("retraining_active", message));
    }
    let due = Due {
        trigger: Trigger::Manual,
        occurrence: None,
        skipped: 0,
    };
    let id = attempt(&mut tx, platform, now, actor, &row, due).await?;
    let made = store::retraining::find_attempt(&mut tx, id).await?;
    tx.commit().await?;
    made.map(|made| made.attempt)
        .ok_or_else(|| Error::not_found("attempt"))
}

/// One tick: gives every attempt whose training has ended its verdict, and makes those that are due. It takes no input and reads all
/// state, so a tick that is repeated, or made by two servers at once, does nothing twice. Says how many attempts it made or ended.
///
/// # Errors
/// The last failure. One policy's failure never keeps the others from being looked at.
pub async fn tick(platform: &Platform) -> Result<usize> {
    let mut done = 0;
    let mut outcome = Ok(());
    let open = {
        let mut conn = platform.store.read().await?;
        store::retraining::open_attempts(&mut conn).await?
    };
    for attempt in open.iter().filter(|attempt| attempt.run_has_ended) {
        match Box::pin(judge::judge(platform, attempt.id)).await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(attempt = %attempt.id, error = &error as &dyn std::error::Error, "a retraining has no verdict yet");
                outcome = Err(error);
            }
        }
    }
    let waiting = {
        let mut conn = platform.store.read().await?;
        store::retraining::list_waiting(&mut conn).await?
    };
    for policy in waiting {
        match fire(platform, &policy).await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(model = %policy.model, error = &error as &dyn std::error::Error, "a retraining could not be started");
                outcome = Err(error);
            }
        }
    }
    outcome.map(|()| done)
}

async fn fire(platform: &Platform, seen: &PolicyRow) -> Result<bool> {
    let now = platform.clock.now();
    if due(&facts(seen, schedule(seen).as_ref()), now).is_none() {
        return Ok(false);
    }
    let mut tx = platform.store.begin().await?;
    let model = lock_model(&mut tx, seen.project, &seen.model).await?;
    // Once more, on what is true now that nobody else can change it.
    let row = store::retraining::find_locked(&mut tx, model).await?;
    let Some(row) = row.filter(|row| row.id == seen.id) else {
        return Ok(false);
    };
    let Some(due) = due(&facts(&row, schedule(&row).as_ref()), now) else {
        return Ok(false);
    };
    attempt(&mut tx, platform, now, &RETRAINER, &row, due).await?;
    tx.commit().await?;
    Ok(true)
}

fn facts<'a>(row: &PolicyRow, schedule: Option<&'a Schedule>) -> PolicyFacts<'a> {
    PolicyFacts {
        schedule,
        on_new_dataset_version: row.on_new_dataset_version,
        is_paused: row.pause_reason.is_some(),
        is_busy: row.is_busy,
        done_until: row.done_until,
        not_before: row.not_before,
        seen_version: row.seen_version,
        newest_ready: row.newest_ready,
        ready_since: row.ready_since,
    }
}

/// Makes the attempt with its training run. One that was due and has no run, since the dataset no longer fits, is a failed one.
async fn attempt(
    conn: &mut Conn,
    platform: &Platform,
    now: Timestamp,
    actor: &Actor,
    row: &PolicyRow,
    due: Due,
) -> Result<RetrainingAttemptId> {
    let dataset = &row.training.dataset;
    let newest = store::datasets::find(conn, row.project, dataset, Which::NewestReady).await?;
    let spec = TrainingSpec {
        dataset_version: newest.as_ref().map(|newest| newest.version),
        ..row.training.clone()
    };
    let queued = training_runs::add(conn, &platform.limits, now, row.project, actor, &spec).await;
    let (training_run, failed) = match queued {
        Ok((run, _)) => (Some(run.id), None),
        Err(error @ (Error::Invalid(_) | Error::NotFound { .. } | Error::Conflict { .. }))
            if due.trigger != Trigger::Manual =>
        {
            (None, Some(format!("nothing could be trained: {error}")))
        }
        Err(error) => return Err(error),
    };
    let id = RetrainingAttemptId::at(now);
    let created_by = actor.label();
    let new = NewAttempt {
        id,
        model: row.model_id,
        policy: row.id,
        trigger: due.trigger,
        occurrence: due.occurrence,
        skipped: due.skipped,
        failed: failed.as_deref(),
        dataset,
        dataset_version: newest.as_ref().map(|newest| newest.id),
        training_run,
        deployment: row.deployment.as_ref(),
        created_by: &created_by,
        at: now,
    };
    store::retraining::insert_attempt(conn, &new).await?;
    let done_until = due.occurrence.unwrap_or(row.done_until);
    let seen_version = newest.map_or(row.seen_version, |newest| newest.version);
    store::retraining::set_done(conn, row.id, done_until, seen_version).await?;
    if let Some(reason) = failed {
        note_failure(conn, now, row, &reason).await?;
    }
    tell(conn, now, row.project, &row.model).await?;
    Ok(id)
}

/// Puts the policy off, and pauses it when too many attempts in a row have failed.
pub(super) async fn note_failure(
    conn: &mut Conn,
    now: Timestamp,
    row: &PolicyRow,
    reason: &str,
) -> Result<()> {
    let failures = row.failures.saturating_add(1);
    let not_before = after_failure(failures, now);
    store::retraining::set_failures(conn, row.id, failures, not_before).await?;
    if not_before.is_none() && row.pause_reason.is_none() {
        let reason =
            format!("paused after {failures} failed attempts in a row, the last one: {reason}");
        store::retraining::pause(conn, row.id, &reason, now).await?;
        told_paused(conn, now, &RETRAINER, row, &reason).await?;
    }
    Ok(())
}
