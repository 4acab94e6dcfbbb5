mod export;
mod import;

use domain::ids::{ModelId, ProjectId};
use domain::models::{Alias, Model, ModelSummary, ModelVersion, TrainedVersion};
use domain::page::PageRequest;
use domain::scoring_runs::VersionRef;
use domain::{Actor, Error, Name, Page, Permission, Result};
use serde_json::json;
use store::Conn;
use store::models::ModelRow;

use crate::ledger::Entry;
use crate::{Platform, access, events, ledger, page};

pub use export::artifact;
pub use import::{Imported, Origin, import, may_import};

/// Newest first, each by its newest version.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    page: &PageRequest,
) -> Result<Page<ModelSummary>> {
    let before = page::start(page)?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let items = store::models::list(&mut conn, project, before, page::limit(page)).await?;
    Ok(page::finish(items, page, |model| {
        (model.updated_at, model.id.0)
    }))
}

/// The model with all its versions, newest first, without their evaluations.
pub async fn get(platform: &Platform, actor: &Actor, project: &Name, name: &Name) -> Result<Model> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let model = find(&mut conn, project, name).await?;
    Ok(Model {
        aliases: store::models::aliases(&mut conn, model.id).await?,
        versions: store::models::versions(&mut conn, model.id, None, false).await?,
        id: model.id,
        name: model.name,
        created_at: model.created_at,
    })
}

/// The versions that training runs made, newest first, at most `limit`.
pub async fn trained(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    limit: i64,
) -> Result<Vec<TrainedVersion>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let model = find(&mut conn, project, name).await?;
    Ok(store::models::trained(&mut conn, model.id, limit).await?)
}

pub async fn get_version(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    version: i32,
) -> Result<ModelVersion> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let model = find(&mut conn, project, name).await?;
    let found = store::models::versions(&mut conn, model.id, Some(version), true).await?;
    let found = found.into_iter().next();
    let found = found.ok_or_else(|| Error::not_found("model version"))?;
    let remote = platform.live.engine(found.id);
    Ok(ModelVersion { remote, ..found })
}

/// The version that is meant, without its evaluation.
///
/// # Errors
/// `NotFound` for the model, the alias or the version.
pub(crate) async fn resolve(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    version: &VersionRef,
) -> Result<ModelVersion> {
    let model = find(conn, project, name).await?;
    let version = match version {
        VersionRef::Number(number) => *number,
        VersionRef::Alias(alias) => version_of(conn, model.id, alias)
            .await?
            .ok_or_else(|| Error::not_found("alias"))?,
    };
    let found = store::models::versions(conn, model.id, Some(version), false).await?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found("model version"))
}

/// The version of this number, with its evaluation.
pub(crate) async fn numbered(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    version: i32,
) -> Result<ModelVersion> {
    let model = find(conn, project, name).await?;
    let found = store::models::versions(conn, model.id, Some(version), true).await?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found("model version"))
}

/// Points the alias at a version, whether it existed or not. Says what it points at now.
pub async fn set_alias(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    alias: &Name,
    version: i32,
) -> Result<Alias> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let model = lock(&mut tx, project, name).await?;
    let target = store::models::version_id(&mut tx, model, version)
        .await?
        .ok_or_else(|| Error::not_found("model version"))?;
    let pointed = Alias {
        alias: alias.clone(),
        version,
    };
    let before = version_of(&mut tx, model, alias).await?;
    if before == Some(version) {
        return Ok(pointed);
    }
    store::models::set_alias(&mut tx, model, alias, target, now).await?;
    let entry = Entry {
        action: "alias.set",
        subject: &format!("model/{name}"),
        reason: &match before {
            Some(before) => {
                format!("@{alias} was moved from version {before} to version {version}")
            }
            None => format!("@{alias} was set to version {version}"),
        },
        before: before.map(|version| json!({ "alias": alias, "version": version })),
        after: Some(json!({ "alias": alias, "version": version })),
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    events::serving_changed(&mut tx).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(pointed)
}

pub async fn remove_alias(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    alias: &Name,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let model = lock(&mut tx, project, name).await?;
    let before = version_of(&mut tx, model, alias)
        .await?
        .ok_or_else(|| Error::not_found("alias"))?;
    store::models::remove_alias(&mut tx, model, alias).await?;
    let entry = Entry {
        action: "alias.removed",
        subject: &format!("model/{name}"),
        reason: &format!("@{alias} no longer points at version {before}"),
        before: Some(json!({ "alias": alias, "version": before })),
        after: None,
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    events::serving_changed(&mut tx).await?;
    tx.commit().await?;
    platform.live.refresh().await;
    Ok(())
}

async fn find(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<ModelRow> {
    store::models::find(conn, project, name)
        .await?
        .ok_or_else(|| Error::not_found("model"))
}

async fn lock(conn: &mut Conn, project: ProjectId, name: &Name) -> Result<ModelId> {
    store::models::lock(conn, project, name)
        .await?
        .ok_or_else(|| Error::not_found("model"))
}

async fn version_of(conn: &mut Conn, model: ModelId, alias: &Name) -> Result<Option<i32>> {
    let aliases = store::models::aliases(conn, model).await?;
    Ok(aliases
        .into_iter()
        .find(|known| known.alias == *alias)
        .map(|known| known.version))
}
