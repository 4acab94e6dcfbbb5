//! `cargo xtask serve`: from a fresh clone to a running server.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process;
use crate::progress::heading;
use crate::setup;
use crate::site;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Start with a demo project: a table, two versions of a model, a deployment, and a little traffic
    #[arg(long)]
    demo: bool,
    /// Passed to `volary serve`
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let postgres = setup::for_serving()?;
    site::build(workspace, "release", &postgres)?;
    let mut server = Command::new(workspace.server("release"));
    server
        .arg("serve")
        .env("VOLARY_SITE_ROOT", workspace.site());
    if args.demo {
        server.arg("--demo");
    }
    server.args(&args.rest);
    heading("serve", process::line(&server));
    // In place of this process, so that signals reach the server itself.
    let error = server.exec();
    Err(error).with_context(|| format!("cannot run {}", workspace.server("release").display()))
}
