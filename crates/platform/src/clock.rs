use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Timestamp;
use time::OffsetDateTime;

/// Where the time comes from. Nothing else reads the wall clock, so a test can set any moment.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Microseconds since the Unix epoch; moves only when told.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now`; clones move together.
    pub fn fixed(now: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(micros(now))))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the clock that all others are told to use"
            )]
            Self::System => OffsetDateTime::now_utc().into(),
            Self::Fixed(clock) => {
                let nanos = i128::from(clock.load(Ordering::SeqCst)) * 1000;
                OffsetDateTime::from_unix_timestamp_nanos(nanos)
                    .unwrap_or(OffsetDateTime::UNIX_EPOCH)
                    .into()
            }
        }
    }

    /// Moves a fixed clock forward; does nothing to the system's.
    pub fn advance(&self, seconds: i64) {
        if let Self::Fixed(clock) = self {
            clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }
}

fn micros(moment: Timestamp) -> i64 {
    i64::try_from(moment.into_inner().unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}
