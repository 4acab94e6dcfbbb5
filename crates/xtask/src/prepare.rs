//! `cargo xtask prepare`: `.sqlx/`, the description of every query, which lets the rest of the world compile the
//! queries without a database.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::progress::{heading, step};
use crate::scratch_postgres::ScratchPostgres;
use crate::workspace::Workspace;

const DATABASE: &str = "volary";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing: fail when `.sqlx/` is not what it would be
    #[arg(long, conflicts_with = "keep")]
    check: bool,
    /// Write nothing: leave a freshly migrated database running and print what makes cargo use it
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.keep {
        let server = ScratchPostgres::keep(Path::new("/tmp/volary-pg"))?;
        server.migrate(DATABASE, &workspace.root.join("migrations"))?;
        println!("SQLX_OFFLINE=false DATABASE_URL='{}'", server.url(DATABASE));
        return Ok(());
    }
    if args.check {
        return check(workspace);
    }
    let fresh = describe(workspace)?;
    let committed = committed(workspace);
    fs::create_dir_all(&committed)?;
    for name in read(&committed)?
        .keys()
        .filter(|name| !fresh.contains_key(*name))
    {
        fs::remove_file(committed.join(name))?;
    }
    for (name, content) in &fresh {
        fs::write(committed.join(name), content)?;
    }
    println!(
        "[prepare] {} queries described in {}",
        fresh.len(),
        committed.display()
    );
    Ok(())
}

/// Fails when `.sqlx/` does not describe exactly the queries there are, on the schema there is.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let fresh = describe(workspace)?;
    let committed = read(&committed(workspace))?;
    let differing = fresh
        .iter()
        .filter(|(name, content)| committed.get(*name) != Some(*content))
        .map(|(name, _)| format!("{name} is missing or differs"));
    let stale = committed
        .keys()
        .filter(|name| !fresh.contains_key(*name))
        .map(|name| format!("{name} describes no query any more"));
    let findings = differing.chain(stale).collect::<Vec<_>>();
    if findings.is_empty() {
        println!("[prepare] all {} queries are described", fresh.len());
        return Ok(());
    }
    bail!(
        ".sqlx is out of date, run `cargo xtask prepare`:\n  {}",
        findings.join("\n  ")
    )
}

/// The files of `.sqlx/` for today's queries and migrations, by name.
fn describe(workspace: &Workspace) -> Result<BTreeMap<String, Vec<u8>>> {
    let server = step("prepare", "scratch database", |_| {
        let server = ScratchPostgres::start()?;
        server.migrate(DATABASE, &workspace.root.join("migrations"))?;
        Ok(Started(server))
    })?
    .0;
    heading("prepare", "describing the queries of store");
    let dir = tempfile::tempdir()?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["check", "--release", "--locked", "--package", "store"])
        .env("DATABASE_URL", server.url(DATABASE))
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", dir.path());
    let _touched = Touched::new(workspace.root.join("crates/store/src/lib.rs"))?;
    process::run(&mut cargo)?;
    read(dir.path())
}

fn committed(workspace: &Workspace) -> PathBuf {
    workspace.root.join(".sqlx")
}

/// The descriptions in `dir`, by file name; none when there is no such directory.
fn read(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !dir.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// A server, as the outcome of a step.
struct Started(ScratchPostgres);

impl std::fmt::Display for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("migrated")
    }
}

/// Makes a source file look changed, so that cargo runs the query macros again; gives it back its old time in the
/// end, so that nothing else is built again for it.
struct Touched {
    path: PathBuf,
    old: FileTimes,
}

impl Touched {
    fn new(path: PathBuf) -> Result<Self> {
        let touch = || -> Result<FileTimes> {
            let file = File::options().append(true).open(&path)?;
            let old = FileTimes::new().set_modified(file.metadata()?.modified()?);
            file.set_times(FileTimes::new().set_modified(now()))?;
            Ok(old)
        };
        let old = touch().with_context(|| format!("cannot touch {}", path.display()))?;
        Ok(Self { path, old })
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        let restored = File::options()
            .append(true)
            .open(&self.path)
            .and_then(|file| file.set_times(self.old));
        if let Err(error) = restored {
            eprintln!(
                "warning: {} keeps a new modification time: {error}",
                self.path.display()
            );
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "file times are compared with the machine's clock"
)]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
