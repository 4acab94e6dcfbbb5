//! Gathers what is known of runs and versions, for [`Comparison`] to say what differs.

use std::collections::BTreeMap;

use domain::comparisons::{Asked, Comparison, Facts, Item, Subject};
use domain::ids::{ProjectId, TrainingRunId};
use domain::models::{ModelVersion, Task};
use domain::scoring_runs::VersionRef;
use domain::training_runs::TrainingRun;
use domain::{Actor, Error, Name, Permission, Result};
use serde_json::Value;
use store::Conn;

use crate::{Platform, access};

/// A comparison says of these itself, or they say nothing of the model.
const NO_SETTINGS: [&str; 6] = [
    "algorithm",
    "dataset",
    "dataset_version",
    "model",
    "params",
    "task",
];

/// Compares runs and versions of a project.
///
/// # Errors
/// Those of [`Asked::subjects`] and [`Comparison::of`]; `NotFound` naming the run or version that is not there.
pub async fn compare(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    asked: &Asked,
) -> Result<Comparison> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let (subjects, baseline) = asked.subjects()?;
    let mut facts: Vec<Facts> = Vec::with_capacity(subjects.len());
    for subject in &subjects {
        let found = find(&mut conn, project, subject).await?;
        let found = found.ok_or_else(|| {
            Error::not_found(match subject {
                Subject::Version { .. } => format!("model version {subject}"),
                Subject::Run(_) => format!("training run {subject}"),
            })
        })?;
        // An alias and a number may mean the same version.
        let named = |facts: &&Facts| {
            let item = &facts.item;
            (item.is_run, &item.label) == (found.item.is_run, &found.item.label)
        };
        if let Some(twice) = facts.iter().find(named) {
            let expected = format!(
                "each once: {} and {subject} are both {}",
                twice.item.asked, found.item.label
            );
            return Err(Error::invalid("/version", expected));
        }
        facts.push(found);
    }
    Comparison::of(&facts, baseline, asked.class.as_deref())
}

async fn find(conn: &mut Conn, project: ProjectId, subject: &Subject) -> Result<Option<Facts>> {
    match subject {
        Subject::Version { model, version } => {
            let Some(version) = find_version(conn, project, model, version).await? else {
                return Ok(None);
            };
            let run = match version.training_run {
                None => None,
                Some(run) => Some(of_run(conn, project, run).await?).flatten(),
            };
            Ok(Some(of_version(subject, version, run)))
        }
        Subject::Run(id) => {
            let Some(run) = of_run(conn, project, *id).await? else {
                return Ok(None);
            };
            let version = store::models::version_of_run(conn, *id, true).await?;
            Ok(Some(of_training(subject, run, version)))
        }
    }
}

async fn find_version(
    conn: &mut Conn,
    project: ProjectId,
    model: &Name,
    version: &VersionRef,
) -> Result<Option<ModelVersion>> {
    let Some(model) = store::models::find(conn, project, model).await? else {
        return Ok(None);
    };
    let number = match version {
        VersionRef::Number(number) => Some(*number),
        VersionRef::Alias(alias) => {
            let aliases = store::models::aliases(conn, model.id).await?;
            let mut aliases = aliases.into_iter();
            aliases
                .find(|known| known.alias == *alias)
                .map(|known| known.version)
        }
    };
    let Some(number) = number else {
        return Ok(None);
    };
    let found = store::models::versions(conn, model.id, Some(number), true).await?;
    Ok(found.into_iter().next())
}

/// A run, and the hash of its data.
struct Ran {
    run: TrainingRun,
    sha256: Option<String>,
}

async fn of_run(conn: &mut Conn, project: ProjectId, id: TrainingRunId) -> Result<Option<Ran>> {
    let found = store::training_runs::find(conn, id).await?;
    let Some(found) = found.filter(|found| found.project == project) else {
        return Ok(None);
    };
    let dataset = store::datasets::find_by_id(conn, found.dataset_version).await?;
    Ok(Some(Ran {
        run: found.run,
        sha256: dataset.map(|dataset| dataset.version.sha256),
    }))
}

fn of_version(subject: &Subject, version: ModelVersion, ran: Option<Ran>) -> Facts {
    let mut settings = BTreeMap::new();
    settings.insert("algorithm".to_owned(), version.algorithm.clone());
    flatten("", &version.params, &mut settings);
    let (run, sha256) = ran.map_or((None, None), |ran| (Some(ran.run), ran.sha256));
    if let Some(run) = &run {
        told(run, &mut settings);
    }
    let output = &version.signature.output;
    Facts {
        item: Item {
            label: format!("{} v{}", version.model, version.version),
            version: Some(version.version),
            training_run: version.training_run,
            asked: subject.to_string(),
            is_run: false,
            algorithm: version.algorithm,
            task: output.task,
            target: output.name.clone(),
            dataset: version.dataset,
            dataset_version: version.dataset_version,
            dataset_sha256: sha256,
            split: run.map(|run| run.spec.split),
            created_at: version.created_at,
            model: version.model,
        },
        settings,
        metrics: version.metrics,
        signature: Some(version.signature),
        evaluation: version.evaluation,
    }
}

fn of_training(subject: &Subject, ran: Ran, version: Option<ModelVersion>) -> Facts {
    let Ran { run, sha256 } = ran;
    let mut settings = BTreeMap::new();
    let (algorithm, params) = if let Some(version) = &version {
        (version.algorithm.clone(), Some(version.params.clone()))
    } else {
        let params = run.spec.params.clone().map(Value::Object);
        (run.spec.algorithm.as_str().to_owned(), params)
    };
    settings.insert("algorithm".to_owned(), algorithm.clone());
    if let Some(params) = &params {
        flatten("", params, &mut settings);
    }
    told(&run, &mut settings);
    let id = run.id.to_string();
    let end = id.get(id.len().saturating_sub(8)..).unwrap_or(&id);
    Facts {
        item: Item {
            label: format!("run {end} of {}", run.model),
            version: version.as_ref().map(|version| version.version),
            training_run: Some(run.id),
            asked: subject.to_string(),
            is_run: true,
            algorithm,
            task: run.spec.task.unwrap_or(Task::Regression),
            target: run.spec.target,
            dataset: Some(run.spec.dataset),
            dataset_version: run.spec.dataset_version,
            dataset_sha256: sha256,
            split: Some(run.spec.split),
            created_at: run.created_at,
            model: run.model,
        },
        settings,
        metrics: run.metrics.unwrap_or_default(),
        signature: version.map(|version| version.signature),
        evaluation: run.evaluation,
    }
}

/// What training was told beside the algorithm and its parameters, of which a version knows more.
fn told(run: &TrainingRun, settings: &mut BTreeMap<String, String>) {
    let asked = run.spec.algorithm.as_str();
    if settings.get("algorithm").is_some_and(|made| made != asked) {
        settings.insert("asked for".to_owned(), asked.to_owned());
    }
    if let Ok(Value::Object(mut spec)) = serde_json::to_value(&run.spec) {
        for name in NO_SETTINGS {
            spec.remove(name);
        }
        flatten("", &Value::Object(spec), settings);
    }
    if let Some(trainer) = &run.trainer {
        settings.insert("trainer".to_owned(), trainer.clone());
    }
}

/// `{"split":{"seed":7}}` as `split.seed` and `7`.
fn flatten(name: &str, value: &Value, settings: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(&name, value, settings);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(settings.insert(name.to_owned(), text.clone())),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                item => item.to_string(),
            });
            let items = items.collect::<Vec<_>>().join(", ");
            settings.insert(name.to_owned(), items);
        }
        value => drop(settings.insert(name.to_owned(), value.to_string())),
    }
}
