//! The queue on a real Postgres, and real child processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test stands on has to be there"
)]

mod child;
mod runner;
