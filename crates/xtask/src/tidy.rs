//! `cargo xtask tidy`: the rules of this repository that neither the compiler nor clippy checks.

mod dependencies;
mod files;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::process;
use crate::workspace::Workspace;

/// One broken rule, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = Vec::new();
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--locked".to_owned()])
        .exec()?;
    for package in &metadata.packages {
        let manifest = package
            .manifest_path
            .strip_prefix(&metadata.workspace_root)?;
        let text = fs::read_to_string(&package.manifest_path)?;
        findings.extend(dependencies::check_manifest(manifest.as_str(), &text));
        findings.extend(dependencies::check_directions(package));
    }
    let files = tracked_files(&workspace.root)?;
    for file in &files {
        findings.extend(files::check_path(file));
        // Data and images are not text.
        if let Ok(text) = fs::read_to_string(workspace.root.join(file)) {
            findings.extend(files::check_length(file, &text));
            findings.extend(text::check(file, &text));
        }
    }
    if findings.is_empty() {
        println!(
            "[tidy] {} packages and {} files are tidy",
            metadata.packages.len(),
            files.len()
        );
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("{} rules are broken", findings.len())
}

/// What git tracks or would add, relative to `root`.
fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root)
        // The checkout may belong to another user, as in a container.
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ]);
    let listing = process::capture(&mut git, Duration::from_mins(1))
        .context("tidy reads the files that git lists")?;
    Ok(listing
        .split('\0')
        .filter(|file| !file.is_empty() && root.join(file).is_file())
        .map(str::to_owned)
        .collect())
}
