//! Python, and the packages that checking `clients/python` needs, in an environment of their own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure as require};

use crate::process;
use crate::progress::Step;
use crate::setup::apt;
use crate::workspace::Workspace;

/// Fails where Python is too old for the package, and where Debian has left out what `venv` needs.
const PROBE: &str = "import ensurepip, platform, sys; print(platform.python_version()); sys.exit(sys.version_info < (3, 10))";

pub(crate) fn ensure_python(step: &Step) -> Result<String> {
    if version().is_err() {
        let by_hand = "no Python 3.10 or newer with venv found: install python3 and python3-venv";
        require!(apt::can_install(), "{by_hand}");
        step.note("apt-get install python3 python3-venv");
        apt::install(&["python3", "python3-venv"]).context(by_hand)?;
    }
    Ok(format!("present ({})", version()?))
}

fn version() -> Result<String> {
    let printed = process::capture(
        Command::new("python3").args(["-c", PROBE]),
        Duration::from_secs(30),
    )?;
    Ok(printed.trim().to_owned())
}

/// `pip install`, unless the very packages of the list are there, for the very same Python.
pub(crate) fn ensure_packages(workspace: &Workspace, step: &Step) -> Result<&'static str> {
    let list = workspace.root.join("clients/python/requirements-test.txt");
    let text = fs::read_to_string(&list).context("cannot read requirements-test.txt")?;
    let wanted = format!("# Python {}\n{text}", version()?);
    let dir = environment(workspace);
    let stamp = dir.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok("present");
    }
    step.note("python3 -m venv");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&dir);
    process::capture(&mut venv, Duration::from_mins(5))?;
    step.note("pip install");
    let mut pip = program(workspace, "pip");
    pip.args(["install", "--disable-pip-version-check", "--requirement"])
        .arg(&list);
    process::capture(&mut pip, Duration::from_mins(20))?;
    fs::write(stamp, wanted)?;
    Ok("installed by pip")
}

/// A program of the environment, run in the package's directory.
pub(crate) fn program(workspace: &Workspace, name: &str) -> Command {
    let mut program = Command::new(environment(workspace).join("bin").join(name));
    program.current_dir(workspace.root.join("clients/python"));
    program
}

fn environment(workspace: &Workspace) -> PathBuf {
    workspace.target.join("python")
}
