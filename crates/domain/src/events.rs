//! What the dashboard's live stream carries. An event says that something changed, and the page reads the thing anew;
//! only what moves fast (progress, log lines) travels in the event itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::ids::TrainingRunId;

/// What a page can listen to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Topic {
    /// `datasets`: any dataset version of the project changed.
    Datasets,
    /// `runs`: any run of the project changed its status or progress.
    Runs,
    /// `run:<id>`: progress and log lines of one run.
    Run(TrainingRunId),
    /// `scoring_runs`: any scoring run of the project changed its status or progress.
    ScoringRuns,
    /// `deployments`: any deployment or rollout of the project changed.
    Deployments,
    /// `deployment:<name>`: one deployment, its rollout, and its minute metrics.
    Deployment(Name),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datasets => f.write_str("datasets"),
            Self::Runs => f.write_str("runs"),
            Self::Run(id) => write!(f, "run:{id}"),
            Self::ScoringRuns => f.write_str("scoring_runs"),
            Self::Deployments => f.write_str("deployments"),
            Self::Deployment(name) => write!(f, "deployment:{name}"),
        }
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is not a topic: use datasets, runs, run:<id>, scoring_runs, deployments or deployment:<name>"
            )
        };
        match text {
            "datasets" => Ok(Self::Datasets),
            "runs" => Ok(Self::Runs),
            "scoring_runs" => Ok(Self::ScoringRuns),
            "deployments" => Ok(Self::Deployments),
            _ => match text.split_once(':') {
                Some(("run", id)) => id.parse().map(Self::Run).map_err(|_| bad()),
                Some(("deployment", name)) => {
                    Name::new(name).map(Self::Deployment).map_err(|_| bad())
                }
                _ => Err(bad()),
            },
        }
    }
}

impl TryFrom<String> for Topic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.to_string()
    }
}

/// One event of the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: i64,
    pub topic: Topic,
    /// `changed`, `progress`, `log`, `metrics`.
    pub kind: String,
    pub data: serde_json::Value,
}
