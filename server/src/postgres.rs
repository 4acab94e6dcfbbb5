//! A private Postgres in the data directory, for when there is no DATABASE_URL. It listens on a Unix socket alone, in a
//! directory that nobody else can enter: no port, no password. One left running by a killed server is adopted; the last
//! process that uses it stops it.

mod account;
#[cfg(feature = "postgres-download")]
mod download;
mod programs;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use postgresql_commands::CommandBuilder as _;
use postgresql_commands::initdb::InitDbBuilder;
use postgresql_commands::pg_ctl::{Mode, PgCtlBuilder, ShutdownMode};
use rustix::fs::{FlockOperation, flock};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use account::Account;

/// The superuser of the private Postgres; no other role is made.
const USER: &str = "volary";
/// Longest start, stop or initialisation.
const LIMIT: Duration = Duration::from_mins(2);
/// How long a dead server's last children may hold its memory.
const LINGER: Duration = Duration::from_secs(10);
const SETTINGS: &str = "volary.conf";
/// What the path of a socket may have, with the zero byte at its end.
const LONGEST_SOCKET_PATH: usize = 107;

/// Where the private Postgres of a data directory lies; nothing is touched by making this.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
    socket: PathBuf,
}

impl Place {
    /// Below an absolute data directory.
    pub fn below(data_dir: &Path) -> Self {
        let root = data_dir.join("postgres");
        let inside = root.join("socket");
        let longest = inside.join(".s.PGSQL.5432.lock").as_os_str().len();
        let socket = if longest < LONGEST_SOCKET_PATH {
            inside
        } else {
            // Too deep for a socket: a directory by the hash of the path, checked for its owner before use.
            let hash = hex::encode(Sha256::digest(root.as_os_str().as_encoded_bytes()));
            std::env::temp_dir().join(format!("volary-{}", &hash[..16]))
        };
        Self { root, socket }
    }

    pub fn url(&self) -> SecretString {
        let host: String =
            url::form_urlencoded::byte_serialize(self.socket.as_os_str().as_encoded_bytes())
                .collect();
        SecretString::from(format!("postgres://{USER}@localhost/postgres?host={host}"))
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }
}

/// A private Postgres that this process uses; cheap to clone.
#[derive(Clone, Debug)]
pub struct PrivatePostgres(Arc<Running>);

#[derive(Debug)]
struct Running {
    place: Place,
    programs: PathBuf,
    account: Option<Account>,
    /// Held shared by every process that uses the server.
    users: File,
}

impl PrivatePostgres {
    /// Finds it running, or makes and starts it.
    ///
    /// # Errors
    /// No programs, a place that the account can not reach, or a failed start with the end of its log.
    pub async fn start(place: Place) -> Result<Self> {
        let account = Account::for_this_process()?;
        make_dirs(&place, account.as_ref())?;
        let users = File::create(place.root.join("users.lock"))?;
        tokio::task::spawn_blocking({
            let users = users.try_clone()?;
            move || flock(&users, FlockOperation::LockShared)
        })
        .await??;
        // Two processes that start together take turns.
        let turn = File::create(place.root.join("start.lock"))?;
        let turn = tokio::task::spawn_blocking(move || {
            flock(&turn, FlockOperation::LockExclusive).map(|()| turn)
        })
        .await??;

        let version = fs::read_to_string(place.data().join("PG_VERSION"))
            .ok()
            .map(|version| version.trim().to_owned());
        let programs = programs::find(&place.root, version.as_deref()).await?;
        let running = Self(Arc::new(Running {
            place,
            programs,
            account,
            users,
        }));
        running.initialise().await?;
        running.launch().await?;
        drop(turn);
        Ok(running)
    }

    /// Starts the server again whenever it has died, until `shutdown`.
    pub async fn keep_running(self, shutdown: CancellationToken) {
        let mut pause = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = pause.tick() => {}
            }
            if self.0.owner_of_pid_file().is_some() {
                continue;
            }
            tracing::warn!("the private Postgres is gone: starting it again");
            if let Err(error) = self.launch().await {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the private Postgres does not start"
                );
            }
        }
    }

    /// Stops the server, unless another process uses it too.
    pub async fn stop_if_unused(&self) {
        if flock(&self.0.users, FlockOperation::NonBlockingLockExclusive).is_err() {
            tracing::info!("the private Postgres stays: another process uses it");
            return;
        }
        let stop = self
            .0
            .pg_ctl(Mode::Stop)
            .wait()
            .shutdown_mode(ShutdownMode::Fast);
        if let Err(error) = self.0.run(stop.build()).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "the private Postgres did not stop"
            );
        }
    }

    /// Makes the database cluster, in a directory that is renamed when it is whole.
    async fn initialise(&self) -> Result<()> {
        let place = &self.0.place;
        if !place.data().join("PG_VERSION").exists() {
            let unfinished = place.root.join("data.new");
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished)?;
            }
            tracing::info!(dir = %place.data().display(), "making a private Postgres");
            let initdb = InitDbBuilder::new()
                .program_dir(&self.0.programs)
                .pgdata(&unfinished)
                .username(USER)
                .auth("trust")
                .encoding("UTF8")
                .locale("C")
                .data_checksums();
            self.0.run(initdb.build()).await.context("initdb failed")?;
            fs::rename(&unfinished, place.data())?;
        }
        // In a file, not on pg_ctl's command line: that goes through a shell.
        let include = format!("include '{SETTINGS}'");
        let main = place.data().join("postgresql.conf");
        let text = fs::read_to_string(&main)?;
        if !text.lines().any(|line| line == include) {
            fs::write(&main, format!("{text}\n{include}\n"))?;
        }
        let socket = place.socket.to_string_lossy().replace('\'', "''");
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{socket}'\nunix_socket_permissions = 0700\nport = 5432\n\
             max_connections = 100\nshared_buffers = '64MB'\nlogging_collector = off\n"
        );
        fs::write(place.data().join(SETTINGS), settings)?;
        if let Some(account) = &self.0.account {
            account.give(&place.data().join(SETTINGS))?;
            account.give(&main)?;
        }
        Ok(())
    }

    async fn launch(&self) -> Result<()> {
        let running = &self.0;
        if running.owner_of_pid_file().is_some()
            && running
                .run(running.pg_ctl(Mode::Status).build())
                .await
                .is_ok()
        {
            tracing::info!("found the private Postgres running");
            return Ok(());
        }
        running.clear_stale_pid_file()?;
        let began = tokio::time::Instant::now();
        loop {
            let start = running
                .pg_ctl(Mode::Start)
                .wait()
                .log("server.log")
                .timeout(LIMIT.as_secs());
            let Err(error) = running.run(start.build()).await else {
                return Ok(());
            };
            let log = running.end_of_log();
            // The children of a killed server hold its shared memory for a moment.
            let lingers = log.contains("is still in use") || log.contains("lock file");
            if !lingers || began.elapsed() > LINGER {
                return Err(error.context(format!(
                    "the private Postgres does not start; the end of its log:\n{log}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Running {
    fn pg_ctl(&self, mode: Mode) -> PgCtlBuilder {
        // The data directory comes by the environment: pg_ctl would put an option through a shell.
        PgCtlBuilder::new()
            .program_dir(&self.programs)
            .mode(mode)
            .env("PGDATA", &self.place.data().to_string_lossy())
    }

    /// Runs one of the programs as the account, from a directory that the account can be in.
    async fn run(&self, mut command: std::process::Command) -> Result<String> {
        command
            .current_dir(&self.place.root)
            .stdin(Stdio::null())
            .env_remove("PGPORT")
            .env_remove("PGHOST");
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut command = tokio::process::Command::from(command);
        let output = tokio::time::timeout(LIMIT, command.kill_on_drop(true).output())
            .await
            .with_context(|| format!("{name} did not end within {} s", LIMIT.as_secs()))?
            .with_context(|| format!("{} can not be run", self.programs.join(&name).display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        ensure!(
            output.status.success(),
            "{name}: {}\n{}",
            output.status,
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }

    fn pid_file(&self) -> PathBuf {
        self.place.data().join("postmaster.pid")
    }

    /// The process in the pid file, if it lives and works in our data directory: pids are used again.
    fn owner_of_pid_file(&self) -> Option<u32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let pid: u32 = text.lines().next()?.trim().parse().ok()?;
        let proc = Path::new("/proc").join(pid.to_string());
        if !Path::new("/proc/self").exists() {
            return Some(pid);
        }
        let works_in = fs::read_link(proc.join("cwd")).ok()?;
        (works_in == fs::canonicalize(self.place.data()).ok()?).then_some(pid)
    }

    fn clear_stale_pid_file(&self) -> Result<()> {
        if self.pid_file().exists() && self.owner_of_pid_file().is_none() {
            tracing::info!("removing the pid file of a Postgres that is gone");
            match fs::remove_file(self.pid_file()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.place.root.join("server.log")).unwrap_or_default();
        let mut lines: Vec<_> = log.lines().rev().take(10).collect();
        lines.reverse();
        lines.join("\n")
    }
}

/// Makes the directories for the account alone, and checks that it can reach them.
fn make_dirs(place: &Place, account: Option<&Account>) -> Result<()> {
    fs::create_dir_all(&place.root)
        .with_context(|| format!("{} can not be made", place.root.display()))?;
    fs::set_permissions(&place.root, fs::Permissions::from_mode(0o700))?;
    if let Some(account) = account {
        // What lies above is root's: the account passes through, without seeing what else is there.
        if let Some(data_dir) = place.root.parent() {
            let mode = fs::metadata(data_dir)?.permissions().mode() & 0o7777;
            fs::set_permissions(data_dir, fs::Permissions::from_mode(mode | 0o011))?;
        }
        account.give(&place.root)?;
        account.check_reach(&place.root)?;
    }
    let owner = account.map_or_else(
        || rustix::process::geteuid().as_raw(),
        |account| account.uid,
    );
    match fs::DirBuilder::new().mode(0o700).create(&place.socket) {
        Ok(()) => {
            if let Some(account) = account {
                account.give(&place.socket)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error)
                .with_context(|| format!("{} can not be made", place.socket.display()));
        }
    }
    let found = fs::symlink_metadata(&place.socket)?;
    if !found.is_dir() || found.uid() != owner || found.permissions().mode() & 0o077 != 0 {
        bail!(
            "{} is not a directory of the account that runs Postgres alone: remove it",
            place.socket.display()
        );
    }
    Ok(())
}
