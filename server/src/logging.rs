//! Logs on standard error, one JSON object a line. Lines are written by a thread of their own, many in one call, so that
//! a request never waits for whoever reads the log.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogConfig;

/// When the reader of the log falls behind by so many bytes, lines are dropped and counted.
const LONGEST_BACKLOG: usize = 4 << 20;

/// How long lines are gathered before they are written: a thread that woke for every line would cost each request more
/// than the line itself.
const GATHER: Duration = Duration::from_millis(20);

/// The target of the access log, by which a filter can leave it out.
pub const ACCESS: &str = "access";

/// A backlog of so many bytes is written at once.
const URGENT: usize = 1 << 20;

/// Where the access log goes, if the filter lets it through.
static ACCESS_LOG: OnceLock<Arc<Backlog>> = OnceLock::new();

/// Whether requests are logged. They are not before [`start`].
pub fn has_access() -> bool {
    ACCESS_LOG.get().is_some()
}

/// Logs one request: `line` is whole, with its end.
pub fn access(line: &[u8]) {
    if let Some(backlog) = ACCESS_LOG.get() {
        backlog.add(line);
    }
}

/// Logs from here on. Keep the guard until the end: dropping it writes what is left.
///
/// # Errors
/// A filter that can not be read.
pub fn start(config: &LogConfig) -> Result<Guard> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| {
        format!(
            "VOLARY_LOG: {:?} is not a filter: use a level, or target=level pairs",
            config.log
        )
    })?;
    let backlog = Arc::new(Backlog::default());
    let writer = thread::Builder::new().name("log".to_owned()).spawn({
        let backlog = Arc::clone(&backlog);
        move || backlog.write_out()
    })?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(Lines(Arc::clone(&backlog)))
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging can not start: {error}"))?;
    // The filter stays as it is, so it is asked once and not for every request.
    if tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
        ACCESS_LOG.get_or_init(|| Arc::clone(&backlog));
    }
    Ok(Guard {
        backlog,
        writer: Some(writer),
    })
}

/// Writes the last lines when dropped.
#[must_use = "the last lines are written when it is dropped"]
pub struct Guard {
    backlog: Arc<Backlog>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.backlog.lock().ended = true;
        self.backlog.news.notify_one();
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

#[derive(Default)]
struct Backlog {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    ended: bool,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > LONGEST_BACKLOG {
            waiting.dropped += 1;
            return;
        }
        let before = waiting.bytes.len();
        waiting.bytes.extend_from_slice(line);
        let is_urgent = before < URGENT && waiting.bytes.len() >= URGENT;
        drop(waiting);
        if before == 0 || is_urgent {
            self.news.notify_one();
        }
    }

    fn write_out(&self) {
        let mut taken = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.bytes.is_empty() && !waiting.ended {
                waiting = self
                    .news
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            (waiting, _) = self
                .news
                .wait_timeout_while(waiting, GATHER, |waiting| {
                    !waiting.ended && waiting.bytes.len() < URGENT
                })
                .unwrap_or_else(PoisonError::into_inner);
            taken.clear();
            std::mem::swap(&mut taken, &mut waiting.bytes);
            let dropped = std::mem::take(&mut waiting.dropped);
            let ended = waiting.ended;
            drop(waiting);
            // Nobody can be told that the log can not be written.
            let mut out = io::stderr().lock();
            out.write_all(&taken).ok();
            if dropped > 0 {
                writeln!(out, r#"{{"level":"WARN","target":"server::logging","message":"log lines dropped","lines":{dropped}}}"#).ok();
            }
            if ended {
                return;
            }
        }
    }
}

#[derive(Clone)]
struct Lines(Arc<Backlog>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Arc::clone(&self.0))
    }
}

/// The subscriber formats a line whole and writes it at once.
struct Line(Arc<Backlog>);

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_falls_behind_loses_lines_and_memory_stays_bounded() {
        let backlog = Backlog::default();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..6 {
            backlog.add(&line);
        }
        let waiting = backlog.lock();
        assert_eq!((waiting.bytes.len(), waiting.dropped), (4 << 20, 2));
    }
}
