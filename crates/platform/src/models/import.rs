//! Models that were trained elsewhere.

use std::collections::BTreeMap;

use domain::events::Topic;
use domain::ids::{ModelId, ModelVersionId};
use domain::models::{ModelVersion, REMOTE, RemoteToken, Signature};
use domain::{Actor, Error, Name, Permission, Result};
use serde_json::{Value, json};
use store::models::NewVersion;

use crate::blobs::{self, StoredBlob};
use crate::ledger::Entry;
use crate::{Platform, access, events, ledger};

/// What an ONNX file became, or a model of an engine elsewhere.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The stored artifact.
    pub artifact: StoredBlob,
    /// Where it comes from.
    pub params: Value,
    pub signature: Signature,
    pub origin: Origin,
}

/// What an imported version is.
#[derive(Clone, Debug)]
pub enum Origin {
    Onnx,
    /// With what its engine asks for.
    Remote {
        token: Option<RemoteToken>,
    },
}

impl Origin {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Remote { .. } => REMOTE,
        }
    }

    /// What the versions of a model are imported from.
    fn source(&self) -> &'static str {
        match self {
            Self::Onnx => "an ONNX file",
            Self::Remote { .. } => "an engine that computes it",
        }
    }
}

/// Whether this caller may import a model: asked before the file is read.
pub async fn may_import(platform: &Platform, actor: &Actor, project: &Name) -> Result<()> {
    let mut conn = platform.store.read().await?;
    access::authorise(&mut conn, actor, project, Permission::Write).await?;
    Ok(())
}

/// Makes what was imported the next version of the model of this name, which is made if there is none.
///
/// # Errors
/// `Conflict` with the code `task_differs` when the model's newest version is of another task: callers of the model would be
/// answered in another shape.
pub async fn import(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    imported: Imported,
) -> Result<ModelVersion> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    blobs::record(platform, &mut tx, &imported.artifact, now).await?;
    let model =
        store::models::lock_or_create(&mut tx, project, name, ModelId::at(now), now).await?;
    let before = store::models::versions(&mut tx, model, None, false).await?;
    let task = imported.signature.output.task;
    if let Some(newest) = before.first()
        && newest.signature.output.task != task
    {
        let message = format!(
            "what is imported is a model for {}, and version {} of model {name} is one for {}: import it under another name",
            task.as_str(),
            newest.version,
            newest.signature.output.task.as_str()
        );
        return Err(Error::conflict("task_differs", message));
    }
    let version = store::models::next_version(&mut tx, model).await?;
    let created_by = actor.label();
    let new = NewVersion {
        id: ModelVersionId::at(now),
        model,
        version,
        algorithm: imported.origin.algorithm(),
        params: &imported.params,
        metrics: &BTreeMap::new(),
        signature: &imported.signature,
        evaluation: None,
        dataset_version: None,
        training_run: None,
        sha256: &imported.artifact.sha256,
        created_by: &created_by,
        created_at: now,
    };
    store::models::insert_version(&mut tx, &new).await?;
    if let Origin::Remote { token: Some(token) } = &imported.origin {
        store::remote_tokens::insert(&mut tx, new.id, token).await?;
    }
    let entry = Entry {
        action: "model_version.imported",
        subject: &format!("model/{name}"),
        reason: &format!(
            "version {version} was imported from {}",
            imported.origin.source()
        ),
        before: None,
        after: Some(json!({
            "version": version,
            "sha256": imported.artifact.sha256,
            "file_sha256": imported.params.get("file_sha256"),
            "url": imported.params.get("url"),
        })),
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    events::serving_changed(&mut tx).await?;
    let made = store::models::versions(&mut tx, model, Some(version), true).await?;
    let made = made.into_iter().next();
    let made = made.ok_or_else(|| Error::not_found("model version"))?;
    let data = json!({ "model": name, "version": version });
    events::publish(&mut tx, now, project, &Topic::Runs, "changed", data).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(made)
}
