//! A child process that works under limits: one request in, JSON lines out. It dies when it is told to stop, when its time
//! is up, and when whoever waits for it goes away; whatever happens to it, this process only hears of it.

mod process;
mod stream;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Lines that wait to be read. More, and the child waits.
const LINES_AHEAD: usize = 64;
/// How much of the child's standard error is kept: its end, where the reason stands.
const STDERR_KEPT: usize = 4096;

/// What to start, and what it may use.
#[derive(Clone, Debug)]
pub struct Command {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Longest time from start to end.
    pub limit: Duration,
    /// Longest line that the child may say, in bytes.
    pub max_line: usize,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with status 0.
    Succeeded,
    /// By itself, with another status.
    Failed(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// Killed: its time was up.
    OutOfTime,
    /// Killed: it was told to stop.
    Stopped,
    /// Killed: it said a line longer than allowed.
    LineTooLong,
}

/// What is known of a child that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub exit: Exit,
    /// The last 4 KiB of its standard error.
    pub stderr: String,
    /// The most memory it was seen to hold, in bytes; looked at a few times a second.
    pub peak_memory: Option<u64>,
    /// While it ran, the kernel killed a process of this machine for want of memory.
    pub out_of_memory_kill: bool,
    pub took: Duration,
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    lines: mpsc::Receiver<String>,
    supervisor: JoinSet<io::Result<End>>,
}

impl Child {
    /// Starts the command with none of this environment, and gives it `request` as one line. The rest of its standard input stays
    /// empty and open as long as this process lives.
    ///
    /// # Errors
    /// The process could not be started.
    pub fn spawn(command: &Command, request: Vec<u8>, stop: CancellationToken) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel(LINES_AHEAD);
        let started = process::Started::start(command)?;
        let mut supervisor = JoinSet::new();
        supervisor.spawn(started.supervise(request, stop, sender));
        Ok(Self { lines, supervisor })
    }

    /// The next line without its end; `None` when the child will say no more. Text that is not UTF-8 is repaired.
    pub async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits for the end; lines not read until then are lost.
    ///
    /// # Errors
    /// The process could not be waited for.
    pub async fn end(mut self) -> io::Result<End> {
        self.lines.close();
        while self.lines.recv().await.is_some() {}
        match self.supervisor.join_next().await {
            Some(Ok(end)) => end,
            Some(Err(panic)) => Err(io::Error::other(panic)),
            None => Err(io::Error::other("the child was waited for already")),
        }
    }
}
