//! ONNX files on their way to a version: looked at in a child process, which decodes them in the server's place.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use domain::models::{GivenSignature, ModelVersion};
use domain::{Actor, Error, Name, Result};
use jobs::child::{Child, Command, End, Exit};
use platform::blobs::TempFile;
use platform::models::{Imported, Origin};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use trainer::child::{ChildLimits, ChildMessage, ChildRequest, ImportedModel};

use crate::jobs::OWN_PROGRAM;
use crate::state::AppState;

/// Files that are looked at at the same time: each may take as much memory as its limit.
const AT_ONCE: usize = 2;
/// A model of the largest size is read in a few seconds.
const TIME: Duration = Duration::from_secs(30);
const LIMITS: ChildLimits = ChildLimits {
    memory_mb: 1024,
    cpu_seconds: TIME.as_secs() as u32,
};
/// A signature with very many categories, in bytes.
const LONGEST_MESSAGE: usize = 16 << 20;
/// Seconds after which a place may be free again.
const BUSY: u64 = 5;

const ABORTED: i32 = 6;
const KILLED: i32 = 9;
const OUT_OF_CPU: i32 = 24;

/// Looks at files, a few at a time.
#[derive(Debug)]
pub struct Imports {
    places: Semaphore,
    program: RwLock<PathBuf>,
}

impl Default for Imports {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            program: RwLock::new(OWN_PROGRAM.into()),
        }
    }
}

impl Imports {
    /// Uses another program than this process's own: that of a test is the test.
    pub fn use_program(&self, program: PathBuf) {
        *self.program.write().unwrap_or_else(PoisonError::into_inner) = program;
    }

    /// Keeps all places taken as long as what it returns lives.
    ///
    /// # Errors
    /// Some are taken already.
    pub fn occupy(&self) -> Result<SemaphorePermit<'_>> {
        let all = u32::try_from(AT_ONCE).map_err(Error::internal)?;
        self.places.try_acquire_many(all).map_err(|_| busy())
    }

    fn program(&self) -> PathBuf {
        let program = self.program.read();
        program.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn busy() -> Error {
    Error::Overloaded {
        message: format!("{AT_ONCE} models are being imported already: try again in a moment"),
        retry_after: BUSY,
    }
}

/// Makes the file the next version of the model of this name.
///
/// # Errors
/// `Invalid` naming what is wrong with the file or with what was given of its signature; `Overloaded` while others are looked at.
pub async fn import(
    state: &AppState,
    actor: &Actor,
    project: &Name,
    model: &Name,
    file: &TempFile,
    given: GivenSignature,
) -> Result<ModelVersion> {
    let place = state.imports.places.try_acquire().map_err(|_| busy())?;
    let output = state.platform.blobs.temp()?;
    let imported = inspect(state, file, &output, given).await?;
    drop(place);
    let limit = state.platform.limits.max_artifact_bytes;
    let artifact = state.platform.blobs.adopt(output, limit).await?;
    if artifact.sha256 != imported.sha256 {
        return Err(Error::internal(
            "the artifact on the disk is not the one that was written",
        ));
    }
    let imported = Imported {
        artifact,
        params: Value::Object(imported.params),
        signature: imported.signature,
        origin: Origin::Onnx,
    };
    platform::models::import(&state.platform, actor, project, model, imported).await
}

async fn inspect(
    state: &AppState,
    file: &TempFile,
    output: &TempFile,
    given: GivenSignature,
) -> Result<ImportedModel> {
    let request = ChildRequest::Import {
        path: file.path().to_owned(),
        given: Box::new(given),
        output: output.path().to_owned(),
        limits: LIMITS,
    };
    let request = serde_json::to_vec(&request).map_err(Error::internal)?;
    let command = Command {
        program: state.imports.program(),
        arguments: vec!["child".into()],
        limit: TIME,
        max_line: LONGEST_MESSAGE,
    };
    let stop = state.shutdown.child_token();
    let mut child = Child::spawn(&command, request, stop).map_err(Error::internal)?;
    let mut said = None;
    while let Some(line) = child.next_line().await {
        said = match serde_json::from_str(&line) {
            Ok(ChildMessage::Imported(imported)) => Some(Ok(*imported)),
            Ok(ChildMessage::Refused { errors }) => Some(Err(Error::Invalid(errors))),
            Ok(ChildMessage::Failed(error)) => {
                let message = format!("the file could not be imported: {}", error.message);
                Some(Err(Error::ModelFailed(message)))
            }
            Ok(_) => said,
            Err(error) => {
                tracing::warn!(%error, "a child process said something that is not a message");
                said
            }
        };
    }
    let end = child.end().await.map_err(Error::internal)?;
    tracing::info!(
        exit = ?end.exit,
        took_ms = end.took.as_millis(),
        peak_memory = end.peak_memory,
        "import ended"
    );
    said.unwrap_or_else(|| Err(died(&end)))
}

/// Why a child has nothing to say of its file.
fn died(end: &End) -> Error {
    tracing::warn!(exit = ?end.exit, stderr = end.stderr, peak_memory = end.peak_memory, "a child process ended without a result");
    let at_fault = |expected: String| Error::invalid("/file", expected);
    match end.exit {
        Exit::OutOfTime | Exit::Signalled(OUT_OF_CPU) => at_fault(format!(
            "a model that is read and tried out within {} s: export a smaller one",
            TIME.as_secs()
        )),
        Exit::Signalled(ABORTED) => at_fault(format!(
            "a model that is read and tried out within {} MiB of memory: export a smaller one",
            LIMITS.memory_mb
        )),
        Exit::LineTooLong => at_fault(format!(
            "a model whose signature is at most {LONGEST_MESSAGE} bytes long"
        )),
        // From outside, as the system does when its memory is short.
        Exit::Signalled(KILLED) => Error::not_yet(
            "the process that looked at the file was killed, and nothing was imported: send it again",
            BUSY,
        ),
        Exit::Stopped => Error::not_yet(
            "the server is stopping, and nothing was imported: send the file again",
            BUSY,
        ),
        Exit::Signalled(signal) => at_fault(format!(
            "a model that can be read: the process that tried it ended by signal {signal}"
        )),
        Exit::Succeeded | Exit::Failed(_) => Error::internal("a child process said nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_death_is_the_files_fault_or_a_reason_to_try_again() {
        for (exit, status) in [
            (Exit::OutOfTime, 422),
            (Exit::Signalled(OUT_OF_CPU), 422),
            (Exit::Signalled(ABORTED), 422),
            (Exit::Signalled(11), 422),
            (Exit::LineTooLong, 422),
            (Exit::Signalled(KILLED), 503),
            (Exit::Stopped, 503),
            (Exit::Failed(1), 500),
        ] {
            let end = End {
                exit,
                stderr: String::new(),
                peak_memory: None,
                out_of_memory_kill: false,
                took: TIME,
            };
            assert_eq!(died(&end).status(), status, "{exit:?}");
        }
    }
}
