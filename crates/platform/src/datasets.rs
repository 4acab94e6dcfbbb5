pub(crate) mod columns;

use std::io;

use bytes::Bytes;
use domain::datasets::{
    DataFormat, DatasetStatus, DatasetSummary, DatasetVersion, Preview, Profile,
};
use domain::events::Topic;
use domain::ids::{DatasetId, DatasetVersionId, JobId, ProjectId, ScoringRunId};
use domain::page::PageRequest;
use domain::{Actor, Error, FieldError, Name, Page, Permission, Result, Timestamp};
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Conn;
use store::datasets::{NewVersion, Which};
use store::jobs::{Fence, JobEnd, NewJob};

use crate::blobs::StoredBlob;
use crate::ledger::Entry;
use crate::{Platform, access, blobs, events, jobs, ledger, page};

/// The kind of the job that reads a new version and describes its columns.
pub const PROFILE_JOB: &str = "profile_dataset";
const PROFILE_ATTEMPTS: i32 = 3;
/// Longest reason of a failure that is kept, in characters.
const ERROR_LENGTH: usize = 2000;

/// What a profiling job carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileJob {
    pub dataset_version: DatasetVersionId,
}

/// Takes a file in as a new version of the dataset of this name, which is made if there is none. When this returns, the file
/// is durable and its profiling job is queued.
///
/// # Errors
/// `TooLarge` at once when the declared length is over the limit, and as soon as more than that has arrived; `Invalid` for an
/// empty file or one that broke off; `InsufficientStorage`. Nothing is visible of it then.
pub async fn upload(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    format: DataFormat,
    declared_bytes: Option<u64>,
    stream: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<DatasetVersion> {
    // No connection is held while the file streams in, which may take long.
    access::authorise(
        &mut *platform.store.read().await?,
        actor,
        project,
        Permission::Write,
    )
    .await?;
    let limit = platform.limits.max_upload_bytes;
    if let Some(bytes) = declared_bytes.filter(|bytes| *bytes > limit) {
        let message = format!(
            "the file has {bytes} bytes, and the limit is {limit} bytes: split it, or have the limit raised"
        );
        return Err(Error::TooLarge { message });
    }
    let blob = platform.blobs.put_stream(stream, limit).await?;
    if blob.bytes == 0 {
        return Err(Error::Invalid(vec![
            FieldError::new("/file", "invalid", "a file that is not empty").got("0 bytes"),
        ]));
    }
    let file = serde_json::to_value(format).map_err(Error::internal)?;

    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    let project = access::authorise(&mut tx, actor, project, Permission::Write).await?;
    let new = NewFile {
        name,
        format,
        blob: &blob,
        scoring_run: None,
        created_by: actor.label(),
    };
    let made = add_version(platform, &mut tx, now, project, new).await?;
    let version = made.version;
    let entry = Entry {
        action: "dataset.uploaded",
        subject: &format!("dataset/{name}"),
        reason: &format!("version {version} was uploaded"),
        before: None,
        after: Some(
            json!({ "version": version, "format": file, "sha256": blob.sha256, "bytes": blob.bytes }),
        ),
    };
    ledger::append(&mut tx, now, project, actor, entry).await?;
    publish(
        &mut tx,
        now,
        project,
        name,
        version,
        DatasetStatus::Profiling,
    )
    .await?;
    tx.commit().await?;
    Ok(made)
}

/// A file that becomes the next version of a dataset.
pub(crate) struct NewFile<'a> {
    pub(crate) name: &'a Name,
    pub(crate) format: DataFormat,
    pub(crate) blob: &'a StoredBlob,
    /// The run that made it; `None` for an upload.
    pub(crate) scoring_run: Option<ScoringRunId>,
    pub(crate) created_by: String,
}

/// Adds the version, to the dataset of this name or to a new one, with the job that reads it. The ledger row and the event are
/// the caller's.
pub(crate) async fn add_version(
    platform: &Platform,
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    file: NewFile<'_>,
) -> Result<DatasetVersion> {
    blobs::record(platform, conn, file.blob, now).await?;
    let (dataset, _) =
        store::datasets::lock_or_create(conn, project, file.name, DatasetId::at(now), now).await?;
    let version = store::datasets::next_version(conn, dataset).await?;
    let (id, job) = (DatasetVersionId::at(now), JobId::at(now));
    let payload = serde_json::to_value(ProfileJob {
        dataset_version: id,
    })
    .map_err(Error::internal)?;
    let new_job = NewJob {
        id: job,
        kind: PROFILE_JOB,
        payload: &payload,
        max_attempts: PROFILE_ATTEMPTS,
    };
    store::jobs::enqueue(conn, &new_job).await?;
    let new = NewVersion {
        id,
        dataset,
        version,
        format: file.format,
        sha256: &file.blob.sha256,
        job,
        scoring_run: file.scoring_run,
        created_by: &file.created_by,
        created_at: now,
    };
    store::datasets::insert_version(conn, &new).await?;
    let made = store::datasets::find_by_id(conn, id).await?;
    made.map(|made| made.version)
        .ok_or_else(|| Error::not_found("dataset version"))
}

/// Newest first, each by its newest version.
pub async fn list(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    page: &PageRequest,
) -> Result<Page<DatasetSummary>> {
    let before = page::start(page)?;
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let items = store::datasets::list(&mut conn, project, before, page::limit(page)).await?;
    Ok(page::finish(items, page, |dataset| {
        (dataset.updated_at, dataset.id.0)
    }))
}

/// The newest version.
pub async fn get(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
) -> Result<DatasetVersion> {
    find(platform, actor, project, name, Which::Newest).await
}

pub async fn get_version(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    version: i32,
) -> Result<DatasetVersion> {
    find(platform, actor, project, name, Which::Version(version)).await
}

async fn find(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    which: Which,
) -> Result<DatasetVersion> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    store::datasets::find(&mut conn, project, name, which)
        .await?
        .ok_or_else(|| Error::not_found("dataset"))
}

/// The version to work on, the newest ready one unless told.
///
/// # Errors
/// `NotFound`; `Conflict` with the code `dataset_not_ready` or `dataset_failed`.
pub(crate) async fn ready_version(
    conn: &mut Conn,
    project: ProjectId,
    name: &Name,
    version: Option<i32>,
) -> Result<DatasetVersion> {
    let which = version.map_or(Which::NewestReady, Which::Version);
    let mut found = store::datasets::find(conn, project, name, which).await?;
    if found.is_none() && which == Which::NewestReady {
        found = store::datasets::find(conn, project, name, Which::Newest).await?;
    }
    let found = found.ok_or_else(|| Error::not_found("dataset"))?;
    let version = found.version;
    match found.status {
        DatasetStatus::Ready => Ok(found),
        DatasetStatus::Profiling => Err(Error::conflict(
            "dataset_not_ready",
            format!(
                "version {version} of dataset {name} is still being read: try again when it is ready"
            ),
        )),
        DatasetStatus::Failed => {
            let why = found
                .error
                .as_deref()
                .unwrap_or("its file could not be read");
            let message = format!(
                "version {version} of dataset {name} can not be used: {why}; upload a corrected file"
            );
            Err(Error::conflict("dataset_failed", message))
        }
    }
}

/// All versions, newest first, without their columns.
pub async fn versions(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
) -> Result<Vec<DatasetVersion>> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    let versions = store::datasets::versions(&mut conn, project, name).await?;
    if versions.is_empty() {
        Err(Error::not_found("dataset"))
    } else {
        Ok(versions)
    }
}

/// The first rows of a version, the newest unless told; empty until it is ready.
pub async fn preview(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &Name,
    version: Option<i32>,
) -> Result<Preview> {
    let mut conn = platform.store.read().await?;
    let project = access::authorise(&mut conn, actor, project, Permission::Read).await?;
    store::datasets::preview(&mut conn, project, name, version)
        .await?
        .ok_or_else(|| Error::not_found("dataset"))
}

/// The version that a profiling job is about.
pub async fn to_profile(platform: &Platform, id: DatasetVersionId) -> Result<DatasetVersion> {
    let mut conn = platform.store.read().await?;
    let found = store::datasets::find_by_id(&mut conn, id).await?;
    found
        .map(|found| found.version)
        .ok_or_else(|| Error::not_found("dataset version"))
}

/// Ends a profiling job: the version is ready with its profile, or has failed with a reason that names row, column and value.
///
/// # Errors
/// The attempt no longer holds the job: nothing was written.
pub async fn profile_finished(
    platform: &Platform,
    fence: Fence,
    id: DatasetVersionId,
    outcome: Result<Profile, String>,
) -> Result<()> {
    let now = platform.clock.now();
    let mut tx = platform.store.begin().await?;
    jobs::hold(&mut tx, fence).await?;
    let found = store::datasets::find_by_id(&mut tx, id)
        .await?
        .ok_or_else(|| Error::not_found("dataset version"))?;
    let (status, end) = match outcome {
        Ok(profile) => {
            store::datasets::set_ready(&mut tx, id, &profile, now).await?;
            (DatasetStatus::Ready, JobEnd::Succeeded)
        }
        Err(reason) => {
            let reason: String = reason.chars().take(ERROR_LENGTH).collect();
            store::datasets::set_failed(&mut tx, id, &reason, now).await?;
            (DatasetStatus::Failed, JobEnd::Failed(reason))
        }
    };
    store::jobs::finish(&mut tx, fence, &end).await?;
    publish(
        &mut tx,
        now,
        found.project,
        &found.version.name,
        found.version.version,
        status,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn publish(
    conn: &mut Conn,
    now: Timestamp,
    project: ProjectId,
    name: &Name,
    version: i32,
    status: DatasetStatus,
) -> Result<()> {
    let data = json!({ "name": name, "version": version, "status": status });
    events::publish(conn, now, project, &Topic::Datasets, "changed", data).await
}
