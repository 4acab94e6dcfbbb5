//! The `volary` binary: its table of contents.

use std::process::ExitCode;

use server::cli::{Cli, Command};
use server::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli: Cli = match server::cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(ended) => return ended,
    };
    let result = match cli.command {
        Command::Serve(args) => commands::serve::run(*args),
        Command::Worker(args) => commands::worker::run(*args),
        Command::Migrate(args) => commands::migrate::run(*args),
        Command::Doctor(args) => commands::doctor::run(*args),
        Command::Admin(args) => commands::admin::run(args),
        Command::Keys(args) => commands::keys::run(args),
        Command::SigningKeys(args) => commands::signing_keys::run(args),
        Command::Openapi => commands::openapi::run(),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Child => return commands::child::run(),
    };
    commands::exit(result)
}
