//! One file a noun. Each handler is a thin adapter over one use case, and documents itself for OpenAPI.

pub mod api_keys;
pub mod async_predictions;
pub mod auth;
pub mod datasets;
pub mod deployments;
pub mod events;
pub mod health;
pub mod imports;
pub mod invitations;
pub mod invocations;
pub mod ledger;
pub mod members;
pub mod metrics;
pub mod models;
pub mod oauth;
pub mod oip;
pub mod paths;
pub mod predict;
pub mod projects;
pub mod rollouts;
pub mod scoring_runs;
pub mod training_runs;
pub mod uploads;
pub mod webhook_secrets;
