//! The server as its clients see it: the real router on a real port, over a Postgres database of each test's own.

#![allow(
    clippy::format_collect,
    clippy::large_futures,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what a test stands on has to be there, and it reads best as it is told"
)]

mod access;
mod algorithms;
mod async_predictions;
mod auth;
mod bad_tables;
mod batches;
mod capacity;
mod classification;
mod cors;
mod datasets;
mod document;
mod errors;
mod events;
mod explain;
mod grpc;
mod harness;
mod headers;
mod health;
mod idempotency;
mod imports;
mod invocations;
mod jobs;
mod keys;
mod oauth;
mod oip;
mod openapi;
mod predict;
mod preprocessing;
mod process;
mod remotes;
mod retraining;
mod scoring_runs;
mod served;
mod slow;
mod splits;
mod tls;
mod versions;
mod walkthrough;
mod warmth;
