//! Models that are trained anew by themselves. Whoever changes something here locks the model first, then the policy, the attempt and
//! the deployment, so that no two of them wait for each other.

mod attempts;
mod judge;
mod opponent;
mod problems;
mod proposals;

use domain::events::Topic;
use domain::ids::{ModelId, ProjectId, RetrainingPolicyId};
use domain::page::PageRequest;
use domain::retraining::{
    RetrainingAttempt, RetrainingPolicy, RetrainingSpec, SHOWN_MOMENTS, Schedule, of_training,
};
use domain::training_runs::TrainingSpec;
use domain::{Actor, Error, FieldError, Name, Page, Permission, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::datasets::Which;
use store::retraining::{PolicyRow, Settings};

use crate::ledger::Entry;
use crate::{Limits, Platform, access, events, ledger, page, training_runs};

pub use attempts::{run, tick};
pub use opponent::Opponent;
pub(crate) use opponent::opponent;
pub use proposals::{accept, dismiss};

/// Who does what nobody asked for at that moment.
const RETRAINER: Actor = Actor::System { name: "retrainer" };

/// The policy of a model.
///
/// # Errors
/// `NotFound` for the model, and when it has no policy.
pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
) -> Result<RetrainingPolicy> {
    find(platform, actor, project, model)
        .await?
        .ok_or_else(no_policy)
}

/// As [`get`]; `None` when the model has no policy.
pub async fn find(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
) -> Result<Option<RetrainingPolicy>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let model = model_id(&mut conn, project, model).await?;
    match store::retraining::find(&mut conn, model).await? {
        Some(row) => Ok(Some(whole(platform, &mut conn, row).await?)),
        None => Ok(None),
    }
}

/// Makes the policy of a model, or changes it. Putting what is there already changes nothing. A paused policy stays paused.
///
/// # Errors
/// `Invalid` naming every field that does not fit the dataset and the deployment as they are now; `PreconditionFailed` when the policy
/// has another revision than `if_match`; `NotFound` for the model.
pub async fn put(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    spec: RetrainingSpec,
    if_match: Option<i64>,
) -> Result<RetrainingPolicy> {
    spec.check(model)?;
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project_id = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let model_id = lock_model(&mut tx, project_id, model).await?;
    let found = store::retraining::find_locked(&mut tx, model_id).await?;
    check_revision(model, found.as_ref(), if_match)?;
    check_references(&mut tx, &platform.limits, project_id, &spec).await?;
    let newest = newest_ready(&mut tx, project_id, &spec.training).await?;
    let settings = Settings {
        training: &spec.training,
        schedule: spec.schedule.as_deref(),
        on_new_dataset_version: spec.on_new_dataset_version,
        deployment: spec.deployment.as_ref(),
        on_better: spec.on_better,
        done_until: now,
        seen_version: newest,
    };
    let (id, action, before) = if let Some(row) = &found {
        let before = spec_of(row);
        if before == spec {
            return whole(platform, &mut tx, row.clone()).await;
        }
        // What the change leaves as it was is not due anew.
        let same_schedule = before.schedule == spec.schedule;
        let same_data =
            before.on_new_dataset_version && before.training.dataset == spec.training.dataset;
        let settings = Settings {
            done_until: if same_schedule { row.done_until } else { now },
            seen_version: if same_data { row.seen_version } else { newest },
            ..settings
        };
        store::retraining::update(&mut tx, row.id, &settings, now).await?;
        (row.id, "retraining.changed", Some(before))
    } else {
        let id = RetrainingPolicyId::at(now);
        let label = actor.label();
        let of = (project_id, model_id);
        store::retraining::insert(&mut tx, id, of, &settings, &label, now).await?;
        (id, "retraining.created", None)
    };
    let reason = format!("{model} is trained anew {}", when(&spec));
    let change = Change {
        action,
        reason: &reason,
        before: before.map(|before| json!(before)),
        after: Some(json!(spec)),
    };
    record(&mut tx, now, project_id, actor, model, change).await?;
    let row = store::retraining::find(&mut tx, model_id).await?;
    let row = row.filter(|row| row.id == id).ok_or_else(no_policy)?;
    let policy = whole(platform, &mut tx, row).await?;
    tx.commit().await?;
    Ok(policy)
}

/// Takes the policy away. What it has made stays, and a training that is under way goes on; nothing becomes of it.
pub async fn delete(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    if_match: Option<i64>,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let model_id = lock_model(&mut tx, project, model).await?;
    let row = store::retraining::find_locked(&mut tx, model_id).await?;
    check_revision(model, row.as_ref(), if_match)?;
    let row = row.ok_or_else(no_policy)?;
    store::retraining::delete(&mut tx, row.id).await?;
    let change = Change {
        action: "retraining.deleted",
        reason: &format!("{model} is trained by hand alone"),
        before: Some(json!(spec_of(&row))),
        after: None,
    };
    record(&mut tx, now, project, actor, model, change).await?;
    tx.commit().await?;
    Ok(())
}

/// Nothing starts by itself until it is resumed. One that is paused already stays so.
pub async fn pause(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
) -> Result<RetrainingPolicy> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let row = locked(&mut tx, actor, project, model).await?;
    if row.pause_reason.is_none() {
        let reason = format!("paused by {}", actor.label());
        store::retraining::pause(&mut tx, row.id, &reason, now).await?;
        told_paused(&mut tx, now, actor, &row, &reason).await?;
    }
    let row = store::retraining::find(&mut tx, row.model_id).await?;
    let policy = whole(platform, &mut tx, row.ok_or_else(no_policy)?).await?;
    tx.commit().await?;
    Ok(policy)
}

/// Lets it start things again. What came due while it was paused is passed over, and earlier failures are forgotten.
pub async fn resume(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
) -> Result<RetrainingPolicy> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let row = locked(&mut tx, actor, project, model).await?;
    if row.pause_reason.is_some() {
        let newest = newest_ready(&mut tx, row.project, &row.training).await?;
        store::retraining::resume(&mut tx, row.id, newest, now).await?;
        let change = Change {
            action: "retraining.resumed",
            reason: &format!("the retraining of {model} goes on"),
            before: None,
            after: None,
        };
        record(&mut tx, now, row.project, actor, model, change).await?;
    }
    let row = store::retraining::find(&mut tx, row.model_id).await?;
    let policy = whole(platform, &mut tx, row.ok_or_else(no_policy)?).await?;
    tx.commit().await?;
    Ok(policy)
}

/// What was tried, newest first. Those of a policy that was deleted are among them.
pub async fn attempts(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    model: &Name,
    page: &PageRequest,
) -> Result<Page<RetrainingAttempt>> {
    let before = page::start(page)?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let model = model_id(&mut conn, project, model).await?;
    let items = store::retraining::attempts(&mut conn, model, before, page::limit(page)).await?;
    Ok(page::finish(items, page, |attempt| {
        (attempt.created_at, attempt.id.0)
    }))
}

async fn model_id(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<ModelId> {
    let model = store::models::find(conn, project, name).await?;
    model
        .map(|model| model.id)
        .ok_or_else(|| Error::not_found("model"))
}

async fn lock_model(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<ModelId> {
    store::models::lock(conn, project, name)
        .await?
        .ok_or_else(|| Error::not_found("model"))
}

/// The policy, of whoever may change it, with its model locked as well.
async fn locked(conn: &mut Conn, actor: &Actor, project: &Name, model: &Name) -> Result<PolicyRow> {
    let project = access::authorise(conn, actor, project, Permission::Write).await?;
    let model = lock_model(conn, project, model).await?;
    let row = store::retraining::find_locked(conn, model).await?;
    row.ok_or_else(no_policy)
}

fn no_policy() -> Error {
    Error::not_found("retraining policy")
}

fn check_revision(model: &Name, row: Option<&PolicyRow>, if_match: Option<i64>) -> Result<()> {
    let message = match (row, if_match) {
        (_, None) => return Ok(()),
        (Some(row), Some(revision)) if row.revision == revision => return Ok(()),
        (Some(row), Some(revision)) => format!(
            "the retraining policy of {model} is at revision {} now, not {revision}: read it again before you change it",
            row.revision
        ),
        (None, Some(_)) => {
            format!("{model} has no retraining policy yet: leave out If-Match to create it")
        }
    };
    Err(Error::PreconditionFailed { message })
}

/// Whether the dataset and the deployment are there, and fit.
async fn check_references(
    conn: &mut Conn,
    limits: &Limits,
    project: ProjectId,
    spec: &RetrainingSpec,
) -> Result<()> {
    let mut errors = Vec::new();
    match training_runs::check(conn, limits, project, &spec.training).await {
        Ok(_) => {}
        Err(Error::Invalid(wrong)) => errors.extend(of_training(wrong)),
        Err(Error::NotFound { .. }) => errors.push(
            FieldError::new(
                "/training/dataset",
                "not_found",
                "a dataset of this project",
            )
            .got(spec.training.dataset.as_str()),
        ),
        Err(error) => return Err(error),
    }
    if let Some(name) = &spec.deployment {
        let deployment = store::deployments::find(conn, project, name).await?;
        if deployment.is_none_or(|row| row.model != spec.training.model) {
            let expected = format!("a deployment of the model {}", spec.training.model);
            errors.push(FieldError::new("/deployment", "not_found", expected).got(name.as_str()));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// The number of the newest ready version of what is trained on; 0 when there is none.
async fn newest_ready(conn: &mut Conn, project: ProjectId, spec: &TrainingSpec) -> Result<i32> {
    let newest = store::datasets::find(conn, project, &spec.dataset, Which::NewestReady).await?;
    Ok(newest.map_or(0, |newest| newest.version))
}

fn spec_of(row: &PolicyRow) -> RetrainingSpec {
    RetrainingSpec {
        training: row.training.clone(),
        schedule: row.schedule.clone(),
        on_new_dataset_version: row.on_new_dataset_version,
        deployment: row.deployment.clone(),
        on_better: row.on_better,
    }
}

/// Every one was read before it was stored.
fn schedule(row: &PolicyRow) -> Option<Schedule> {
    Schedule::parse(row.schedule.as_deref()?).ok()
}

fn when(spec: &RetrainingSpec) -> String {
    let dataset = &spec.training.dataset;
    match (&spec.schedule, spec.on_new_dataset_version) {
        (None, false) => "when somebody asks for it".to_owned(),
        (Some(schedule), false) => format!("at {schedule} UTC"),
        (None, true) => format!("on every new version of {dataset}"),
        (Some(schedule), true) => {
            format!("at {schedule} UTC, and on every new version of {dataset}")
        }
    }
}

async fn whole(platform: &Platform, conn: &mut Conn, row: PolicyRow) -> Result<RetrainingPolicy> {
    let problems = problems::of(platform, conn, &row).await?;
    let next_runs = match (schedule(&row), &row.pause_reason) {
        (Some(schedule), None) => {
            let from = platform.clock.now().max(row.done_until);
            schedule.upcoming(from, SHOWN_MOMENTS)
        }
        _ => Vec::new(),
    };
    Ok(RetrainingPolicy {
        id: row.id,
        model: row.model,
        training: row.training,
        schedule: row.schedule,
        on_new_dataset_version: row.on_new_dataset_version,
        deployment: row.deployment,
        on_better: row.on_better,
        paused: row.pause_reason.is_some(),
        pause_reason: row.pause_reason,
        next_runs,
        failures: row.failures,
        not_before: row.not_before,
        problems,
        revision: row.revision,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

struct Change<'a> {
    action: &'a str,
    reason: &'a str,
    before: Option<Value>,
    after: Option<Value>,
}

/// Writes the ledger row and tells the open pages.
async fn record(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    model: &Name,
    change: Change<'_>,
) -> Result<()> {
    let entry = Entry {
        action: change.action,
        subject: &format!("model/{model}"),
        reason: change.reason,
        before: change.before,
        after: change.after,
    };
    ledger::append(conn, now, project, actor, entry).await?;
    tell(conn, now, project, model).await
}

async fn told_paused(
    conn: &mut Conn,
    now: Timestamp,
    actor: &Actor,
    row: &PolicyRow,
    reason: &str,
) -> Result<()> {
    let change = Change {
        action: "retraining.paused",
        reason,
        before: None,
        after: None,
    };
    record(conn, now, row.project, actor, &row.model, change).await
}

/// Tells the open pages that something of a model's retraining changed. To be called last.
async fn tell(conn: &mut Conn, now: Timestamp, project: ProjectId, model: &Name) -> Result<()> {
    let data = json!({ "retraining": model });
    events::publish(conn, now, project, &Topic::Runs, "changed", data).await
}
