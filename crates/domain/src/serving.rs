//! What is to be served, as the database has it at one moment: the input of every snapshot.

use crate::access::Scope;
use crate::api_keys::RateLimit;
use crate::budgets::Budget;
use crate::deployments::{Capacity, CorsOrigins};
use crate::ids::{ApiKeyId, DeploymentId, ModelId, ModelVersionId, ProjectId, RolloutId};
use crate::models::RemoteToken;
use crate::{Name, Timestamp};

/// Everything a process needs to answer predictions without asking the database again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServingTable {
    /// Two tables with the same fingerprint serve the same.
    pub fingerprint: String,
    pub projects: Vec<ServingProject>,
    pub keys: Vec<ServingKey>,
    pub models: Vec<ServingModel>,
    pub deployments: Vec<ServingDeployment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingProject {
    pub id: ProjectId,
    pub name: Name,
}

/// A key that is neither revoked nor expired at the time of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingKey {
    pub id: ApiKeyId,
    pub project: ProjectId,
    pub name: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    pub scopes: Vec<Scope>,
    pub rate: RateLimit,
    /// The first key of those that were rotated to this one: they share a budget.
    pub line: ApiKeyId,
    pub budget: Option<Budget>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingModel {
    pub id: ModelId,
    pub project: ProjectId,
    pub name: Name,
    pub versions: Vec<ServingVersion>,
    pub aliases: Vec<ServingAlias>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingVersion {
    pub id: ModelVersionId,
    pub number: i32,
    /// Of the artifact, in hexadecimal.
    pub sha256: String,
    /// What the engine asks for that computes it, if one does and it asks.
    pub remote_token: Option<RemoteToken>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServingAlias {
    pub alias: Name,
    pub version: ModelVersionId,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServingDeployment {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub name: Name,
    pub model: ModelId,
    pub stable: ModelVersionId,
    pub rollout: Option<ServingRollout>,
    pub cors_origins: CorsOrigins,
    pub capacity: Capacity,
}

/// The active rollout of a deployment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServingRollout {
    pub id: RolloutId,
    pub canary: ModelVersionId,
    /// Per cent of the traffic, 0 to 100.
    pub weight: f64,
}
