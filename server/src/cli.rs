//! What can be typed on the command line. Every option has an environment variable; `config` says what each means.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::{admin, completions, doctor, keys, migrate, serve, signing_keys, worker};

/// Self-hosted platform to train, version, release and call models
#[derive(Parser, Debug)]
#[command(name = "volary", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve the dashboard and the API, and work on jobs
    Serve(Box<serve::Args>),
    /// Work on jobs only: profile datasets, train models and score datasets
    Worker(Box<worker::Args>),
    /// Bring the database's schema up to date
    Migrate(Box<migrate::Args>),
    /// Check that everything the server needs is there
    Doctor(Box<doctor::Args>),
    /// Manage people, working on the database directly
    Admin(admin::Args),
    /// Manage API keys, working on the database directly
    Keys(keys::Args),
    /// Replace the keys that tokens are signed with, working on the database directly
    SigningKeys(signing_keys::Args),
    /// Print the OpenAPI document
    Openapi,
    /// Print completions for a shell
    Completions(completions::Args),
    /// Decode, train or score in a limited process; started by the worker
    #[command(hide = true)]
    Child,
}

/// Reads the command line and the environment.
///
/// # Errors
/// The exit code after the usage, the version or the mistake has been printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let mut command = Cli::command();
    command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| {
            let variable = variable(&command, &error);
            let printed = error.print();
            if let (Some(variable), Ok(())) = (variable, printed) {
                hint(&variable);
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
}

#[expect(clippy::print_stderr, reason = "the command line's own error message")]
fn hint(variable: &str) {
    eprintln!("The value may come from the environment variable {variable}.");
}

/// The environment variable behind the option that an error is about.
fn variable(command: &clap::Command, error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let long = argument.split_whitespace().next()?.strip_prefix("--")?;
    variables(command)
        .into_iter()
        .find(|(option, _)| option == long)
        .map(|(_, variable)| variable)
}

/// Every option that an environment variable can set, of all commands: `(option, variable)`, sorted, each once.
pub fn variables(command: &clap::Command) -> Vec<(String, String)> {
    let own = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((argument.get_long()?.to_owned(), variable))
    });
    let mut all: Vec<_> = own
        .chain(command.get_subcommands().flat_map(variables))
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_example_environment_is_complete() {
        let read: BTreeSet<String> = variables(&Cli::command())
            .into_iter()
            .map(|(_, variable)| variable)
            .collect();
        let example = include_str!("../../.env.example");
        let written: BTreeSet<String> = example
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name.to_owned())
            .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
            .collect();
        let missing: Vec<_> = read.difference(&written).collect();
        let unknown: Vec<_> = written.difference(&read).collect();
        assert!(missing.is_empty(), ".env.example lacks {missing:?}");
        assert!(
            unknown.is_empty(),
            ".env.example has what nothing reads: {unknown:?}"
        );
    }

    #[test]
    fn every_option_is_named_like_its_variable() {
        for (option, variable) in variables(&Cli::command()) {
            let name = option.to_uppercase().replace('-', "_");
            let expected = if name.starts_with("DATABASE_URL") {
                name
            } else {
                format!("VOLARY_{name}")
            };
            assert_eq!(variable, expected);
        }
    }

    #[test]
    fn an_error_names_the_variable() {
        let command = &mut Cli::command();
        let error = command
            .try_get_matches_from_mut(["volary", "serve", "--listen", "nowhere"])
            .unwrap_err();
        assert_eq!(variable(command, &error).as_deref(), Some("VOLARY_LISTEN"));
    }
}
