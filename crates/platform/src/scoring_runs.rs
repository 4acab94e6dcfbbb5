mod attempt;
mod columns;

use domain::events::Topic;
use domain::ids::{JobId, ProjectId, ScoringRunId};
use domain::models::{ModelVersion, REMOTE};
use domain::page::PageRequest;
use domain::scoring_runs::{ScoringRun, ScoringSpec};
use domain::training_runs::RunStatus;
use domain::{Actor, Error, Name, Page, Permission, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Conn;
use store::jobs::NewJob;
use store::scoring_runs::{Ending, NewRun, RunOfProject};

use crate::{Platform, access, datasets, events, jobs, models, page};

pub use attempt::{Finished, Outcome, Scored, Started, finished, report_progress, started};

/// The kind of the job that scores.
pub const SCORE_JOB: &str = "score_dataset";
/// A lost worker is no fault of the run's, so another one goes on from the start.
const SCORE_ATTEMPTS: i32 = 3;

/// What a scoring job carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreJob {
    pub scoring_run: ScoringRunId,
}

/// Checks the dataset's columns against the model's signature, and queues the run.
///
/// # Errors
/// `Invalid` naming every field and column that does not fit; `NotFound` for the dataset, the model, the alias or the version;
/// `Conflict` with the code `dataset_not_ready` or `dataset_failed`.
pub async fn create(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    spec: ScoringSpec,
) -> Result<ScoringRun> {
    spec.check()?;
    let output = spec.output()?;
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let dataset =
        datasets::ready_version(&mut tx, project, &spec.dataset, spec.dataset_version).await?;
    let model = models::resolve(&mut tx, project, &spec.model, &spec.version).await?;
    if model.algorithm == REMOTE {
        return Err(remote(&model));
    }
    columns::check(&spec, &dataset, &model)?;

    let (id, job) = (ScoringRunId::at(now), JobId::at(now));
    let payload = serde_json::to_value(ScoreJob { scoring_run: id }).map_err(Error::internal)?;
    let new_job = NewJob {
        id: job,
        kind: SCORE_JOB,
        payload: &payload,
        max_attempts: SCORE_ATTEMPTS,
    };
    store::jobs::enqueue(&mut tx, &new_job).await?;
    let new = NewRun {
        id,
        project,
        dataset_version: dataset.id,
        model_version: model.id,
        output: &output,
        keep_columns: spec.keep_columns.as_deref(),
        prediction_column: spec.prediction_column(),
        job,
        created_by: &actor.label(),
        created_at: now,
    };
    store::scoring_runs::insert(&mut tx, &new).await?;
    let run = find(&mut tx, project, id).await?.run;
    changed(&mut tx, now, project, id, RunStatus::Queued).await?;
    tx.commit().await?;
    Ok(run)
}

/// A scoring run is a process of its own that reaches no network.
fn remote(model: &ModelVersion) -> Error {
    Error::Unsupported {
        code: "not_scorable",
        message: format!(
            "version {} of model {} is computed by another engine, which a scoring run can not reach: send the rows to a \
             deployment of it, 10,000 in a request at most, or score with a version that is computed here",
            model.version, model.model
        ),
    }
}

/// Newest first.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    page: &PageRequest,
) -> Result<Page<ScoringRun>> {
    let before = page::start(page)?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let runs = store::scoring_runs::list(&mut conn, project, before, page::limit(page)).await?;
    Ok(page::finish(runs, page, |run| (run.created_at, run.id.0)))
}

pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: ScoringRunId,
) -> Result<ScoringRun> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    Ok(find(&mut conn, project, id).await?.run)
}

/// Stops a run. One that waits ends here; one that runs ends when its worker has stopped it, a moment later: until then it
/// is still `running`. From now on it makes no dataset version. A run that was cancelled already stays so.
///
/// # Errors
/// `Conflict` with the code `run_finished` when it has succeeded or failed.
pub async fn cancel(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: ScoringRunId,
) -> Result<ScoringRun> {
    jobs::cancel(platform, actor, project, id).await
}

impl jobs::RunId for ScoringRunId {
    type Run = ScoringRun;

    async fn find(
        self,
        conn: &mut Conn,
        project: ProjectId,
    ) -> Result<(ScoringRun, RunStatus, JobId)> {
        let found = find(conn, project, self).await?;
        let status = found.run.status;
        Ok((found.run, status, found.job))
    }

    async fn end_cancelled(self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        store::scoring_runs::end(conn, self, &Ending::Cancelled, now).await?;
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

async fn find(conn: &mut Conn, project: ProjectId, id: ScoringRunId) -> Result<RunOfProject> {
    let found = store::scoring_runs::find(conn, id)
        .await?
        .filter(|found| found.project == project);
    found.ok_or_else(|| Error::not_found("scoring run"))
}

/// Tells the pages of the run and of the list. To be called last.
async fn changed(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    id: ScoringRunId,
    status: RunStatus,
) -> Result<()> {
    let data = json!({ "id": id, "status": status });
    events::publish(conn, now, project, &Topic::ScoringRuns, "changed", data).await
}
