//! The server as its clients see it: the real router on a real port, over a Postgres database of each test's own.

mod access;
mod auth;
mod datasets;
mod errors;
mod events;
mod harness;
mod headers;
mod health;
mod jobs;
mod keys;
mod oauth;
mod openapi;
mod predict;
mod process;
mod served;
mod walkthrough;
