//! Servers that are measured: started on the first core, stopped when dropped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::http::{Connection, request};
use crate::process;
use crate::progress::heading;
use crate::workspace::Workspace;

pub(super) const AXUM: &str = "limit-axum";
pub(super) const HYPER: &str = "limit-hyper";

/// Linux tells times in these, whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;
/// Ray needs half a minute.
const START: Duration = Duration::from_mins(2);

/// A server, and what is asked of it.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) envs: Vec<(&'static str, String)>,
    pub(super) dir: PathBuf,
    /// Where predictions are asked for.
    pub(super) url: String,
    /// Answers 200 once the server is ready, or whatever else where there is no such path.
    pub(super) ready: String,
    pub(super) script: &'static str,
    pub(super) log: PathBuf,
}

/// Ends the server and whatever it started.
pub(super) struct Running(Child);

impl Contender {
    pub(super) fn start(&self) -> Result<Running> {
        self.start_on("0")
    }

    /// `cores` as taskset takes them.
    pub(super) fn start_on(&self, cores: &str) -> Result<Running> {
        let log = File::create(&self.log)?;
        let mut command = Command::new("taskset");
        command
            .args(["-c", cores])
            .arg(&self.program)
            .args(&self.args)
            .envs(self.envs.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("cannot run `{}`", process::line(&command)))?;
        let mut running = Running(child);
        self.wait(&mut running)?;
        Ok(running)
    }

    fn wait(&self, running: &mut Running) -> Result<()> {
        let question = request("GET", &self.ready, "application/json", None, b"")?;
        let started = Instant::now();
        loop {
            let answered = Connection::open(&self.ready)
                .and_then(|mut connection| connection.send(&question))
                .is_ok_and(|status| status < 500);
            if answered {
                return Ok(());
            }
            if let Some(status) = running.0.try_wait()? {
                bail!("{} ended: {status}; see {}", self.name, self.log.display());
            }
            if started.elapsed() > START {
                bail!(
                    "{} did not get ready; see {}",
                    self.name,
                    self.log.display()
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Running {
    /// The process, which has replaced the one that pinned it.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// What the process has used so far, without its children.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.id());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // The name in parentheses may have blanks; after it, user and system time are the 12th and 13th field.
        let fields = text.rsplit_once(") ").map(|(_, fields)| fields);
        let ticks: u64 = fields
            .unwrap_or_default()
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| {
                field
                    .parse::<u64>()
                    .with_context(|| format!("{path} is unknown"))
            })
            .sum::<Result<_>>()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group, since most of them have workers.
        let group = format!("-{}", self.0.id());
        for signal in ["-TERM", "-KILL"] {
            let ended = Command::new("kill")
                .args([signal, "--", &group])
                .stderr(Stdio::null())
                .status();
            if ended.is_err() {
                self.0.kill().ok();
            }
            for _ in 0..100 {
                if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// The two yardsticks, built.
pub(super) fn limits(workspace: &Workspace) -> Result<Vec<Contender>> {
    [(AXUM, "axum", 9120), (HYPER, "hyper", 9121)]
        .into_iter()
        .map(|(name, dir, port)| {
            let sources = workspace.root.join("bench/limits").join(dir);
            heading("bench", format_args!("build {name}"));
            let mut cargo = workspace.cargo();
            cargo
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(sources.join("Cargo.toml"));
            process::run(&mut cargo)?;
            let address = format!("127.0.0.1:{port}");
            Ok(Contender {
                name,
                program: workspace.target.join("release").join(name),
                args: vec![address.clone()],
                envs: Vec::new(),
                dir: sources,
                url: format!("http://{address}/predict"),
                ready: format!("http://{address}/predict"),
                script: "inputs.lua",
                log: log(workspace, name)?,
            })
        })
        .collect()
}

/// Where a server's own words go.
pub(super) fn log(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let dir = workspace.target.join("bench/logs");
    fs::create_dir_all(&dir)?;
    Ok(dir.join(format!("{name}.log")))
}
