mod attempt;
mod columns;
mod reruns;

use domain::events::Topic;
use domain::ids::{DatasetVersionId, JobId, ProjectId, TrainingRunId};
use domain::page::PageRequest;
use domain::training_runs::{
    LogLine, RunStatus, SplitMethod, TrainingBudget, TrainingRun, TrainingSpec,
};
use domain::{Actor, Error, FieldError, Name, Page, Permission, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Conn;
use store::jobs::NewJob;
use store::training_runs::{Ending, Filter, NewRun};

use crate::{Limits, Platform, access, datasets, events, jobs, page};

pub use attempt::{
    Finished, Outcome, Started, Trained, append_log, finished, report_progress, started,
};
pub use reruns::{list_reruns, rerun};

/// The kind of the job that trains.
pub const TRAIN_JOB: &str = "train_model";
/// A lost worker is no fault of the run's, so another one goes on from the start.
const TRAIN_ATTEMPTS: i32 = 3;
/// Log lines in one answer.
const LOGS_AT_ONCE: i64 = 1000;

/// What a training job carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainJob {
    pub training_run: TrainingRunId,
}

/// Checks what is asked against the dataset's columns, and queues it. The run's spec has the dataset's version, the task, the
/// split's method, the algorithm, its parameters and the budget filled in.
///
/// # Errors
/// `Invalid` naming every field that does not fit; `NotFound` for the dataset; `Conflict` with the code `dataset_not_ready`
/// or `dataset_failed`.
pub async fn create(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    mut spec: TrainingSpec,
) -> Result<TrainingRun> {
    spec.check()?;
    check_limits(&mut spec.budget, &platform.limits)?;
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let queued = prepared(&mut tx, project, spec).await?;
    let run = queue(&mut tx, now, project, actor, queued).await?;
    tx.commit().await?;
    Ok(run)
}

/// As [`create`], in the transaction of who has authorised already. The run's dataset version is told beside it.
pub(crate) async fn add(
    conn: &mut Conn,
    limits: &Limits,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    spec: &TrainingSpec,
) -> Result<(TrainingRun, DatasetVersionId)> {
    let queued = check(conn, limits, project, spec).await?;
    let dataset_version = queued.dataset_version;
    let run = queue(conn, now, project, actor, queued).await?;
    Ok((run, dataset_version))
}

/// Whether [`add`] would queue it now.
pub(crate) async fn check(
    conn: &mut Conn,
    limits: &Limits,
    project: ProjectId,
    spec: &TrainingSpec,
) -> Result<Queued> {
    let mut spec = spec.clone();
    spec.check()?;
    check_limits(&mut spec.budget, limits)?;
    prepared(conn, project, spec).await
}

/// Whether [`add`] would queue a run of `made` for this spec, on the version of the dataset that `made` is of.
pub(crate) async fn would_make(
    conn: &mut Conn,
    limits: &Limits,
    project: ProjectId,
    spec: &TrainingSpec,
    made: &TrainingSpec,
) -> Result<bool> {
    let spec = TrainingSpec {
        dataset_version: made.dataset_version,
        ..spec.clone()
    };
    match check(conn, limits, project, &spec).await {
        Ok(queued) => Ok(queued.spec == *made),
        Err(Error::Invalid(_) | Error::NotFound { .. } | Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Fills in what was left out, for the dataset as it is now.
async fn prepared(conn: &mut Conn, project: ProjectId, mut spec: TrainingSpec) -> Result<Queued> {
    let dataset =
        datasets::ready_version(conn, project, &spec.dataset, spec.dataset_version).await?;
    let task = columns::check(&spec, &dataset.columns)?;
    spec.task = Some(task);
    columns::take_dates_apart(&mut spec, &dataset.columns);
    spec.split.method = Some(spec.split.method.unwrap_or(SplitMethod::of(task)));
    spec.dataset_version = Some(dataset.version);
    if !spec.algorithm.parameters().is_empty() {
        let params = spec.algorithm.checked(spec.params.as_ref());
        spec.params = Some(params.map_err(Error::Invalid)?.to_map());
    }
    Ok(Queued {
        spec,
        dataset_version: dataset.id,
        rerun_of: None,
    })
}

/// A run with everything that was left out filled in.
pub(crate) struct Queued {
    spec: TrainingSpec,
    dataset_version: DatasetVersionId,
    rerun_of: Option<TrainingRunId>,
}

/// Adds the run and its job. To be called last.
async fn queue(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    actor: &Actor,
    queued: Queued,
) -> Result<TrainingRun> {
    let Queued {
        spec,
        dataset_version,
        rerun_of,
    } = queued;
    let (id, job) = (TrainingRunId::at(now), JobId::at(now));
    let payload = serde_json::to_value(TrainJob { training_run: id }).map_err(Error::internal)?;
    let new_job = NewJob {
        id: job,
        kind: TRAIN_JOB,
        payload: &payload,
        max_attempts: TRAIN_ATTEMPTS,
    };
    store::jobs::enqueue(conn, &new_job).await?;
    let created_by = actor.label();
    let new = NewRun {
        id,
        project,
        dataset_version,
        spec: &spec,
        job,
        rerun_of,
        created_by: &created_by,
        created_at: now,
    };
    store::training_runs::insert(conn, &new).await?;
    changed(conn, now, project, id, RunStatus::Queued).await?;
    Ok(TrainingRun {
        id,
        status: RunStatus::Queued,
        progress: None,
        model: spec.model.clone(),
        spec,
        metrics: None,
        version: None,
        error: None,
        evaluation: None,
        rerun_of,
        reproduction: None,
        trainer: None,
        retraining: None,
        attempt: 0,
        created_by,
        created_at: now,
        started_at: None,
        finished_at: None,
    })
}

/// What was not asked for is lowered to the server's limit; what was asked for is refused over it.
fn check_limits(budget: &mut TrainingBudget, limits: &Limits) -> Result<()> {
    let unasked = TrainingBudget::default();
    let mut errors = Vec::new();
    for (pointer, asked, unasked, most, unit) in [
        (
            "/budget/memory_mb",
            &mut budget.memory_mb,
            unasked.memory_mb,
            limits.max_train_memory_mb,
            "MiB",
        ),
        (
            "/budget/seconds",
            &mut budget.seconds,
            unasked.seconds,
            limits.max_train_seconds,
            "seconds",
        ),
    ] {
        if *asked == unasked {
            *asked = most.min(unasked);
        } else if *asked > most {
            let expected = format!("at most {most} {unit}, which is this server's limit");
            errors.push(FieldError::new(pointer, "out_of_range", expected).got(asked.to_string()));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// Newest first, without their evaluations.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    page: &PageRequest,
) -> Result<Page<TrainingRun>> {
    let before = page::start(page)?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let filter = Filter {
        active_only: false,
        before,
    };
    let runs = store::training_runs::list(&mut conn, project, filter, page::limit(page)).await?;
    Ok(page::finish(runs, page, |run| (run.created_at, run.id.0)))
}

pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: TrainingRunId,
) -> Result<TrainingRun> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let mut run = find(&mut conn, project, id).await?.run;
    run.retraining = store::retraining::origin(&mut conn, id).await?;
    Ok(run)
}

/// Stops a run. One that waits ends here; one that runs ends when its worker has stopped it, a moment later: until then it
/// is still `running`. From now on it makes no version. A run that was cancelled already stays so.
///
/// # Errors
/// `Conflict` with the code `run_finished` when it has succeeded or failed.
pub async fn cancel(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: TrainingRunId,
) -> Result<TrainingRun> {
    jobs::cancel(platform, actor, project, id).await
}

impl jobs::RunId for TrainingRunId {
    type Run = TrainingRun;

    async fn find(
        self,
        conn: &mut Conn,
        project: ProjectId,
    ) -> Result<(TrainingRun, RunStatus, JobId)> {
        let found = find(conn, project, self).await?;
        let status = found.run.status;
        Ok((found.run, status, found.job))
    }

    async fn end_cancelled(self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        store::training_runs::end(conn, self, &Ending::Cancelled, now).await?;
        Ok(())
    }

    async fn publish(
        self,
        conn: &mut Conn,
        now: Timestamp,
        project: ProjectId,
        status: RunStatus,
    ) -> Result<()> {
        changed(conn, now, project, self, status).await
    }
}

/// Log lines after the line numbered `after`, oldest first, at most 1000.
pub async fn logs(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: TrainingRunId,
    after: i64,
) -> Result<Vec<LogLine>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    find(&mut conn, project, id).await?;
    Ok(store::training_runs::logs(&mut conn, id, after, LOGS_AT_ONCE).await?)
}

async fn find(
    conn: &mut Conn,
    project: ProjectId,
    id: TrainingRunId,
) -> Result<store::training_runs::RunOfProject> {
    let found = store::training_runs::find(conn, id)
        .await?
        .filter(|found| found.project == project);
    found.ok_or_else(|| Error::not_found("training run"))
}

/// Tells the run's page and the list of runs. To be called last.
async fn changed(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    id: TrainingRunId,
    status: RunStatus,
) -> Result<()> {
    let data = json!({ "id": id, "status": status });
    events::publish(conn, now, project, &Topic::Run(id), "changed", data.clone()).await?;
    events::publish(conn, now, project, &Topic::Runs, "changed", data).await
}
