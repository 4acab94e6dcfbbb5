//! Running other programs: their failures name the command, and nothing waits for ever.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Runs `command` with our own standard streams.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", line(command)))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed: {status}", line(command))
}

/// Runs `command` for at most `limit` and returns its standard output; a failure carries the end of what it printed.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<String> {
    let mut output = tempfile::tempfile()?;
    let mut errors = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(errors.try_clone()?);
    let status = wait(command, limit)?;
    let output = text(&mut output)?;
    if let Some(status) = status
        && status.success()
    {
        return Ok(output);
    }
    let errors = text(&mut errors)?;
    let printed = if errors.trim().is_empty() {
        &output
    } else {
        &errors
    };
    let end = printed.lines().rev().take(20).collect::<Vec<_>>();
    let end = end.into_iter().rev().collect::<Vec<_>>().join("\n  ");
    match status {
        Some(status) => bail!("`{}` failed: {status}\n  {end}", line(command)),
        None => bail!(
            "`{}` did not end within {} s\n  {end}",
            line(command),
            limit.as_secs()
        ),
    }
}

/// The same command at the lowest priority.
pub(crate) fn nicely(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        nice.current_dir(dir);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    nice
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `None` when the time ran out and the child was killed.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{}`", line(command)))?;
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// The command as a person would type it, without its environment.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first executable file of that name on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| is_executable(path))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether this process may install packages and change users.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|meta| meta.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_the_end_of_its_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo the reason >&2; exit 3"]);
        let error = capture(&mut command, Duration::from_secs(10))
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("the reason"), "{error}");
    }

    #[test]
    fn a_nice_command_is_the_same_command() {
        let mut command = Command::new("sh");
        command.args(["-c", "nice; echo $MARK; pwd"]);
        command.env("MARK", "kept").current_dir("/");
        let printed = capture(&mut nicely(&command), Duration::from_secs(10)).unwrap();
        assert_eq!(printed, "19\nkept\n/\n");
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let error = capture(&mut command, Duration::from_millis(50))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`sleep 60` did not end"), "{error}");
    }
}
