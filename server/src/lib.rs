//! Everything HTTP- or process-shaped: the command line, the routes, the background loops and the jobs. Rules live in
//! `domain`, use cases in `platform`, SQL in `store`; what is here translates between them and the outside.

#![allow(
    clippy::large_futures,
    clippy::unnecessary_wraps,
    clippy::format_collect,
    clippy::type_complexity,
    clippy::single_match_else,
    clippy::single_match,
    reason = "pedantic: each stands where the other way reads worse"
)]

pub mod access;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod error;
pub mod extract;
pub mod jobs;
pub mod listen;
pub mod logging;
pub mod loops;
pub mod middleware;
pub mod openapi;
pub mod pages;
pub mod postgres;
pub mod router;
pub mod routes;
pub mod start;
pub mod state;
