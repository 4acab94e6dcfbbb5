//! One line per step, and one every ten seconds while it lasts.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

const TICK: Duration = Duration::from_secs(10);

/// A step under way, which may say what it is busy with.
pub(crate) struct Step {
    label: String,
    started: Instant,
    note: Arc<Mutex<String>>,
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

/// Runs one quiet step: `[verb] title ... outcome (1.2 s)`. `work` returns the outcome in a word or two.
pub(crate) fn step<T: Display>(
    verb: &str,
    title: &str,
    work: impl FnOnce(&Step) -> Result<T>,
) -> Result<T> {
    let step = Step::start(format!("[{verb}] {title}"));
    let result = work(&step);
    match &result {
        Ok(outcome) => step.end(outcome),
        Err(_) => step.end(&"failed"),
    }
    result
}

/// The heading of a step whose commands print by themselves.
pub(crate) fn heading(verb: &str, title: impl Display) {
    println!("[{verb}] {title}");
    flush();
}

/// `75.31 s` as `1 min 15 s`, `1.25 s` as `1.2 s`.
pub(crate) fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    format!(
        "{} min {} s",
        elapsed.as_secs() / 60,
        elapsed.as_secs() % 60
    )
}

impl Step {
    fn start(label: String) -> Self {
        println!("{label} ...");
        flush();
        let started = Instant::now();
        let note = Arc::new(Mutex::new(String::new()));
        let (stop, stopped) = mpsc::channel();
        let ticker = {
            let (label, note) = (label.clone(), Arc::clone(&note));
            thread::spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    let note = note.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let separator = if note.is_empty() { "" } else { " " };
                    let elapsed = duration(started.elapsed());
                    println!("{label} ...{separator}{note} ({elapsed} so far)");
                    flush();
                }
            })
        };
        Self {
            label,
            started,
            note,
            stop: Some(stop),
            ticker: Some(ticker),
        }
    }

    /// Says what the step does now, in the line that follows next.
    pub(crate) fn note(&self, note: impl Into<String>) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = note.into();
    }

    fn end(mut self, outcome: &impl Display) {
        self.stop_ticking();
        println!(
            "{} ... {outcome} ({})",
            self.label,
            duration(self.started.elapsed())
        );
        flush();
    }

    fn stop_ticking(&mut self) {
        drop(self.stop.take());
        if let Some(ticker) = self.ticker.take() {
            // It only prints; a panic in it has been reported already.
            ticker.join().ok();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.stop_ticking();
    }
}

fn flush() {
    // Nothing sensible is left to do when standard output is gone.
    std::io::stdout().flush().ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(120)), "0.1 s");
        assert_eq!(duration(Duration::from_secs(75)), "1 min 15 s");
        assert_eq!(duration(Duration::from_secs(3601)), "60 min 1 s");
    }
}
