//! `volary child`: what decodes files, trains models and scores tables, under the limits that it puts on itself. It has no database
//! and no network, and speaks JSON lines over its standard streams.

use std::process::ExitCode;

pub fn run() -> ExitCode {
    trainer::child::run(std::io::stdin().lock(), std::io::stdout().lock())
}
