//! What a scoring job writes. Every function is one transaction behind the fence of the job's attempt: an attempt that no
//! longer holds the job writes nothing.

use domain::datasets::{DataFormat, DatasetStatus, DatasetVersion};
use domain::events::Topic;
use domain::ids::ScoringRunId;
use domain::scoring_runs::{RowRefusal, ScoringRun};
use domain::training_runs::{RunError, RunStatus};
use domain::{Actor, Error, Name, Result, Timestamp};
use serde_json::json;
use store::Conn;
use store::jobs::{Fence, JobEnd};
use store::scoring_runs::{Ending, RunOfProject};

use super::changed;
use crate::blobs::StoredBlob;
use crate::datasets::NewFile;
use crate::ledger::Entry;
use crate::{Platform, datasets, events, jobs, ledger};

const SCORER: Actor = Actor::System { name: "scorer" };

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Succeeded(Scored),
    Failed(RunError),
    Cancelled,
}

/// What a scoring made.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The stored table.
    pub table: StoredBlob,
    pub rows: u64,
    pub rows_failed: u64,
    pub refusals: Vec<RowRefusal>,
}

/// What became of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    Version {
        dataset: Name,
        version: i32,
    },
    Failed,
    /// Somebody asked for it before the scoring was done: what it made is not kept.
    Cancelled,
}

/// What a scoring job works on.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: ScoringRun,
    pub dataset: DatasetVersion,
    /// Of the model version's file.
    pub artifact_sha256: String,
}

/// The attempt begins: the run is `running`. A run that was begun before starts over.
pub async fn started(platform: &Platform, fence: Fence, id: ScoringRunId) -> Result<Started> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    store::scoring_runs::set_running(&mut tx, id, fence.attempt, now).await?;
    let found = find(&mut tx, id).await?;
    let dataset = store::datasets::find_by_id(&mut tx, found.dataset_version).await?;
    let dataset = dataset
        .ok_or_else(|| Error::not_found("dataset version"))?
        .version;
    changed(&mut tx, now, found.project, id, RunStatus::Running).await?;
    tx.commit().await?;
    Ok(Started {
        run: found.run,
        dataset,
        artifact_sha256: found.artifact_sha256,
    })
}

/// Callers report once or twice a second at most.
pub async fn report_progress(
    platform: &Platform,
    fence: Fence,
    id: ScoringRunId,
    rows: u64,
    rows_failed: u64,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    let project = store::scoring_runs::set_progress(&mut tx, id, rows, rows_failed).await?;
    let project = project.ok_or_else(|| Error::not_found("scoring run"))?;
    let data = json!({ "id": id, "rows": rows, "rows_failed": rows_failed });
    events::publish(&mut tx, now, project, &Topic::ScoringRuns, "progress", data).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the run and its job; a successful one makes the dataset's next version, in the same transaction. Somebody who asked
/// for the run to stop before this is heard: no version then.
pub async fn finished(
    platform: &Platform,
    fence: Fence,
    id: ScoringRunId,
    outcome: Outcome,
) -> Result<Finished> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let cancel_requested = jobs::hold(&mut tx, fence).await?;
    let found = find(&mut tx, id).await?;
    let (finished, end) = match outcome {
        Outcome::Succeeded(scored) if !cancel_requested => {
            let version = make_version(platform, &mut tx, &found, &scored, now).await?;
            let ending = Ending::Succeeded {
                rows: scored.rows,
                rows_failed: scored.rows_failed,
                refusals: &scored.refusals,
            };
            store::scoring_runs::end(&mut tx, id, &ending, now).await?;
            (
                Finished::Version {
                    dataset: found.run.output.clone(),
                    version,
                },
                JobEnd::Succeeded,
            )
        }
        Outcome::Succeeded(_) | Outcome::Cancelled => {
            store::scoring_runs::end(&mut tx, id, &Ending::Cancelled, now).await?;
            (Finished::Cancelled, JobEnd::Cancelled)
        }
        Outcome::Failed(error) => {
            store::scoring_runs::end(&mut tx, id, &Ending::Failed(&error), now).await?;
            (Finished::Failed, JobEnd::Failed(error.message))
        }
    };
    store::jobs::finish(&mut tx, fence, &end).await?;
    let status = match &finished {
        Finished::Version { dataset, version } => {
            let status = DatasetStatus::Profiling;
            datasets::publish(&mut tx, now, found.project, dataset, *version, status).await?;
            RunStatus::Succeeded
        }
        Finished::Failed => RunStatus::Failed,
        Finished::Cancelled => RunStatus::Cancelled,
    };
    changed(&mut tx, now, found.project, id, status).await?;
    tx.commit().await?;
    Ok(finished)
}

async fn make_version(
    platform: &Platform,
    conn: &mut Conn,
    found: &RunOfProject,
    scored: &Scored,
    now: Timestamp,
) -> Result<i32> {
    let run = &found.run;
    let file = NewFile {
        name: &run.output,
        format: DataFormat::Parquet,
        blob: &scored.table,
        scoring_run: Some(run.id),
        created_by: run.created_by.clone(),
    };
    let version = datasets::add_version(platform, conn, now, found.project, file)
        .await?
        .version;
    let after = json!({
        "version": version,
        "scoring_run": run.id,
        "model": run.model,
        "model_version": run.version,
        "dataset": run.dataset,
        "dataset_version": run.dataset_version,
        "rows": scored.rows,
        "rows_failed": scored.rows_failed,
        "sha256": scored.table.sha256,
    });
    let entry = Entry {
        action: "dataset.scored",
        subject: &format!("dataset/{}", run.output),
        reason: &format!(
            "a scoring run started by {} made version {version}",
            run.created_by
        ),
        before: None,
        after: Some(after),
    };
    ledger::append(conn, now, found.project, &SCORER, entry).await?;
    Ok(version)
}

async fn find(conn: &mut Conn, id: ScoringRunId) -> Result<RunOfProject> {
    store::scoring_runs::find(conn, id)
        .await?
        .ok_or_else(|| Error::not_found("scoring run"))
}
