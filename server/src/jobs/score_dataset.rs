//! Scores a dataset version as a run says, and makes what comes out a version of another dataset.

use std::time::Duration;

use domain::ids::ScoringRunId;
use domain::scoring_runs::error_column;
use domain::training_runs::RunError;
use domain::{Error, Result};
use jobs::child::{Child, End};
use jobs::{Abandoned, Finished, Handler, Job, StopReason};
use platform::Platform;
use platform::blobs::TempFile;
use platform::scoring_runs::{self, Outcome, SCORE_JOB, ScoreJob, Scored, Started};
use tokio::time::{Instant, sleep_until};
use trainer::ScoreSpec;
use trainer::child::{ChildLimits, ChildMessage, ChildRequest};

use super::fate::{Fixes, abandoned, fate};

/// Rows come and go in batches: this is for very many columns.
const LIMITS: ChildLimits = ChildLimits {
    memory_mb: 1024,
    cpu_seconds: TIME.as_secs() as u32,
};
/// The largest file takes a few minutes.
const TIME: Duration = Duration::from_hours(1);
/// A scoring run has no budget to change.
const FIXES: Fixes = Fixes {
    too_much: "Split the table into smaller datasets, or name fewer keep_columns.",
    otherwise: "Start the run again; if it ends the same way, look at the server's log for the cause.",
};
/// Pages hear of a run at most this often.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct ScoreDataset {
    platform: Platform,
}

/// What the child said last.
enum Said {
    Scored(trainer::ScoredTable),
    Failed(RunError),
}

impl ScoreDataset {
    pub(super) fn new(platform: Platform) -> Self {
        Self { platform }
    }

    async fn score(&self, job: Job) -> Result<()> {
        let id = super::payload::<ScoreJob>(&job)?.scoring_run;
        let outcome = match job.stop.reason() {
            Some(StopReason::Cancelled) => Outcome::Cancelled,
            _ => Box::pin(self.attempt(&job, id)).await?,
        };
        if !super::may_write(&job) {
            return Ok(());
        }
        self.finish(&job, id, outcome).await
    }

    async fn attempt(&self, job: &Job, id: ScoringRunId) -> Result<Outcome> {
        let started = scoring_runs::started(&self.platform, job.fence, id).await?;
        let source = &started.dataset.sha256;
        if !self.platform.blobs.is_intact(source).await? {
            return Ok(Outcome::Failed(RunError::new(
                "unreadable_data",
                "the dataset's stored file is damaged: its bytes changed on the disk",
                "Upload the file again and score the new version.",
            )));
        }
        let output = self.platform.blobs.temp()?;
        let request = self.request(&started, &output)?;
        let child = super::spawn(job, &request, TIME)?;
        let (said, end) = self.listen(job, id, child).await?;
        Ok(match said {
            _ if job.stop.reason().is_some() => Outcome::Cancelled,
            Some(Said::Scored(scored)) => self.keep(output, scored).await?,
            Some(Said::Failed(error)) => Outcome::Failed(error),
            None => Outcome::Failed(fate(&end, LIMITS, Some(FIXES))),
        })
    }

    fn request(&self, started: &Started, output: &TempFile) -> Result<ChildRequest> {
        let (run, dataset) = (&started.run, &started.dataset);
        let all = || dataset.columns.iter().map(|column| column.name.clone());
        let spec = ScoreSpec {
            types: dataset.columns.iter().map(|column| column.kind).collect(),
            rows: run.total_rows,
            keep: run.keep_columns.clone().unwrap_or_else(|| all().collect()),
            prediction_column: run.prediction_column.clone(),
            error_column: error_column(&run.prediction_column),
            max_bytes: self.platform.limits.max_upload_bytes,
        };
        Ok(ChildRequest::Score {
            path: self.platform.blobs.path(&dataset.sha256)?,
            format: dataset.format,
            spec: Box::new(spec),
            artifact: self.platform.blobs.path(&started.artifact_sha256)?,
            output: output.path().to_owned(),
            limits: LIMITS,
        })
    }

    /// Hears the child out, and reports on the way.
    async fn listen(
        &self,
        job: &Job,
        id: ScoringRunId,
        mut child: Child,
    ) -> Result<(Option<Said>, End)> {
        let (mut said, mut untold) = (None, None);
        let mut next = Instant::now();
        loop {
            let line = tokio::select! {
                line = child.next_line() => line,
                () = sleep_until(next), if untold.is_some() => {
                    if let Some((rows, rows_failed)) = untold.take() {
                        self.report(job, id, rows, rows_failed).await;
                    }
                    next = Instant::now() + PAUSE;
                    continue;
                }
            };
            let Some(line) = line else { break };
            match super::message(job, &line) {
                Some(ChildMessage::Scoring { rows, rows_failed }) => {
                    untold = Some((rows, rows_failed));
                }
                Some(ChildMessage::Scored(scored)) => said = Some(Said::Scored(scored)),
                Some(ChildMessage::Failed(error)) => said = Some(Said::Failed(error)),
                _ => {}
            }
        }
        let end = super::end(job, child, Some(&id), "scoring ended").await?;
        Ok((said, end))
    }

    /// A report that can not be written is not worth a run.
    async fn report(&self, job: &Job, id: ScoringRunId, rows: u64, rows_failed: u64) {
        if !super::may_write(job) {
            return;
        }
        let sent =
            scoring_runs::report_progress(&self.platform, job.fence, id, rows, rows_failed).await;
        match sent {
            Err(error) if platform::jobs::is_lost(&error) => job.stop.because(StopReason::Lost),
            Err(error) => {
                tracing::warn!(job = %job.fence.job, %error, "a report of a run could not be written");
            }
            Ok(()) => {}
        }
    }

    /// The table becomes a blob; it is not part of anything until the version is committed.
    async fn keep(&self, output: TempFile, scored: trainer::ScoredTable) -> Result<Outcome> {
        let limit = self.platform.limits.max_upload_bytes;
        let table = match self.platform.blobs.adopt(output, limit).await {
            Ok(table) => table,
            Err(error @ (Error::TooLarge { .. } | Error::InsufficientStorage(_))) => {
                return Ok(Outcome::Failed(RunError::new(
                    "internal",
                    format!("the scored table could not be kept: {error}"),
                    "Free some space on the server's disk, or name fewer keep_columns.",
                )));
            }
            Err(error) => return Err(error),
        };
        if table.sha256 != scored.sha256 {
            return Err(Error::internal(
                "the scored table on the disk is not the one that was written",
            ));
        }
        Ok(Outcome::Succeeded(Scored {
            table,
            rows: scored.rows,
            rows_failed: scored.rows_failed,
            refusals: scored.refusals,
        }))
    }

    async fn finish(&self, job: &Job, id: ScoringRunId, outcome: Outcome) -> Result<()> {
        super::finish(job, &id, &outcome, |outcome| {
            scoring_runs::finished(&self.platform, job.fence, id, outcome)
        })
        .await
    }
}

impl Handler for ScoreDataset {
    fn kind(&self) -> &'static str {
        SCORE_JOB
    }

    fn run(&self, job: Job) -> Finished<'_> {
        Box::pin(self.score(job))
    }

    fn abandon(&self, job: Job, why: Abandoned) -> Finished<'_> {
        Box::pin(async move {
            let id = super::payload::<ScoreJob>(&job)?.scoring_run;
            let outcome = abandoned(&why, "scored it", "scored the table")
                .map_or(Outcome::Cancelled, Outcome::Failed);
            self.finish(&job, id, outcome).await
        })
    }
}
