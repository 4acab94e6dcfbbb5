//! What a training job writes. Every function is one transaction behind the fence of the job's attempt: an attempt that no
//! longer holds the job writes nothing.

use std::collections::BTreeMap;

use domain::datasets::DatasetVersion;
use domain::events::Topic;
use domain::ids::{ModelId, ModelVersionId, TrainingRunId};
use domain::models::{Evaluation, Signature};
use domain::retraining::Comparison;
use domain::training_runs::{
    Algorithm, LogLevel, Progress, Recipe, RunError, RunStatus, TrainingRun,
};
use domain::{Actor, Error, Name, Result, Timestamp};
use serde_json::{Value, json};
use store::Conn;
use store::jobs::{Fence, JobEnd};
use store::models::NewVersion;
use store::training_runs::{Ending, RunOfProject};

use super::{changed, reruns};
use crate::blobs::{self, StoredBlob};
use crate::ledger::Entry;
use crate::retraining::{self, Opponent};
use crate::{Platform, events, jobs, ledger};

/// Most lines that a run's log keeps; the last one says so.
const LOG_LINES: i64 = 10_000;
/// Longest line, in characters.
const LINE_LENGTH: usize = 2000;
pub(super) const TRAINER: Actor = Actor::System { name: "trainer" };

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Succeeded(Box<Trained>),
    Failed(RunError),
    Cancelled,
}

/// What a training made.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The stored artifact.
    pub artifact: StoredBlob,
    /// The build that trained it.
    pub trainer: String,
    /// What made it: of `auto`, the best.
    pub algorithm: Algorithm,
    pub params: Value,
    pub metrics: BTreeMap<String, f64>,
    pub signature: Signature,
    pub evaluation: Evaluation,
    /// With the live version of a deployment, which is told beside it.
    pub comparison: Option<(Option<i32>, Comparison)>,
}

/// What became of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    Version {
        model: Name,
        version: i32,
    },
    /// A re-run of the run that made the version: it makes none itself.
    Compared {
        model: Name,
        version: i32,
        is_same: bool,
    },
    Failed,
    /// Somebody asked for it before the training was done: what it made is not kept.
    Cancelled,
}

/// What a training job works on.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: TrainingRun,
    pub dataset: DatasetVersion,
    /// Of a re-run of `auto`, what it had chosen.
    pub recipe: Option<Recipe>,
    pub opponent: Option<Opponent>,
}

/// The attempt begins: the run is `running`. A run that was begun before starts over.
pub async fn started(platform: &Platform, fence: Fence, id: TrainingRunId) -> Result<Started> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    store::training_runs::set_running(&mut tx, id, fence.attempt, now).await?;
    let found = find(&mut tx, id).await?;
    let dataset = store::datasets::find_by_id(&mut tx, found.dataset_version).await?;
    let dataset = dataset
        .ok_or_else(|| Error::not_found("dataset version"))?
        .version;
    let opponent = retraining::opponent(&mut tx, id).await?;
    let recipe = reruns::recipe(&mut tx, &found.run).await?;
    changed(&mut tx, now, found.project, id, RunStatus::Running).await?;
    tx.commit().await?;
    Ok(Started {
        recipe,
        run: found.run,
        dataset,
        opponent,
    })
}

/// Callers report a few times a second at most. `new_stage` tells the list of runs too.
pub async fn report_progress(
    platform: &Platform,
    fence: Fence,
    id: TrainingRunId,
    progress: Progress,
    new_stage: bool,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    let Some(project) = store::training_runs::set_progress(&mut tx, id, progress).await? else {
        return Err(Error::not_found("training run"));
    };
    let data = json!({ "id": id, "progress": progress });
    events::publish(
        &mut tx,
        now,
        project,
        &Topic::Run(id),
        "progress",
        data.clone(),
    )
    .await?;
    if new_stage {
        events::publish(&mut tx, now, project, &Topic::Runs, "changed", data).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Adds lines to the run's log, and sends them to whoever watches it. Long lines are cut, and a log that is full takes no more.
pub async fn append_log(
    platform: &Platform,
    fence: Fence,
    id: TrainingRunId,
    lines: Vec<(LogLevel, String)>,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    let project = find_project(&mut tx, id).await?;
    let lines = log(&mut tx, id, lines, now).await?;
    for line in lines {
        events::publish(&mut tx, now, project, &Topic::Run(id), "log", line).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn find_project(conn: &mut Conn, id: TrainingRunId) -> Result<domain::ids::ProjectId> {
    store::training_runs::project(conn, id)
        .await?
        .ok_or_else(|| Error::not_found("training run"))
}

async fn log(
    conn: &mut Conn,
    id: TrainingRunId,
    mut lines: Vec<(LogLevel, String)>,
    now: Timestamp,
) -> Result<Vec<Value>> {
    let room =
        usize::try_from(LOG_LINES - store::training_runs::log_length(conn, id).await?).unwrap_or(0);
    if lines.len() > room {
        lines.truncate(room);
        if let Some((level, message)) = lines.last_mut() {
            *level = LogLevel::Warn;
            *message = format!("the log has reached {LOG_LINES} lines and takes no more");
        }
    }
    for (_, message) in &mut lines {
        if let Some((end, _)) = message.char_indices().nth(LINE_LENGTH) {
            message.truncate(end);
            message.push('…');
        }
    }
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let lines = store::training_runs::append_logs(conn, id, &lines, now).await?;
    lines
        .iter()
        .map(|line| serde_json::to_value(line).map_err(Error::internal))
        .collect()
}

/// Ends the run and its job; a successful one makes the model's next version, in the same transaction, unless it is a re-run, which
/// only says whether it made the same again. Somebody who asked for the run to stop before this is heard: no version then.
pub async fn finished(
    platform: &Platform,
    fence: Fence,
    id: TrainingRunId,
    outcome: Outcome,
) -> Result<Finished> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let cancel_requested = jobs::hold(&mut tx, fence).await?;
    let found = find(&mut tx, id).await?;
    let (finished, end) = match outcome {
        Outcome::Succeeded(trained) if !cancel_requested => {
            let (finished, reproduction) = match found.run.rerun_of {
                None => {
                    let version = make_version(platform, &mut tx, &found, &trained, now).await?;
                    let model = found.run.model.clone();
                    (Finished::Version { model, version }, None)
                }
                Some(original) => {
                    let compared =
                        reruns::compare(&mut tx, &found, original, &trained, now).await?;
                    let finished = Finished::Compared {
                        model: compared.model.clone(),
                        version: compared.version,
                        is_same: compared.is_same,
                    };
                    (finished, Some(compared))
                }
            };
            let ending = Ending::Succeeded {
                metrics: &trained.metrics,
                evaluation: &trained.evaluation,
                trainer: &trained.trainer,
                reproduction: reproduction.as_ref(),
            };
            store::training_runs::end(&mut tx, id, &ending, now).await?;
            if let Some((live, comparison)) = &trained.comparison {
                store::retraining::set_comparison(&mut tx, id, *live, comparison).await?;
            }
            (finished, JobEnd::Succeeded)
        }
        Outcome::Succeeded(_) | Outcome::Cancelled => {
            store::training_runs::end(&mut tx, id, &Ending::Cancelled, now).await?;
            (Finished::Cancelled, JobEnd::Cancelled)
        }
        Outcome::Failed(error) => {
            store::training_runs::end(&mut tx, id, &Ending::Failed(&error), now).await?;
            (Finished::Failed, JobEnd::Failed(error.message))
        }
    };
    store::jobs::finish(&mut tx, fence, &end).await?;
    let status = match finished {
        Finished::Version { .. } | Finished::Compared { .. } => RunStatus::Succeeded,
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
    trained: &Trained,
    now: Timestamp,
) -> Result<i32> {
    let run = &found.run;
    blobs::record(platform, conn, &trained.artifact, now).await?;
    let model =
        store::models::lock_or_create(conn, found.project, &run.model, ModelId::at(now), now)
            .await?;
    let version = store::models::next_version(conn, model).await?;
    let new = NewVersion {
        id: ModelVersionId::at(now),
        model,
        version,
        algorithm: trained.algorithm.as_str(),
        params: &trained.params,
        metrics: &trained.metrics,
        signature: &trained.signature,
        evaluation: Some(&trained.evaluation),
        dataset_version: Some(found.dataset_version),
        training_run: Some(run.id),
        sha256: &trained.artifact.sha256,
        created_by: &run.created_by,
        created_at: now,
    };
    store::models::insert_version(conn, &new).await?;
    let after = json!({
        "version": version,
        "algorithm": trained.algorithm,
        "dataset": run.spec.dataset,
        "dataset_version": run.spec.dataset_version,
        "training_run": run.id,
        "sha256": trained.artifact.sha256,
    });
    let entry = Entry {
        action: "model_version.created",
        subject: &format!("model/{}", run.model),
        reason: &format!(
            "a training run started by {} made version {version}",
            run.created_by
        ),
        before: None,
        after: Some(after),
    };
    ledger::append(conn, now, found.project, &TRAINER, entry).await?;
    Ok(version)
}

async fn find(conn: &mut Conn, id: TrainingRunId) -> Result<RunOfProject> {
    store::training_runs::find(conn, id)
        .await?
        .ok_or_else(|| Error::not_found("training run"))
}
