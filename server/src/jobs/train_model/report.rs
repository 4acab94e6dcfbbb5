use std::time::Duration;

use domain::ids::TrainingRunId;
use domain::training_runs::{LogLevel, Progress, Stage};
use jobs::{Job, StopReason};
use platform::{Platform, training_runs};
use tokio::time::{Instant, sleep_until};

/// Pages hear of a run at most this often.
const PAUSE: Duration = Duration::from_millis(250);
/// Lines kept while the database is away; later ones are lost.
const WAITING_LINES: usize = 10_000;

/// Collects what a run says, and writes it a few times a second. A report that can not be written is not worth a run: it
/// waits, or is dropped.
pub(super) struct Report<'a> {
    platform: &'a Platform,
    job: &'a Job,
    run: TrainingRunId,
    progress: Option<Progress>,
    lines: Vec<(LogLevel, String)>,
    stage: Option<Stage>,
    next: Instant,
}

impl<'a> Report<'a> {
    pub(super) fn new(platform: &'a Platform, job: &'a Job, run: TrainingRunId) -> Self {
        Self {
            platform,
            job,
            run,
            progress: None,
            lines: Vec::new(),
            stage: None,
            next: Instant::now(),
        }
    }

    pub(super) fn progress(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    pub(super) fn log(&mut self, level: LogLevel, message: String) {
        if self.lines.len() < WAITING_LINES {
            self.lines.push((level, message));
        }
    }

    /// Returns when there is something to send and it is time; never, when there is nothing.
    pub(super) async fn due(&self) {
        if self.progress.is_none() && self.lines.is_empty() {
            return std::future::pending().await;
        }
        sleep_until(self.next).await;
    }

    pub(super) async fn send(&mut self) {
        self.next = Instant::now() + PAUSE;
        if !super::super::may_write(self.job) {
            return;
        }
        if let Some(progress) = self.progress.take() {
            let new_stage = self.stage != Some(progress.stage);
            let sent = training_runs::report_progress(
                self.platform,
                self.job.fence,
                self.run,
                progress,
                new_stage,
            )
            .await;
            if self.is_sent(sent) {
                self.stage = Some(progress.stage);
            }
        }
        if !self.lines.is_empty() && super::super::may_write(self.job) {
            let sent = training_runs::append_log(
                self.platform,
                self.job.fence,
                self.run,
                self.lines.clone(),
            )
            .await;
            if self.is_sent(sent) {
                self.lines.clear();
            }
        }
    }

    fn is_sent(&self, sent: domain::Result<()>) -> bool {
        match sent {
            Ok(()) => true,
            Err(error) => {
                if platform::jobs::is_lost(&error) {
                    self.job.stop.because(StopReason::Lost);
                } else {
                    tracing::warn!(job = %self.job.fence.job, %error, "a report of a run could not be written");
                }
                false
            }
        }
    }
}
