//! `cargo xtask`: everything that is done with this repository, as one program without further tools.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on its standard streams"
)]

mod bench;
mod prepare;
mod process;
mod progress;
mod scratch_postgres;
mod serve;
mod setup;
mod site;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "Build, run and test Volary"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what building, serving and testing need, where it is missing
    Setup(setup::Args),
    /// Build the front end and the server
    Build(site::Args),
    /// Build everything and run the server; what follows `--` goes to `volary serve`
    Serve(serve::Args),
    /// Run every check and every test
    Test(test::Args),
    /// Check the rules of this repository that no compiler checks
    Tidy,
    /// Measure how fast the server is beside others
    Bench(bench::Args),
    /// Write `.sqlx/`, which lets the queries be checked without a database
    Prepare(prepare::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    let workspace = Workspace::find()?;
    match verb {
        Verb::Setup(args) => setup::run(&workspace, &args),
        Verb::Build(args) => site::run(&workspace, &args),
        Verb::Serve(args) => serve::run(&workspace, &args),
        Verb::Test(args) => test::run(&workspace, &args),
        Verb::Tidy => tidy::run(&workspace),
        Verb::Bench(args) => bench::run(&workspace, &args),
        Verb::Prepare(args) => prepare::run(&workspace, &args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
