//! Chromium, Node and the packages of `end2end/`: for the end-to-end tests only.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure as require};

use crate::process;
use crate::progress::Step;
use crate::setup::apt;
use crate::workspace::Workspace;

/// Names a browser other than the one found.
pub(crate) const CHROMIUM: &str = "VOLARY_CHROMIUM";
/// What Playwright asks for.
const OLDEST_NODE: u32 = 18;

pub(crate) fn ensure_chromium(step: &Step) -> Result<String> {
    if find_chromium().is_none() {
        let by_hand =
            format!("no Chromium found: install it, or name its executable in {CHROMIUM}");
        require!(apt::can_install(), "{by_hand}");
        step.note("apt-get install chromium");
        apt::install(&["chromium"]).context(by_hand)?;
    }
    let path = find_chromium().context("apt-get installed no chromium executable")?;
    Ok(format!("present at {}", path.display()))
}

/// The browser the tests run in.
pub(crate) fn find_chromium() -> Option<PathBuf> {
    if let Some(path) = env::var_os(CHROMIUM) {
        return Some(PathBuf::from(path));
    }
    [
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ]
    .into_iter()
    .find_map(process::find)
}

pub(crate) fn ensure_node(step: &Step) -> Result<String> {
    if process::find("node").is_none() || process::find("npm").is_none() {
        let by_hand = format!("no node and npm found: install Node {OLDEST_NODE} or newer");
        require!(apt::can_install(), "{by_hand}");
        step.note("apt-get install nodejs npm");
        apt::install(&["nodejs", "npm"]).context(by_hand)?;
    }
    let version = process::capture(
        Command::new("node").arg("--version"),
        Duration::from_secs(30),
    )?;
    let version = version.trim();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    require!(
        major.is_some_and(|major| major >= OLDEST_NODE),
        "node {version} is too old: install Node {OLDEST_NODE} or newer"
    );
    Ok(format!("present ({version})"))
}

/// `npm ci`, unless the very packages of the lock file are there.
pub(crate) fn ensure_packages(workspace: &Workspace, step: &Step) -> Result<&'static str> {
    let dir = workspace.root.join("end2end");
    let wanted =
        fs::read(dir.join("package-lock.json")).context("cannot read end2end/package-lock.json")?;
    let stamp = dir.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok("present");
    }
    step.note("npm ci");
    let mut npm = Command::new("npm");
    npm.current_dir(&dir)
        .args(["ci", "--no-audit", "--no-fund"])
        // The tests run in the browser found above.
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    process::capture(&mut npm, Duration::from_mins(10))?;
    fs::write(stamp, wanted)?;
    Ok("installed by npm ci")
}
