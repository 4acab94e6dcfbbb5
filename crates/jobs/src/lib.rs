//! Runs the queue: leases, heartbeats, child processes. It knows neither machine learning nor HTTP; a [`Handler`] says what
//! a kind of job does.
//!
//! A job is finished by its handler, in the same transaction as what the job was for, behind the fence of its attempt.
//! This crate only sees to it that every job reaches a handler again until that has happened.

pub mod child;
mod handler;
mod runner;

pub use handler::{Abandoned, Finished, Handler, Job, Stop, StopReason};
pub use runner::{Options, run};
