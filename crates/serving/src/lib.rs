//! Predictions from memory. A request takes one snapshot and finds all in it: keys, limits, deployments, models. No
//! database, no HTTP, and no lock is held while another request waits for it.
//!
//! [`Snapshot`] is what is served; [`predict`] answers a request from it; [`Recorder`] counts what happened.

pub mod batcher;
pub mod dialects;
pub mod gate;
pub mod keys;
pub mod limits;
pub mod predict;
pub mod predictions;
mod random;
pub mod recorder;
pub mod remote;
pub mod request;
pub mod room;
pub mod snapshot;
pub mod tokens;
pub mod usage;
pub mod versions;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use domain::Timestamp;
use domain::api_keys::RateLimit;
use domain::budgets::Budget;
use domain::ids::ApiKeyId;

pub use limits::AddressLimit;
pub use recorder::Recorder;
pub use room::{Loaded, Room};
pub use snapshot::Snapshot;
pub use tokens::Tokens;
use usage::KeyUsage;

/// A snapshot that could not be compared with the database for longer than this answers nothing: a key in it may have
/// been revoked since.
pub const MAX_AGE: Duration = Duration::from_mins(1);

#[derive(Clone, Debug)]
pub struct Options {
    /// Share of the predictions that is logged, 0 to 1.
    pub log_share: f64,
    /// Inputs whose values are not logged.
    pub log_redacted: Vec<String>,
    /// For versions that no deployment keeps loaded.
    pub room: Room,
    /// Requests of one client address, whoever it says it is.
    pub address_limit: RateLimit,
    /// Wrong keys and unknown tokens of one client address.
    pub refusal_limit: RateLimit,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_share: 0.01,
            log_redacted: Vec::new(),
            room: Room::default(),
            address_limit: RateLimit {
                requests: 1_000_000,
                per_seconds: 10,
            },
            refusal_limit: RateLimit {
                requests: 600,
                per_seconds: 60,
            },
        }
    }
}

/// What a process serves, and what it has counted.
#[derive(Debug)]
pub struct Serving {
    snapshot: ArcSwap<Snapshot>,
    started: Instant,
    /// How many snapshots there have been before the present one.
    serial: AtomicU64,
    /// Milliseconds from `started` to when the snapshot was last known to be what the database says; 0 before the first.
    confirmed: AtomicU64,
    pub recorder: Recorder,
    pub tokens: Tokens,
    pub addresses: AddressLimit,
    pub refusals: AddressLimit,
    room: Room,
    /// Held while an artifact is loaded that somebody asked for.
    pub loading: tokio::sync::Mutex<()>,
}

impl Default for Serving {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Serving {
    pub fn new(options: Options) -> Self {
        Self {
            snapshot: ArcSwap::default(),
            started: Instant::now(),
            serial: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            recorder: Recorder::new(options.log_share, options.log_redacted),
            tokens: Tokens::default(),
            addresses: AddressLimit::new(options.address_limit),
            refusals: AddressLimit::new(options.refusal_limit),
            room: options.room,
            loading: tokio::sync::Mutex::new(()),
        }
    }

    /// For the length of a request that does not wait meanwhile.
    #[inline]
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// To keep over an `await`.
    pub fn snapshot_owned(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Requests that start from now on are answered from `next`.
    pub fn swap(&self, next: Snapshot) {
        self.snapshot.store(Arc::new(next));
        self.serial.fetch_add(1, Ordering::Release);
        self.confirm();
    }

    /// The present snapshot's number. Whatever is found in a snapshot after it was asked for is as new as that number, or newer.
    #[inline]
    pub fn serial(&self) -> u64 {
        self.serial.load(Ordering::Acquire)
    }

    /// The present snapshot is what the database says now.
    pub fn confirm(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed.store(millis.max(1), Ordering::Release);
    }

    /// Whether the snapshot may still be believed: see [`MAX_AGE`].
    pub fn is_current(&self, now: Instant) -> bool {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        confirmed > 0
            && now.saturating_duration_since(self.started)
                <= Duration::from_millis(confirmed) + MAX_AGE
    }

    /// Lets go of versions that no deployment keeps loaded and nobody asks for, or for which there is no room.
    pub fn make_room(&self, now: Timestamp) -> Loaded {
        room::make(self.room, &self.snapshot(), now)
    }

    /// What keys have sent, each line of them once, with the budget that they share.
    pub fn key_usage(&self) -> Vec<(Arc<KeyUsage>, Option<Budget>)> {
        let snapshot = self.snapshot.load();
        let mut lines = HashMap::new();
        for key in snapshot.keys() {
            lines
                .entry(key.usage.line)
                .or_insert_with(|| (Arc::clone(&key.usage), key.budget));
        }
        lines.into_values().collect()
    }

    /// When and from where keys were last used, each once.
    pub fn take_key_uses(&self) -> Vec<(ApiKeyId, Timestamp, IpAddr)> {
        let snapshot = self.snapshot.load();
        snapshot
            .keys()
            .filter_map(|key| key.take_use().map(|(at, address)| (key.id, at, address)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_believed_for_a_minute_without_the_database() {
        let serving = Serving::default();
        let now = Instant::now();
        assert!(!serving.is_current(now), "nothing has been read yet");
        serving.swap(Snapshot::default());
        assert!(serving.is_current(now + Duration::from_secs(59)));
        assert!(!serving.is_current(now + Duration::from_secs(62)));
    }
}
