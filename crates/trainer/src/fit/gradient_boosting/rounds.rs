//! perpetual has no callback: it says how it does through the `log` crate alone.

use std::cell::RefCell;
use std::sync::Once;
use std::sync::mpsc::Sender;

use log::{LevelFilter, Log, Metadata, Record};

/// Every how many rounds it says something.
pub(super) const STEP: usize = 10;

pub(super) enum Round {
    /// The round of this number, from 0, left this mean of squares on the training rows.
    Done {
        number: usize,
        loss: f64,
    },
    OutOfMemory,
    OutOfTime,
}

thread_local! {
    static LISTENER: RefCell<Option<Sender<Round>>> = const { RefCell::new(None) };
}

struct Ear;

static EAR: Ear = Ear;
static START: Once = Once::new();

/// Does `work`, and sends what perpetual says of it on this thread. Where the process has a logger already, nothing is sent.
pub(super) fn tell<T>(listener: Sender<Round>, work: impl FnOnce() -> T) -> T {
    START.call_once(|| {
        if log::set_logger(&EAR).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    });
    LISTENER.set(Some(listener));
    let done = work();
    LISTENER.set(None);
    done
}

impl Log for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("perpetual")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        LISTENER.with_borrow(|listener| {
            if let Some(listener) = listener
                && let Some(round) = read(&record.args().to_string())
            {
                // Nobody listens any more: the run is over.
                let _ = listener.send(round);
            }
        });
    }

    fn flush(&self) {}
}

fn read(message: &str) -> Option<Round> {
    if message.starts_with("Reached memory limit") {
        return Some(Round::OutOfMemory);
    }
    if message.starts_with("Reached timeout") {
        return Some(Round::OutOfTime);
    }
    let (number, rest) = message.strip_prefix("round ")?.split_once(',')?;
    let (_, loss) = rest.rsplit_once("loss: ")?;
    Some(Round::Done {
        number: number.parse().ok()?,
        // Short numbers come with blanks before them.
        loss: loss.trim().parse().ok()?,
    })
}
