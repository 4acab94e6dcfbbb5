//! `cargo xtask build`: the front end, as files ready to be served, and the server.
//!
//! The site directory holds `pkg/` (every name carries the hash of its content, so browsers may keep it for ever),
//! the static files of `public/`, `hash.txt` for Leptos and `assets.json` for what Leptos does not know of.

mod bundle;
mod charts;
mod front_end;
mod parts;
mod style;
mod unused;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::process;
use crate::progress::{heading, step};
use crate::setup;
use crate::setup::postgres::Source;
use crate::site::bundle::Bundle;
use crate::workspace::Workspace;

/// How much a browser may have to download, compressed, before the first page that it visits takes over.
const FIRST_VISIT: usize = 500_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// `release`, or `dist`, which takes longer to build and less to answer
    #[arg(long, default_value = "release", value_parser = ["release", "dist"])]
    profile: String,
    /// Build what the browser downloads alone
    #[arg(long)]
    front_end: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let postgres = setup::for_serving()?;
    if args.front_end {
        return build_site(workspace);
    }
    build(workspace, &args.profile, &postgres)
}

/// Builds the site and the server with `profile`.
pub(crate) fn build(workspace: &Workspace, profile: &str, postgres: &Source) -> Result<()> {
    build_site(workspace)?;
    build_server(workspace, profile, postgres)
}

/// Begins with what [`build`] needs longest for, without taking the processor from others.
pub(crate) fn compile_ahead(workspace: &Workspace) {
    front_end::compile_ahead(workspace);
}

fn build_site(workspace: &Workspace) -> Result<()> {
    heading("build", "front end for wasm32");
    let wasm = front_end::compile(workspace)?;
    step("build", "site", |step| {
        let charts = charts::find(workspace)?;
        let inputs = inputs(workspace, &wasm, &charts)?;
        let site = workspace.site();
        let stamp = site.with_extension("inputs");
        let is_built = site.join("assets.json").exists();
        if is_built && fs::read_to_string(&stamp).is_ok_and(|built_from| built_from == inputs) {
            return Ok("unchanged".to_owned());
        }
        let mut bundle = Bundle::default();
        step.note("wasm-bindgen");
        front_end::bind(&wasm, &mut bundle)?;
        step.note("style sheets");
        let css = style::bundle(&workspace.root.join("style/main.css"))?;
        bundle.add_hashed("css", "volary", "css", css.into_bytes());
        bundle.add_hashed("echarts", "echarts", "min.js", fs::read(&charts)?);
        bundle.add_directory(&workspace.root.join("public"))?;
        step.note("compressing");
        bundle.compress()?;
        let first_visit = bundle.first_visit();
        ensure!(
            first_visit <= FIRST_VISIT,
            "a first visit downloads up to {first_visit} bytes, more than {FIRST_VISIT} ({bundle}): CONTRIBUTING.md tells what makes it large"
        );
        bundle.write(&site)?;
        fs::write(stamp, inputs)?;
        Ok(bundle.to_string())
    })?;
    Ok(())
}

/// Builds the server alone.
pub(crate) fn build_server(workspace: &Workspace, profile: &str, postgres: &Source) -> Result<()> {
    heading("build", format_args!("server ({profile})"));
    let mut cargo = workspace.cargo_offline_queries();
    // The whole workspace, for its features: the tests then find everything built, dependencies and server. Without this
    // program, whose features differ and which cargo builds by itself before it runs.
    cargo.args(["build", "--locked", "--profile", profile]);
    cargo.args(["--workspace", "--exclude", "xtask", "--bin", "volary"]);
    if *postgres == Source::Download {
        cargo.args(["--features", "server/postgres-download"]);
    }
    process::run(&mut cargo)
}

/// What decides the content of the site: the same text means that nothing needs to be made anew.
fn inputs(workspace: &Workspace, wasm: &Path, charts: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |path: &Path| -> Result<()> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(content.len().to_le_bytes());
        hash.update(content);
        Ok(())
    };
    // This program itself is an input: it decides how the others are treated.
    let mut files = vec![
        std::env::current_exe()?,
        wasm.to_path_buf(),
        charts.to_path_buf(),
    ];
    files.extend(process::find("wasm-opt"));
    for dir in ["style", "public"] {
        files.extend(files_below(&workspace.root.join(dir))?);
    }
    for file in files {
        add(&file)?;
    }
    Ok(hex::encode(hash.finalize()))
}

/// Every file below `dir`, sorted; none when there is no such directory.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}
