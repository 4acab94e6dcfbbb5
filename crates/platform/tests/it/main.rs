//! The use cases, on a real Postgres and real files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::large_futures,
    reason = "a test ends where something else than expected comes back, and races tasks of its own on purpose"
)]

mod api_keys;
mod blobs;
mod datasets;
mod deployments;
mod events;
mod judge;
mod ledger;
mod members;
mod metrics;
mod models;
mod projects;
mod rollouts;
mod sessions;
mod signing_keys;
mod tokens;
mod training;
mod training_runs;
mod users;

use domain::ids::UserId;
use platform::sessions::{Sessions, USER_ID};
use serde_json::json;
use time::OffsetDateTime;
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};

/// A new session of the user.
async fn signed_in(sessions: &Sessions, user: UserId) -> Record {
    let mut record = Record {
        id: Id::default(),
        data: [(USER_ID.to_owned(), json!(user))].into(),
        // The store decides when a session ends, whatever stands here.
        expiry_date: OffsetDateTime::UNIX_EPOCH,
    };
    sessions.create(&mut record).await.unwrap();
    record
}
