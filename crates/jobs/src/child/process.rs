use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::stream::{self, Said};
use super::{Command, End, Exit, STDERR_KEPT};

/// How often the child's memory is looked at. The kernel keeps the peak, so only the last moments can be missed.
const LOOK: Duration = Duration::from_millis(200);
/// After a kill the pipes close at once; nobody waits longer for them.
const PIPES_CLOSE: Duration = Duration::from_secs(2);

pub(super) struct Started {
    process: tokio::process::Child,
    id: Option<u32>,
    at: Instant,
    limit: Duration,
    max_line: usize,
    kills_before: Option<u64>,
}

impl Started {
    pub(super) fn start(command: &Command) -> io::Result<Self> {
        let process = tokio::process::Command::new(&command.program)
            .args(&command.arguments)
            .env_clear()
            // The allocator maps a gibibyte at once otherwise, which a limit on the address space cannot take back.
            .env("MIMALLOC_ARENA_RESERVE", "64M")
            // Out of reach of a Ctrl-C at the terminal: this process decides when the child ends.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            id: process.id(),
            process,
            at: Instant::now(),
            limit: command.limit,
            max_line: command.max_line,
            kills_before: out_of_memory_kills(),
        })
    }

    pub(super) async fn supervise(
        mut self,
        request: Vec<u8>,
        stop: CancellationToken,
        sender: mpsc::Sender<String>,
    ) -> io::Result<End> {
        let missing = || io::Error::other("the child has no pipes");
        let stdin = self.process.stdin.take().ok_or_else(missing)?;
        let stdout = self.process.stdout.take().ok_or_else(missing)?;
        let stderr = self.process.stderr.take().ok_or_else(missing)?;

        let mut lines = pin!(stream::lines(stdout, self.max_line, sender));
        let mut stderr = pin!(stream::tail(stderr, STDERR_KEPT));
        let mut request = pin!(write(stdin, request));
        let deadline = sleep_until(self.at + self.limit);
        let mut deadline = pin!(deadline);
        let mut looks = interval(LOOK);
        let mut peak_memory = None;
        // Kept open to the end: to the child, the end of its input means that this process is gone.
        let mut open_input: Option<ChildStdin> = None;
        let (mut said, mut reason, mut killed) = (None, None, None);

        let status = loop {
            tokio::select! {
                status = self.process.wait() => break status?,
                () = &mut deadline, if killed.is_none() => killed = self.kill(Exit::OutOfTime),
                () = stop.cancelled(), if killed.is_none() => killed = self.kill(Exit::Stopped),
                end = &mut lines, if said.is_none() => {
                    said = Some(end);
                    if end == Said::LineTooLong && killed.is_none() {
                        killed = self.kill(Exit::LineTooLong);
                    }
                }
                text = &mut stderr, if reason.is_none() => reason = Some(text),
                stdin = &mut request, if open_input.is_none() => open_input = Some(stdin),
                _ = looks.tick() => peak_memory = peak_memory.max(self.id.and_then(peak_memory_of)),
            }
        };
        let took = self.at.elapsed();
        let exit = killed.unwrap_or_else(|| by_itself(status));
        if said.is_none() {
            // The listener takes his time over the last lines of a child that ended well; a killed one has no more to say.
            if killed.is_some() {
                let _ = timeout(PIPES_CLOSE, &mut lines).await;
            } else if lines.await == Said::LineTooLong {
                return Ok(self.end(
                    Exit::LineTooLong,
                    reason.unwrap_or_default(),
                    peak_memory,
                    took,
                ));
            }
        }
        let reason = match reason {
            Some(reason) => reason,
            None => timeout(PIPES_CLOSE, stderr).await.unwrap_or_default(),
        };
        Ok(self.end(exit, reason, peak_memory, took))
    }

    fn kill(&mut self, why: Exit) -> Option<Exit> {
        // Fails only when it has ended already, and then the wait says how.
        self.process.start_kill().ok().map(|()| why)
    }

    fn end(&self, exit: Exit, stderr: String, peak_memory: Option<u64>, took: Duration) -> End {
        let kills = out_of_memory_kills();
        End {
            exit,
            stderr,
            peak_memory,
            out_of_memory_kill: kills > self.kills_before,
            took,
        }
    }
}

async fn write(mut stdin: ChildStdin, mut request: Vec<u8>) -> ChildStdin {
    request.push(b'\n');
    // A child that does not want its request says why by how it ends.
    let _ = stdin.write_all(&request).await;
    let _ = stdin.flush().await;
    stdin
}

fn by_itself(status: std::process::ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(0), _) => Exit::Succeeded,
        (Some(code), _) => Exit::Failed(code),
        (None, Some(signal)) => Exit::Signalled(signal),
        (None, None) => Exit::Failed(-1),
    }
}

/// In bytes; `None` once the process has ended.
fn peak_memory_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// How many processes the kernel has killed for want of memory since it started.
fn out_of_memory_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}
