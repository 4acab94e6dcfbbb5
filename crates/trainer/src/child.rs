//! The conversation between the server and the child process that does one piece of work for it.
//!
//! The server writes one [`ChildRequest`] as a line of JSON to the child's standard input. The child limits itself,
//! works, and writes [`ChildMessage`]s as lines of JSON to its standard output. The last one is the result: a child
//! that ends without one died, and [`death`] says of what. A model that is to be compared is told as soon as it is written,
//! and again with what came of that.

mod death;
mod limits;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use domain::FieldError;
use domain::datasets::{DataFormat, Profile};
use domain::models::{Evaluation, GivenSignature, Signature};
use domain::retraining::Comparison;
use domain::training_runs::{Algorithm, LogLevel, Progress, Recipe, RunError, TrainingSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

pub use death::death;

use crate::failure::failure;
use crate::{
    DataError, NotImported, Rival, ScoreSpec, ScoredTable, TrainEvent, Trained, compare, import,
    profile, score, train, train_again,
};

/// A request of more bytes than this is refused.
const MAX_REQUEST_BYTES: u64 = 16 << 20;

/// Progress that moves less than this is not told.
const PROGRESS_STEP: f64 = 0.005;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChildRequest {
    Profile {
        path: PathBuf,
        format: DataFormat,
        limits: ChildLimits,
    },
    Train {
        path: PathBuf,
        format: DataFormat,
        spec: Box<TrainingSpec>,
        /// Of a re-run of `auto`, what it had chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<Box<Recipe>>,
        /// Whom the new model is compared with.
        rival: Option<Rival>,
        /// Where the artifact goes: an empty file that is there already. Whoever made it gives it a lasting name.
        output: PathBuf,
        limits: ChildLimits,
    },
    Score {
        path: PathBuf,
        format: DataFormat,
        spec: Box<ScoreSpec>,
        /// The model's file.
        artifact: PathBuf,
        /// Where the scored table goes, as in `Train`.
        output: PathBuf,
        limits: ChildLimits,
    },
    Import {
        /// An ONNX file.
        path: PathBuf,
        given: Box<GivenSignature>,
        /// Where the artifact goes, as in `Train`.
        output: PathBuf,
        limits: ChildLimits,
    },
}

/// What the child takes of the machine at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildLimits {
    /// On top of what the process has mapped when it starts.
    pub memory_mb: u32,
    /// Of processor time. The wall clock is the server's to watch.
    pub cpu_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChildMessage {
    /// Of a profile, 0 to 1.
    Profiling {
        fraction: f64,
    },
    Progress(Progress),
    /// Of a scoring: the rows that are done, and how many of them the model refused.
    Scoring {
        rows: u64,
        rows_failed: u64,
    },
    Log {
        level: LogLevel,
        message: String,
    },
    /// The result of [`ChildRequest::Profile`].
    Profile(Profile),
    /// The result of [`ChildRequest::Train`]. With a rival it comes twice, first without the comparison.
    Trained(Box<TrainedModel>),
    /// The result of [`ChildRequest::Score`].
    Scored(ScoredTable),
    /// The result of [`ChildRequest::Import`].
    Imported(Box<ImportedModel>),
    /// The result when the file or the signature given for it is at fault.
    Refused {
        errors: Vec<FieldError>,
    },
    /// The result when the table is at fault.
    Unreadable(DataError),
    /// The result when the run failed for any other reason.
    Failed(RunError),
}

/// A model whose artifact is the request's `output`, its bytes safely on the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    pub algorithm: Algorithm,
    pub params: Map<String, Json>,
    pub metrics: std::collections::BTreeMap<String, f64>,
    pub signature: Signature,
    pub evaluation: Evaluation,
    /// With the rival, if there is one.
    pub comparison: Option<Comparison>,
    /// Of the artifact, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// A model from a file, whose artifact is the request's `output`, its bytes safely on the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportedModel {
    pub params: Map<String, Json>,
    pub signature: Signature,
    /// Of the artifact, hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// Does the work that `stdin` asks for, within its limits. To be called once, in a process of its own, before it has
/// any other thread: the limits hold for the whole process and cannot be lifted. The process dies with the thread that
/// started it, so that is to be one that lives as long as the server, such as a worker of its runtime.
pub fn run(stdin: impl Read, stdout: impl Write) -> ExitCode {
    let mut speaker = Speaker {
        stdout,
        told: None,
        broken: false,
    };
    let request = match read_request(stdin) {
        Ok(request) => request,
        Err(error) => return speaker.finish(ChildMessage::Failed(error)),
    };
    if let Err(error) = limits::apply(&request) {
        let fix = "Look at the limits that the server itself runs under.";
        let error = failure(
            "internal",
            format!("the child process could not limit itself: {error}"),
            fix,
        );
        return speaker.finish(ChildMessage::Failed(error));
    }
    // A bug in a library must end as a failed run with a reason.
    let result =
        catch_unwind(AssertUnwindSafe(|| work(&request, &mut speaker))).unwrap_or_else(|_| {
            ChildMessage::Failed(failure(
                "internal",
                "the work ended in a bug of the program",
                "Try fewer columns, and report the bug with the table if you can.",
            ))
        });
    speaker.finish(result)
}

fn read_request(stdin: impl Read) -> Result<ChildRequest, RunError> {
    let mut line = String::new();
    let read = BufReader::new(stdin.take(MAX_REQUEST_BYTES)).read_line(&mut line);
    let broken = |error: String| {
        failure(
            "internal",
            format!("the child process got no request: {error}"),
            "Start it again.",
        )
    };
    read.map_err(|error| broken(error.to_string()))?;
    serde_json::from_str(&line).map_err(|error| broken(error.to_string()))
}

fn work(request: &ChildRequest, speaker: &mut Speaker<impl Write>) -> ChildMessage {
    match request {
        ChildRequest::Profile { path, format, .. } => {
            match profile(path, *format, &mut |fraction| speaker.profiling(fraction)) {
                Ok(profile) => ChildMessage::Profile(profile),
                Err(error) => ChildMessage::Unreadable(error),
            }
        }
        ChildRequest::Train {
            path,
            format,
            spec,
            recipe,
            rival,
            output,
            ..
        } => {
            let until = Instant::now() + time_to_compare(spec);
            let mut tell = |event| match event {
                TrainEvent::Progress(progress) => speaker.progress(progress),
                TrainEvent::Log { level, message } => {
                    speaker.say(&ChildMessage::Log { level, message });
                }
            };
            let trained = match recipe {
                None => train(path, *format, spec, &mut tell),
                Some(recipe) => train_again(path, *format, spec, recipe, &mut tell),
            };
            let written =
                trained.and_then(|trained| write(output, &trained.artifact).map(|()| trained));
            match written {
                Ok(trained) => {
                    let Some(rival) = rival else {
                        return made(&trained, None);
                    };
                    // What goes wrong from here on must not lose the model, be it the end of the process.
                    speaker.say(&made(&trained, None));
                    let compare = || compare(path, *format, rival, &trained, until);
                    let comparison = catch_unwind(AssertUnwindSafe(compare)).unwrap_or_else(|_| {
                        let reason = "comparing ended in a bug of the program".to_owned();
                        Comparison::NotComparable { reason }
                    });
                    made(&trained, Some(comparison))
                }
                Err(error) => ChildMessage::Failed(error),
            }
        }
        ChildRequest::Score {
            path,
            format,
            spec,
            artifact,
            output,
            ..
        } => {
            let mut tell = |rows, rows_failed| speaker.scoring(spec.rows, rows, rows_failed);
            match score(path, *format, spec, artifact, output, &mut tell) {
                Ok(scored) => ChildMessage::Scored(scored),
                Err(error) => ChildMessage::Failed(error),
            }
        }
        ChildRequest::Import {
            path,
            given,
            output,
            ..
        } => {
            let imported = import(path, given).and_then(|imported| {
                let written = write(output, &imported.artifact);
                written.map(|()| imported).map_err(NotImported::Failed)
            });
            match imported {
                Ok(imported) => ChildMessage::Imported(Box::new(ImportedModel {
                    sha256: hex::encode(Sha256::digest(&imported.artifact)),
                    bytes: imported.artifact.len() as u64,
                    params: imported.params,
                    signature: imported.signature,
                })),
                Err(NotImported::Refused(errors)) => ChildMessage::Refused { errors },
                Err(NotImported::Failed(error)) => ChildMessage::Failed(error),
            }
        }
    }
}

fn made(trained: &Trained, comparison: Option<Comparison>) -> ChildMessage {
    ChildMessage::Trained(Box::new(TrainedModel {
        algorithm: trained.algorithm,
        params: trained.params.clone(),
        metrics: trained.metrics.clone(),
        signature: trained.signature.clone(),
        evaluation: trained.evaluation.clone(),
        comparison,
        sha256: hex::encode(Sha256::digest(&trained.artifact)),
        bytes: trained.artifact.len() as u64,
    }))
}

/// A model that took nearly all of the run's time is worth more than what it is compared with.
fn time_to_compare(spec: &TrainingSpec) -> Duration {
    Duration::from_secs(spec.budget.seconds.into()).mul_f64(0.97)
}

/// Returns only when the bytes are on the disk.
fn write(output: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let written = (|| {
        let mut file = OpenOptions::new().write(true).open(output)?;
        file.write_all(bytes)?;
        file.sync_all()
    })();
    written.map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure(
            "internal",
            "there is no room on the disk for the model",
            "Free some space and start the run again.",
        ),
        kind => failure(
            "internal",
            format!("the model could not be written: {kind}"),
            "Start the run again.",
        ),
    })
}

struct Speaker<W> {
    stdout: W,
    told: Option<Progress>,
    /// Nobody listens any more.
    broken: bool,
}

impl<W: Write> Speaker<W> {
    fn say(&mut self, message: &ChildMessage) {
        let Ok(mut line) = serde_json::to_vec(message) else {
            self.broken = true;
            return;
        };
        line.push(b'\n');
        if self
            .stdout
            .write_all(&line)
            .and_then(|()| self.stdout.flush())
            .is_err()
        {
            self.broken = true;
        }
    }

    fn progress(&mut self, progress: Progress) {
        if self.moves(progress) {
            self.say(&ChildMessage::Progress(progress));
        }
    }

    fn profiling(&mut self, fraction: f64) {
        if self.moves(Progress {
            stage: domain::training_runs::Stage::Prepare,
            fraction,
        }) {
            self.say(&ChildMessage::Profiling { fraction });
        }
    }

    fn scoring(&mut self, of: u64, rows: u64, rows_failed: u64) {
        if self.moves(Progress {
            stage: domain::training_runs::Stage::Prepare,
            fraction: rows as f64 / of.max(1) as f64,
        }) {
            self.say(&ChildMessage::Scoring { rows, rows_failed });
        }
    }

    fn moves(&mut self, progress: Progress) -> bool {
        let moves = self.told.is_none_or(|told| {
            told.stage != progress.stage || progress.fraction - told.fraction >= PROGRESS_STEP
        });
        if moves {
            self.told = Some(progress);
        }
        moves
    }

    fn finish(mut self, result: ChildMessage) -> ExitCode {
        self.say(&result);
        let failed = matches!(
            result,
            ChildMessage::Unreadable(_) | ChildMessage::Refused { .. } | ChildMessage::Failed(_)
        );
        if failed || self.broken {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
