//! Trains a model as a run says, and makes it a version.

mod report;

use std::time::Duration;

use domain::ids::TrainingRunId;
use domain::retraining::Comparison;
use domain::training_runs::{LogLevel, RunError, TrainingBudget};
use domain::{Error, Result};
use jobs::child::{Child, End};
use jobs::{Abandoned, Finished, Handler, Job, StopReason};
use platform::Platform;
use platform::blobs::TempFile;
use platform::training_runs::{self, Outcome, Started, TRAIN_JOB, TrainJob, Trained};
use serde_json::Value;
use trainer::Rival;
use trainer::child::{ChildLimits, ChildMessage, ChildRequest, TrainedModel};

use super::fate::{abandoned, fate};
use report::Report;

pub(super) struct TrainModel {
    platform: Platform,
}

/// What the child said last.
enum Said {
    Trained(Box<TrainedModel>),
    Failed(RunError),
}

impl TrainModel {
    pub(super) fn new(platform: Platform) -> Self {
        Self { platform }
    }

    async fn train(&self, job: Job) -> Result<()> {
        let id = super::payload::<TrainJob>(&job)?.training_run;
        let outcome = match job.stop.reason() {
            Some(StopReason::Cancelled) => Outcome::Cancelled,
            _ => Box::pin(self.attempt(&job, id)).await?,
        };
        if !super::may_write(&job) {
            return Ok(());
        }
        self.finish(&job, id, outcome).await
    }

    async fn attempt(&self, job: &Job, id: TrainingRunId) -> Result<Outcome> {
        let started = training_runs::started(&self.platform, job.fence, id).await?;
        if !self
            .platform
            .blobs
            .is_intact(&started.dataset.sha256)
            .await?
        {
            return Ok(Outcome::Failed(RunError::new(
                "unreadable_data",
                "the dataset's stored file is damaged: its bytes changed on the disk",
                "Upload the file again and train on the new version.",
            )));
        }
        let output = self.platform.blobs.temp()?;
        let rival = self.rival(&started).await?;
        let request = self.request(&started, rival.as_ref(), &output)?;
        let limits = limits(started.run.spec.budget);
        let wall = Duration::from_secs(u64::from(started.run.spec.budget.seconds));
        let child = super::spawn(job, &request, wall)?;

        let mut report = Report::new(&self.platform, job, id);
        if job.fence.attempt > 1 {
            report.log(
                LogLevel::Warn,
                format!(
                    "attempt {}: the worker before was lost, so training starts over",
                    job.fence.attempt
                ),
            );
        }
        let (said, end) = listen(job, id, child, &mut report).await?;
        let outcome = match said {
            _ if job.stop.reason().is_some() => Outcome::Cancelled,
            Some(Said::Trained(trained)) => {
                let comparison = compared(&started, rival, trained.comparison.clone());
                self.keep(output, *trained, comparison).await?
            }
            Some(Said::Failed(error)) => Outcome::Failed(error),
            None => Outcome::Failed(fate(&end, limits, None)),
        };
        match &outcome {
            Outcome::Failed(error) => {
                report.log(LogLevel::Error, format!("{}. {}", error.message, error.fix));
            }
            Outcome::Cancelled => report.log(LogLevel::Warn, "cancelled".to_owned()),
            Outcome::Succeeded(_) => {}
        }
        report.send().await;
        Ok(outcome)
    }

    /// Whom the new model is compared with, if with anybody; else why not.
    async fn rival(&self, started: &Started) -> Result<Option<Result<Rival, String>>> {
        let Some(opponent) = &started.opponent else {
            return Ok(None);
        };
        let sha256 = match &opponent.artifact {
            Ok(sha256) => sha256,
            Err(reason) => return Ok(Some(Err(reason.clone()))),
        };
        if !self.platform.blobs.is_intact(sha256).await? {
            let reason = "its stored file is damaged: its bytes changed on the disk";
            return Ok(Some(Err(reason.to_owned())));
        }
        Ok(Some(Ok(Rival {
            artifact: self.platform.blobs.path(sha256)?,
            types: started
                .dataset
                .columns
                .iter()
                .map(|column| column.kind)
                .collect(),
        })))
    }

    fn request(
        &self,
        started: &Started,
        rival: Option<&Result<Rival, String>>,
        output: &TempFile,
    ) -> Result<ChildRequest> {
        Ok(ChildRequest::Train {
            path: self.platform.blobs.path(&started.dataset.sha256)?,
            format: started.dataset.format,
            output: output.path().to_owned(),
            limits: limits(started.run.spec.budget),
            spec: Box::new(started.run.spec.clone()),
            recipe: started.recipe.clone().map(Box::new),
            rival: rival.and_then(|rival| rival.as_ref().ok()).cloned(),
        })
    }

    /// The artifact becomes a blob; it is not part of anything until the version is committed.
    async fn keep(
        &self,
        output: TempFile,
        trained: TrainedModel,
        comparison: Option<(Option<i32>, Comparison)>,
    ) -> Result<Outcome> {
        let artifact = match self
            .platform
            .blobs
            .adopt(output, self.platform.limits.max_artifact_bytes)
            .await
        {
            Ok(artifact) => artifact,
            Err(error @ (Error::TooLarge { .. } | Error::InsufficientStorage(_))) => {
                return Ok(Outcome::Failed(RunError::new(
                    "internal",
                    format!("the model could not be kept: {error}"),
                    "Free some space on the server's disk, or train on fewer columns.",
                )));
            }
            Err(error) => return Err(error),
        };
        if artifact.sha256 != trained.sha256 {
            return Err(Error::internal(
                "the artifact on the disk is not the one that was written",
            ));
        }
        Ok(Outcome::Succeeded(Box::new(Trained {
            artifact,
            trainer: trainer::version(),
            algorithm: trained.algorithm,
            params: Value::Object(trained.params),
            metrics: trained.metrics,
            signature: trained.signature,
            evaluation: trained.evaluation,
            comparison,
        })))
    }

    async fn finish(&self, job: &Job, id: TrainingRunId, outcome: Outcome) -> Result<()> {
        super::finish(job, &id, &outcome, |outcome| {
            training_runs::finished(&self.platform, job.fence, id, outcome)
        })
        .await
    }
}

/// What came of comparing, beside the version that was live; nothing where nothing was to be compared.
fn compared(
    started: &Started,
    rival: Option<Result<Rival, String>>,
    said: Option<Comparison>,
) -> Option<(Option<i32>, Comparison)> {
    let version = started.opponent.as_ref()?.version;
    let comparison = match rival? {
        Err(reason) => Comparison::NotComparable { reason },
        Ok(_) => said.unwrap_or_else(|| Comparison::NotComparable {
            reason: "the process ended while it compared them".to_owned(),
        }),
    };
    Some((version, comparison))
}

/// Hears the child out, and reports on the way.
async fn listen(
    job: &Job,
    id: TrainingRunId,
    mut child: Child,
    report: &mut Report<'_>,
) -> Result<(Option<Said>, End)> {
    let mut said = None;
    loop {
        let line = tokio::select! {
            line = child.next_line() => line,
            () = report.due() => {
                report.send().await;
                continue;
            }
        };
        let Some(line) = line else { break };
        match super::message(job, &line) {
            Some(ChildMessage::Progress(progress)) => report.progress(progress),
            Some(ChildMessage::Log { level, message }) => report.log(level, message),
            Some(ChildMessage::Trained(trained)) => said = Some(Said::Trained(trained)),
            Some(ChildMessage::Failed(error)) => said = Some(Said::Failed(error)),
            Some(ChildMessage::Unreadable(error)) => {
                said = Some(Said::Failed(RunError::new(
                    "unreadable_data",
                    error.to_string(),
                    "Correct the table and upload it as a new version of the dataset.",
                )));
            }
            Some(
                ChildMessage::Profiling { .. }
                | ChildMessage::Profile(_)
                | ChildMessage::Scoring { .. }
                | ChildMessage::Scored(_)
                | ChildMessage::Imported(_)
                | ChildMessage::Refused { .. },
            )
            | None => {}
        }
    }
    let end = super::end(job, child, Some(&id), "training ended").await?;
    Ok((said, end))
}

/// The child works on one processor at a time mostly, so its wall time ends first unless it goes astray.
fn limits(budget: TrainingBudget) -> ChildLimits {
    ChildLimits {
        memory_mb: budget.memory_mb,
        cpu_seconds: budget.seconds.saturating_mul(4).saturating_add(10),
    }
}

impl Handler for TrainModel {
    fn kind(&self) -> &'static str {
        TRAIN_JOB
    }

    fn run(&self, job: Job) -> Finished<'_> {
        Box::pin(self.train(job))
    }

    fn abandon(&self, job: Job, why: Abandoned) -> Finished<'_> {
        Box::pin(async move {
            let id = super::payload::<TrainJob>(&job)?.training_run;
            let outcome = abandoned(&why, "trained it", "ran the training")
                .map_or(Outcome::Cancelled, Outcome::Failed);
            self.finish(&job, id, outcome).await
        })
    }
}
