use serde::{Deserialize, Serialize};

use crate::deployments::Deployment;
use crate::ledger::LedgerEntry;
use crate::training_runs::TrainingRun;

/// What the first page shows, all from real data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    pub checklist: Checklist,
    pub deployments: Vec<DeploymentCard>,
    /// Queued and running.
    pub active_runs: Vec<TrainingRun>,
    /// The newest ten.
    pub activity: Vec<LedgerEntry>,
}

/// Which first steps are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    pub dataset_ready: bool,
    pub run_succeeded: bool,
    pub version_made: bool,
    pub deployed: bool,
    pub predicted: bool,
    pub key_created: bool,
}

impl Checklist {
    #[must_use]
    pub fn done(self) -> usize {
        [
            self.dataset_ready,
            self.run_succeeded,
            self.version_made,
            self.deployed,
            self.predicted,
            self.key_created,
        ]
        .into_iter()
        .filter(|step| *step)
        .count()
    }
}

/// A deployment with its last hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentCard {
    pub deployment: Deployment,
    pub requests: u64,
    pub errors: u64,
    /// Milliseconds.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// Requests in each of the last 60 minutes, oldest first.
    pub requests_by_minute: Vec<u64>,
    pub errors_by_minute: Vec<u64>,
}
