//! Everything HTTP- or process-shaped: the command line, the routes, the background loops and the jobs. Rules live in
//! `domain`, use cases in `platform`, SQL in `store`; what is here translates between them and the outside.

pub mod access;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod error;
pub mod exports;
pub mod extract;
pub mod histograms;
pub mod imports;
pub mod jobs;
pub mod listen;
pub mod logging;
pub mod loops;
pub mod middleware;
pub mod openapi;
pub mod outbound;
pub mod pages;
pub mod postgres;
pub mod remotes;
pub mod router;
pub mod routes;
pub mod start;
pub mod state;
pub mod tls;
