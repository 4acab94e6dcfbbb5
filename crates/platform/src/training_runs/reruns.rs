//! Training again what was trained before, to see whether the same comes out.

use domain::ids::TrainingRunId;
use domain::models::ModelVersion;
use domain::training_runs::{
    Algorithm, Made, Recipe, Reproduction, RunStatus, TrainingBudget, TrainingRun, TrainingSpec,
};
use domain::{Actor, Error, FieldError, Name, Permission, Result, Timestamp};
use serde_json::json;
use store::Conn;
use store::training_runs::RunOfProject;

use super::attempt::{TRAINER, Trained};
use super::{Queued, find, queue};
use crate::ledger::Entry;
use crate::{Limits, Platform, access, ledger};

/// Re-runs that a page tells of.
const SHOWN: i64 = 20;

/// Queues a run that trains again what a run has trained: on the same version of the dataset, with the same seeds and parameters.
/// Of `auto`, what was chosen is trained again, and not the choice. A re-run of a re-run is one of its original.
///
/// # Errors
/// `NotFound`; `Conflict` with the code `nothing_to_reproduce` when the run made no version; `Unsupported` with the code
/// `not_reproducible` when what it made can not be asked for; `Invalid` when it takes more than this server gives by now.
pub async fn rerun(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: TrainingRunId,
) -> Result<TrainingRun> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let asked = find(&mut tx, project, id).await?;
    let original = match asked.run.rerun_of {
        None => asked,
        Some(original) => find(&mut tx, project, original).await?,
    };
    let version = made_by(&mut tx, original.run.id).await?;
    let Some(version) = version.filter(|_| original.run.status == RunStatus::Succeeded) else {
        return Err(Error::conflict(
            "nothing_to_reproduce",
            "the run made no version that could be made again: clone it to train with its settings",
        ));
    };
    if is_auto(&original.run.spec) {
        chosen(&version)?;
    }
    check_limits(original.run.spec.budget, &platform.limits)?;
    let queued = Queued {
        dataset_version: original.dataset_version,
        rerun_of: Some(original.run.id),
        spec: original.run.spec,
    };
    let run = queue(&mut tx, now, project, actor, queued).await?;
    tx.commit().await?;
    Ok(run)
}

/// The re-runs of a run, newest first, at most 20.
pub async fn list_reruns(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    id: TrainingRunId,
) -> Result<Vec<TrainingRun>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    find(&mut conn, project, id).await?;
    Ok(store::training_runs::reruns(&mut conn, id, SHOWN).await?)
}

async fn made_by(conn: &mut Conn, run: TrainingRunId) -> Result<Option<ModelVersion>> {
    Ok(store::models::version_of_run(conn, run, false).await?)
}

/// Of a re-run of `auto`, what it had chosen; what another run trains is in its spec.
pub(super) async fn recipe(conn: &mut Conn, run: &TrainingRun) -> Result<Option<Recipe>> {
    let Some(original) = run.rerun_of.filter(|_| is_auto(&run.spec)) else {
        return Ok(None);
    };
    let version = made_by(conn, original).await?;
    version.map(|version| chosen(&version)).transpose()
}

fn is_auto(spec: &TrainingSpec) -> bool {
    spec.algorithm.as_named().is_none()
}

fn chosen(version: &ModelVersion) -> Result<Recipe> {
    let train_rows = version.metrics.get("train_rows").copied();
    let known = Algorithm::named(&version.algorithm)
        .zip(version.params.as_object())
        .zip(train_rows);
    let Some(((algorithm, params), train_rows)) = known else {
        return Err(Error::Unsupported {
            code: "not_reproducible",
            message: format!(
                "auto made a model of the kind {:?}, which this release can not train: clone the run to search again",
                version.algorithm
            ),
        });
    };
    Ok(Recipe {
        algorithm,
        params: params.clone(),
        train_rows: train_rows as u64,
    })
}

/// A run of other limits would be another one: how much memory there is decides how finely trees look at numbers.
fn check_limits(budget: TrainingBudget, limits: &Limits) -> Result<()> {
    let over = |pointer: &str, asked: u32, most: u32, unit: &str| {
        (asked > most).then(|| {
            let expected = format!(
                "at most {most} {unit}, which is this server's limit by now: raise it to train the run again as it was"
            );
            FieldError::new(pointer, "out_of_range", expected).got(asked.to_string())
        })
    };
    let memory = over(
        "/budget/memory_mb",
        budget.memory_mb,
        limits.max_train_memory_mb,
        "MiB",
    );
    let seconds = over(
        "/budget/seconds",
        budget.seconds,
        limits.max_train_seconds,
        "seconds",
    );
    let errors: Vec<FieldError> = memory.into_iter().chain(seconds).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// Says whether the same came out again, and writes it down.
pub(super) async fn compare(
    conn: &mut Conn,
    found: &RunOfProject,
    original: TrainingRunId,
    trained: &Trained,
    now: Timestamp,
) -> Result<Reproduction> {
    let run = find(conn, found.project, original).await?.run;
    let version = made_by(conn, original)
        .await?
        .ok_or_else(|| Error::not_found("model version"))?;
    let expected = Made {
        sha256: &version.sha256,
        trainer: run.trainer.as_deref(),
        metrics: &version.metrics,
        params: &version.params,
    };
    let made = Made {
        sha256: &trained.artifact.sha256,
        trainer: Some(&trained.trainer),
        metrics: &trained.metrics,
        params: &trained.params,
    };
    let mut compared = Reproduction::of(version.model.clone(), version.version, expected, made);
    if !compared.is_same && is_auto(&run.spec) {
        compared.differences.push(
            "auto fits what it chose within a time: where the log of the first run says that it ended early, no other run ends at the \
             same step."
                .to_owned(),
        );
    }
    let (action, what) = if compared.is_same {
        ("model_version.reproduced", "made the same artifact again")
    } else {
        ("model_version.not_reproduced", "made another artifact")
    };
    let entry = Entry {
        action,
        subject: &format!("model/{}", version.model),
        reason: &format!(
            "a re-run started by {} of the run that made version {} {what}",
            found.run.created_by, version.version
        ),
        before: None,
        after: Some(json!({
            "version": version.version,
            "training_run": found.run.id,
            "rerun_of": original,
            "sha256": trained.artifact.sha256,
        })),
    };
    ledger::append(conn, now, found.project, &TRAINER, entry).await?;
    Ok(compared)
}
