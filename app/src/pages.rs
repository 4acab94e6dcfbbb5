//! The screens, one file each.

pub mod account;
pub mod comparisons;
pub mod datasets;
pub mod deployments;
pub mod home;
pub mod invite;
pub mod keys;
pub mod ledger;
pub mod login;
pub mod members;
pub mod models;
pub mod overview;
pub mod playground;
pub mod project;
pub mod scoring_runs;
pub mod setup;
pub mod training_runs;
