//! A throw-away Postgres: its own directory, a Unix socket only, no durability, gone when dropped.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::setup::postgres;

const PARENT: &str = "/tmp";
const PREFIX: &str = "volary-pg-";
/// Holds the process id of the `cargo xtask` that will stop the server.
const OWNER: &str = "owner";
const STOP: [&str; 3] = ["--wait", "--mode=immediate", "stop"];
const LIMIT: Duration = Duration::from_mins(1);

/// A running server. Databases are made and dropped by whoever uses it.
pub(crate) struct ScratchPostgres {
    binaries: PathBuf,
    dir: PathBuf,
    account: Option<Account>,
    /// Dropping it deletes the data, unless the server is to stay.
    temporary: Option<tempfile::TempDir>,
}

/// `initdb` refuses to run as root, so root runs it as somebody else.
#[derive(Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl ScratchPostgres {
    /// Starts a server that stops with this value.
    pub(crate) fn start() -> Result<Self> {
        sweep()?;
        // Not below TMPDIR, which may be deep: a socket's path is limited to 107 bytes.
        let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(PARENT)?;
        fs::write(temporary.path().join(OWNER), std::process::id().to_string())?;
        let mut server = Self::at(temporary.path())?;
        server.launch()?;
        server.temporary = Some(temporary);
        Ok(server)
    }

    /// Starts, or finds running, the server in `dir`, and leaves it running.
    pub(crate) fn keep(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let server = Self::at(dir)?;
        if !server.is_running() {
            server.launch()?;
        }
        Ok(server)
    }

    fn at(dir: &Path) -> Result<Self> {
        let binaries = postgres::find().context(postgres::BY_HAND)?;
        let account = if process::is_root() {
            Some(unprivileged_account()?)
        } else {
            None
        };
        Ok(Self {
            binaries,
            dir: dir.to_path_buf(),
            account,
            temporary: None,
        })
    }

    fn launch(&self) -> Result<()> {
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o755))?;
        if let Some(Account { uid, gid }) = self.account {
            chown(&self.dir, Some(uid), Some(gid))?;
        }
        let data = self.data();
        if !data.join("PG_VERSION").exists() {
            let mut initdb = self.command("initdb");
            initdb
                .args([
                    "--username=postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ])
                .arg("--pgdata")
                .arg(&data);
            process::capture(&mut initdb, LIMIT)?;
        }
        // Nothing here outlives a crash, so nothing waits for the disk.
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=300 \
             -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off",
            self.dir.display()
        );
        let mut start = self.pg_ctl();
        start
            .args(["--wait", "--options", &options, "--log"])
            .arg(self.dir.join("log"))
            .arg("start");
        process::capture(&mut start, LIMIT)?;
        Ok(())
    }

    fn is_running(&self) -> bool {
        process::capture(self.pg_ctl().arg("status"), LIMIT).is_ok()
    }

    /// The URL of a database of this server, for its superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.dir.display()
        )
    }

    /// Makes `database` anew and applies every migration to it, in order.
    pub(crate) fn migrate(&self, database: &str, migrations: &Path) -> Result<()> {
        let drop = format!("drop database if exists {database} with (force)");
        let create = format!("create database {database}");
        process::capture(
            self.psql("postgres").args(["-c", &drop, "-c", &create]),
            LIMIT,
        )?;
        for file in sql_files(migrations)? {
            let mut psql = self.psql(database);
            if !fs::read_to_string(&file)?.starts_with("-- no-transaction") {
                psql.arg("--single-transaction");
            }
            process::capture(psql.arg("--file").arg(&file), LIMIT)
                .with_context(|| format!("cannot apply {}", file.display()))?;
        }
        Ok(())
    }

    fn psql(&self, database: &str) -> Command {
        // As the caller, who can read the migrations; the server trusts whoever reaches its socket.
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--username=postgres",
            "--dbname",
            database,
        ])
        .arg("--host")
        .arg(&self.dir)
        .env("PGOPTIONS", "-c client_min_messages=warning");
        psql
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("--pgdata").arg(self.data());
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.current_dir(&self.dir);
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Drop for ScratchPostgres {
    fn drop(&mut self) {
        if self.temporary.is_none() {
            return;
        }
        if let Err(error) = process::capture(self.pg_ctl().args(STOP), LIMIT) {
            eprintln!(
                "warning: the scratch Postgres in {} may still run: {error:#}",
                self.dir.display()
            );
        }
    }
}

/// Stops and deletes the servers whose `cargo xtask` was killed before it could.
fn sweep() -> Result<()> {
    for entry in fs::read_dir(PARENT)? {
        let dir = entry?.path();
        let ours = dir
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(PREFIX));
        let Ok(owner) = fs::read_to_string(dir.join(OWNER)) else {
            continue;
        };
        if !ours || Path::new("/proc").join(owner.trim()).exists() {
            continue;
        }
        let server = ScratchPostgres::at(&dir)?;
        if server.is_running() {
            process::capture(server.pg_ctl().args(STOP), LIMIT)?;
        }
        fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

/// The `.sql` files of `dir`, by name.
pub(crate) fn sql_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unprivileged_account() -> Result<Account> {
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    for name in ["postgres", "nobody"] {
        for line in accounts.lines() {
            let fields = line.split(':').collect::<Vec<_>>();
            if let [found, _, uid, gid, ..] = fields[..]
                && found == name
            {
                return Ok(Account {
                    uid: uid.parse()?,
                    gid: gid.parse()?,
                });
            }
        }
    }
    bail!(
        "no account `postgres` or `nobody` to run Postgres as: run as an ordinary user instead of root"
    )
}
