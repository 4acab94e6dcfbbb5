//! `cargo xtask setup`: puts on this machine what is missing, says what it does, and where it cannot, how to do it
//! by hand.

pub(crate) mod apt;
pub(crate) mod browser;
pub(crate) mod postgres;
pub(crate) mod python;
pub(crate) mod wasm_target;

use anyhow::Result;

use crate::progress::step;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what only the end-to-end tests need
    #[arg(long)]
    skip_e2e: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    for_serving()?;
    for_python(workspace)?;
    if !args.skip_e2e {
        for_end_to_end(workspace)?;
    }
    Ok(())
}

/// What building and serving need.
pub(crate) fn for_serving() -> Result<postgres::Source> {
    step("setup", "wasm32 target", wasm_target::ensure)?;
    step("setup", "Postgres", postgres::ensure)
}

/// What checking the Python client needs on top.
pub(crate) fn for_python(workspace: &Workspace) -> Result<()> {
    step("setup", "Python", python::ensure_python)?;
    step("setup", "Python packages", |step| {
        python::ensure_packages(workspace, step)
    })?;
    Ok(())
}

/// What the tests in a browser need on top.
pub(crate) fn for_end_to_end(workspace: &Workspace) -> Result<()> {
    step("setup", "Chromium", browser::ensure_chromium)?;
    step("setup", "Node", browser::ensure_node)?;
    step("setup", "Node packages", |step| {
        browser::ensure_packages(workspace, step)
    })?;
    Ok(())
}
