//! What runs the programs that are measured, all on the same two cores.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process;
use crate::workspace::Workspace;

const CORES: &str = "0,1";
const SCRIPT_LIMIT: Duration = Duration::from_mins(30);

pub(super) struct Runner {
    program: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
    dir: TempDir,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) peak_mb: f64,
}

/// What `volary child` answered.
pub(super) struct Answer {
    /// Its last message.
    pub(super) result: Value,
    pub(super) log: Vec<String>,
    /// From its start until a model was fitted, or until its end.
    pub(super) fitted: f64,
    pub(super) figures: Figures,
    /// The path of the model, of who asked for one.
    pub(super) artifact: String,
}

impl Runner {
    pub(super) fn new(workspace: &Workspace, profile: &str, environment: &Path) -> Result<Self> {
        let dir = workspace.target.join("bench");
        fs::create_dir_all(&dir)?;
        Ok(Self {
            program: workspace.server(profile),
            python: environment.join("bin/python"),
            scripts: workspace.root.join("bench/peers/train"),
            dir: tempfile::Builder::new().prefix("train-").tempdir_in(dir)?,
        })
    }

    /// It goes when the measurements end.
    pub(super) fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// One that the child may write to.
    pub(super) fn output(&self, name: &str) -> Result<String> {
        let path = self.file(name);
        File::create(&path)?;
        Ok(path)
    }

    /// What a script prints, as JSON or nothing. The first of `args` is its name.
    pub(super) fn script(&self, args: &[&str]) -> Result<Value> {
        let mut command = Command::new("taskset");
        command
            .args(["-c", CORES])
            .arg(&self.python)
            .args(args)
            .current_dir(&self.scripts);
        parsed(&process::capture(&mut command, SCRIPT_LIMIT)?)
    }

    /// As [`Self::script`], measured.
    pub(super) fn peer(&self, args: &[&str]) -> Result<(Value, Figures)> {
        let mut command = vec![self.python.as_os_str()];
        command.extend(args.iter().map(OsStr::new));
        let mut printed = String::new();
        let (figures, is_done) = self.measured(Path::new("/dev/null"), &command, |line| {
            printed.push_str(line);
        })?;
        if !is_done {
            bail!("`{}` failed", args.join(" "));
        }
        Ok((parsed(&printed)?, figures))
    }

    /// Asks `volary child` as the server does; the limits are added to `request`.
    pub(super) fn child(&self, mut request: Value) -> Result<Answer> {
        request["limits"] = json!({"memory_mb": 16_384, "cpu_seconds": 7_200});
        let input = self.file("request.json");
        fs::write(&input, format!("{request}\n"))?;
        let (mut result, mut log, mut until_fitted) = (Value::Null, Vec::new(), None);
        let started = Instant::now();
        let command = [self.program.as_os_str(), OsStr::new("child")];
        let (figures, is_done) = self.measured(Path::new(&input), &command, |line| {
            let message = parsed(line).unwrap_or_default();
            match message["kind"].as_str() {
                Some("log") => log.push(message["message"].as_str().unwrap_or("").to_owned()),
                Some("progress") if message["stage"] == "evaluate" => {
                    until_fitted.get_or_insert_with(|| started.elapsed());
                }
                _ => {}
            }
            result = message;
        })?;
        if !is_done {
            bail!("the child failed: {result}");
        }
        // Without the time that measuring took to start it.
        let before = started.elapsed().as_secs_f64() - figures.seconds;
        let fitted = until_fitted.map_or(figures.seconds, |until| until.as_secs_f64() - before);
        Ok(Answer {
            result,
            log,
            fitted,
            figures,
            artifact: String::new(),
        })
    }

    /// Hands over what `command` prints line by line, and says whether it succeeded.
    fn measured(
        &self,
        input: &Path,
        command: &[&OsStr],
        mut line: impl FnMut(&str),
    ) -> Result<(Figures, bool)> {
        let figures = self.file("figures.json");
        let mut measure = Command::new("taskset");
        measure
            .args(["-c", CORES])
            .arg(&self.python)
            .arg("measure.py")
            .arg(&figures)
            .arg(input)
            .args(command)
            .current_dir(&self.scripts)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut running = measure
            .spawn()
            .with_context(|| format!("cannot run `{}`", process::line(&measure)))?;
        let printed = running.stdout.take().context("nothing to read from")?;
        for text in BufReader::new(printed).lines() {
            line(&text?);
        }
        let status = running.wait()?;
        let figures = fs::read(&figures)
            .with_context(|| format!("`{}` failed: {status}", process::line(&measure)))?;
        Ok((serde_json::from_slice(&figures)?, status.success()))
    }
}

/// What a program of ours prints, as JSON.
pub(super) fn asked(program: &Path, args: &[&str]) -> Result<Value> {
    let mut command = Command::new("taskset");
    command.args(["-c", CORES]).arg(program).args(args);
    parsed(&process::capture(&mut command, SCRIPT_LIMIT)?)
}

fn parsed(text: &str) -> Result<Value> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).with_context(|| format!("not JSON: {text}"))
}
