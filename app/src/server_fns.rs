//! What the dashboard asks of the server: each function is a thin adapter over one use case.

pub mod api_keys;
pub mod comparisons;
pub mod datasets;
pub mod deployments;
pub mod ledger;
pub mod members;
pub mod metrics;
pub mod model_cards;
pub mod models;
#[cfg(feature = "ssr")]
mod once;
pub mod overview;
pub mod predictions;
pub mod retraining;
pub mod rollouts;
pub mod scoring_runs;
pub mod session;
pub mod training_runs;
