//! Reads a new dataset version whole, and describes its columns.

use std::time::Duration;

use domain::Result;
use domain::datasets::Profile;
use jobs::{Abandoned, Finished, Handler, Job, StopReason};
use platform::Platform;
use platform::datasets::{self, PROFILE_JOB, ProfileJob};
use trainer::child::{ChildLimits, ChildMessage, ChildRequest};

use super::fate::fate;

/// Reading goes row by row, and what is kept of a column is bounded: this is for very many columns.
const LIMITS: ChildLimits = ChildLimits {
    memory_mb: 1024,
    cpu_seconds: TIME.as_secs() as u32,
};
/// The largest file takes a few minutes.
const TIME: Duration = Duration::from_mins(30);

pub(super) struct ProfileDataset {
    platform: Platform,
}

impl ProfileDataset {
    pub(super) fn new(platform: Platform) -> Self {
        Self { platform }
    }

    async fn profile(&self, job: Job) -> Result<()> {
        let id = super::payload::<ProfileJob>(&job)?.dataset_version;
        let outcome = self.read(&job, id).await?;
        if !super::may_write(&job) {
            return Ok(());
        }
        self.finish(&job, id, outcome).await
    }

    async fn read(
        &self,
        job: &Job,
        id: domain::ids::DatasetVersionId,
    ) -> Result<Result<Profile, String>> {
        let version = datasets::to_profile(&self.platform, id).await?;
        if !self.platform.blobs.is_intact(&version.sha256).await? {
            return Ok(Err(
                "the stored file is damaged: its bytes changed on the disk; upload it again"
                    .to_owned(),
            ));
        }
        let request = ChildRequest::Profile {
            path: self.platform.blobs.path(&version.sha256)?,
            format: version.format,
            limits: LIMITS,
        };
        let mut child = super::spawn(job, &request, TIME)?;
        let mut result = None;
        while let Some(line) = child.next_line().await {
            match super::message(job, &line) {
                Some(ChildMessage::Profile(profile)) => result = Some(Ok(profile)),
                Some(ChildMessage::Unreadable(error)) => result = Some(Err(error.to_string())),
                Some(ChildMessage::Failed(error)) => {
                    result = Some(Err(format!("{}. {}", error.message, error.fix)));
                }
                _ => {}
            }
        }
        let end = super::end(job, child, None, "dataset read").await?;
        if job.stop.reason() == Some(StopReason::Cancelled) {
            return Ok(Err("reading it was cancelled; upload it again".to_owned()));
        }
        Ok(result.unwrap_or_else(|| {
            let error = fate(&end, LIMITS, None);
            Err(format!(
                "the file could not be read: {}; split it, or leave out columns",
                error.message
            ))
        }))
    }

    async fn finish(
        &self,
        job: &Job,
        id: domain::ids::DatasetVersionId,
        outcome: Result<Profile, String>,
    ) -> Result<()> {
        super::keep_trying(job, || {
            Box::pin(datasets::profile_finished(
                &self.platform,
                job.fence,
                id,
                outcome.clone(),
            ))
        })
        .await
    }
}

impl Handler for ProfileDataset {
    fn kind(&self) -> &'static str {
        PROFILE_JOB
    }

    fn run(&self, job: Job) -> Finished<'_> {
        Box::pin(self.profile(job))
    }

    fn abandon(&self, job: Job, why: Abandoned) -> Finished<'_> {
        Box::pin(async move {
            let id = super::payload::<ProfileJob>(&job)?.dataset_version;
            let reason = match why {
                Abandoned::WorkerLost => {
                    "the server was lost several times while reading it: upload it again"
                }
                Abandoned::Cancelled => "reading it was cancelled; upload it again",
                Abandoned::Failed(_) => "the server failed while reading it: upload it again",
            };
            self.finish(&job, id, Err(reason.to_owned())).await
        })
    }
}
