//! Versions on their way out, as ONNX files that other programs compute.

use std::fs::File;
use std::sync::Arc;

use domain::{Actor, Error, Name, Result};
use platform::Blobs;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::state::AppState;

/// Files that are written at the same time: each takes a few times the memory of its artifact.
const AT_ONCE: usize = 2;

/// Writes files, a few at a time. Others wait for their turn, which takes milliseconds.
#[derive(Debug)]
pub struct Exports {
    places: Arc<Semaphore>,
}

impl Default for Exports {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// A version as an ONNX file.
#[derive(Debug)]
pub struct Exported {
    /// On the disk, without a name: whoever reads it slowly holds no memory, and no place.
    pub file: File,
    pub bytes: usize,
    /// Of the file, in hex. The same release writes the same file each time.
    pub sha256: String,
}

/// The version as an ONNX file; that of an imported one is the file that was imported.
///
/// # Errors
/// `Unsupported` with the code `not_exportable` and the reason, if there is none; `InsufficientStorage` when the disk is full.
pub async fn onnx(
    state: &AppState,
    actor: &Actor,
    project: &Name,
    model: &Name,
    version: i32,
) -> Result<Exported> {
    let places = Arc::clone(&state.exports.places);
    let place = places.acquire_owned().await.map_err(Error::internal)?;
    let artifact = platform::models::artifact(&state.platform, actor, project, model, version);
    let artifact = artifact.await?;
    let blobs = state.platform.blobs.clone();
    let written = tokio::task::spawn_blocking(move || {
        // Whoever asked may have gone meanwhile: the place is free when the work is done.
        let _place = place;
        write(&artifact, &blobs)
    });
    written.await.map_err(Error::internal)?
}

fn write(artifact: &[u8], blobs: &Blobs) -> Result<Exported> {
    let artifact = ::model::decode(artifact).map_err(Error::internal)?;
    let file = artifact.to_onnx().map_err(|why| Error::Unsupported {
        code: "not_exportable",
        message: format!("there is no ONNX file of this version: {why}"),
    })?;
    Ok(Exported {
        sha256: hex::encode(Sha256::digest(&file)),
        bytes: file.len(),
        file: blobs.temp()?.nameless(&file)?,
    })
}
