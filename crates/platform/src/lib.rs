//! The use cases. Each is one function: it authorises, changes the state, and writes the job, the ledger row and the
//! event of the change in the same transaction. Handlers and server functions are thin adapters over these.

pub mod access;
pub mod api_keys;
pub mod async_predictions;
pub mod auth;
pub mod blobs;
pub mod callbacks;
pub mod clock;
pub mod comparisons;
pub mod datasets;
pub mod deployments;
pub mod events;
pub mod idempotent_requests;
pub mod jobs;
pub mod ledger;
pub mod live;
pub mod members;
pub mod metrics;
pub mod model_cards;
pub mod models;
pub mod overview;
mod page;
pub mod projects;
pub mod retraining;
pub mod rollouts;
pub mod scoring_runs;
mod secrets;
pub mod sessions;
pub mod signing_keys;
pub mod training_runs;
pub mod users;
pub mod webhook_secrets;

pub use auth::Auth;
pub use blobs::Blobs;
pub use clock::Clock;
pub use live::Live;

/// All that a use case needs; cheap to clone.
#[derive(Clone, Debug)]
pub struct Platform {
    pub store: store::Store,
    pub blobs: Blobs,
    pub clock: Clock,
    pub auth: Auth,
    pub limits: Limits,
    /// What this process serves.
    pub live: Live,
}

/// Ceilings that the owner of the platform sets.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest dataset file, in bytes.
    pub max_upload_bytes: u64,
    /// Largest model artifact, in bytes.
    pub max_artifact_bytes: u64,
    /// Most memory that a training run may ask for, in MiB.
    pub max_train_memory_mb: u32,
    /// Longest time that a training run may ask for, in seconds.
    pub max_train_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_upload_bytes: 5 << 30,
            max_artifact_bytes: 512 << 20,
            max_train_memory_mb: 4096,
            max_train_seconds: 3600,
        }
    }
}
