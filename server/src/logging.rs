//! Logs on standard error, one JSON object a line. Lines are written by a thread of their own, many in one call, so that
//! a request never waits for whoever reads the log.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::Timestamp;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogConfig;

/// When the reader of the log falls behind by so many bytes, lines are dropped and counted.
const LONGEST_BACKLOG: usize = 4 << 20;

/// How long lines are gathered before they are written: a thread that woke for every line would cost each request more
/// than the line itself, and one that has very many to write keeps requests waiting where there is no other core.
const GATHER: Duration = Duration::from_millis(5);

/// The target of the access log, by which a filter can leave it out.
pub const ACCESS: &str = "access";

/// A backlog of so many bytes is written at once.
const URGENT: usize = 1 << 20;

/// There if the filter lets it through.
static ACCESS_LOG: OnceLock<AccessLog> = OnceLock::new();

/// The log of requests; none before [`start`].
pub fn access() -> Option<&'static AccessLog> {
    ACCESS_LOG.get()
}

pub struct AccessLog {
    backlog: Arc<Backlog>,
    pace: Pace,
}

impl AccessLog {
    /// `line` is whole, with its end.
    pub fn add(&self, line: &[u8]) {
        self.backlog.add(line);
    }

    /// Whether one more prediction that went well is to be logged. A million lines that say the same would fill the disk, and
    /// the metrics count them.
    pub fn takes_prediction(&self, now: Timestamp) -> bool {
        let second = now.unix_seconds();
        let is_taken = self.pace.admits(second);
        if !is_taken && self.pace.is_first_refused(second) {
            let most = self.pace.most;
            let at = now.text();
            let at = at.as_ref().map_or(&b""[..], |text| text.as_bytes());
            let line = format!(
                r#"{{"timestamp":"{}","level":"INFO","message":"more than {most} predictions within this second went well: those after them are not logged one by one","target":"{ACCESS}"}}"#,
                String::from_utf8_lossy(at)
            );
            self.add(format!("{line}\n").as_bytes());
        }
        is_taken
    }
}

/// So many in a second, and then none until the next one. Once there were so many, it is only read: nothing is contended.
#[derive(Default)]
struct Pace {
    most: u32,
    second: AtomicI64,
    taken: AtomicU32,
    /// The last second in which one was refused.
    refused: AtomicI64,
}

impl Pace {
    fn admits(&self, second: i64) -> bool {
        let seen = self.second.load(Ordering::Relaxed);
        if seen != second {
            let swapped =
                self.second
                    .compare_exchange(seen, second, Ordering::Relaxed, Ordering::Relaxed);
            if swapped.is_ok() {
                self.taken.store(0, Ordering::Relaxed);
            }
        }
        self.taken.load(Ordering::Relaxed) < self.most
            && self.taken.fetch_add(1, Ordering::Relaxed) < self.most
    }

    fn is_first_refused(&self, second: i64) -> bool {
        self.refused.load(Ordering::Relaxed) != second
            && self.refused.swap(second, Ordering::Relaxed) != second
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
        ACCESS_LOG.get_or_init(|| AccessLog {
            backlog: Arc::clone(&backlog),
            pace: Pace {
                most: config.access_log_rate,
                ..Pace::default()
            },
        });
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
    fn a_second_has_so_many_and_the_next_one_as_many_again() {
        let log = AccessLog {
            backlog: Arc::default(),
            pace: Pace {
                most: 3,
                ..Pace::default()
            },
        };
        let taken = |second: i64| {
            let at = Timestamp::from_unix_seconds(second).unwrap();
            (0..5).filter(|_| log.takes_prediction(at)).count()
        };
        assert_eq!([taken(1_700_000_000), taken(1_700_000_001)], [3, 3]);
        let waiting = log.backlog.lock();
        let text = String::from_utf8(waiting.bytes.clone()).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told: Vec<_> = lines.iter().map(|line| &line["timestamp"]).collect();
        assert_eq!(told, ["2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z"]);
        assert!(text.contains("more than 3 predictions"));
    }

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
