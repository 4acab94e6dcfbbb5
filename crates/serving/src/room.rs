//! How much memory models may take that no deployment serves: those that were asked for longest ago go first.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;

use crate::snapshot::Snapshot;
use crate::versions::Version;

#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For all versions that no deployment serves.
    pub bytes: usize,
    /// A version that nobody asked for is kept so long.
    pub idle: Duration,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            idle: Duration::from_mins(5),
        }
    }
}

/// What is loaded, and what was just let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub versions: usize,
    pub bytes: usize,
    /// Let go because nobody had asked for them.
    pub idle: usize,
    /// Let go to make room.
    pub crowded_out: usize,
}

/// Lets go what has been idle too long, and then as much as does not fit. The one that was asked for last stays, whatever
/// its size: somebody waits for it.
pub(crate) fn make(room: Room, snapshot: &Snapshot, now: Timestamp) -> Loaded {
    let mut loaded = Loaded::default();
    let mut others: Vec<&Arc<Version>> = Vec::new();
    for (version, is_served) in snapshot
        .versions()
        .filter(|(version, _)| version.is_loaded())
    {
        loaded.versions += 1;
        loaded.bytes += version.bytes();
        if !is_served {
            others.push(version);
        }
    }
    others.sort_by_key(|version| version.used());
    let mut kept: usize = others.iter().map(|version| version.bytes()).sum();
    let oldest = now
        .unix_millis()
        .saturating_sub(i64::try_from(room.idle.as_millis()).unwrap_or(i64::MAX));
    let last = others.len().saturating_sub(1);
    for (place, version) in others.into_iter().enumerate() {
        let is_idle = version.used() < oldest;
        if !is_idle && (kept <= room.bytes || place == last) {
            break;
        }
        let bytes = version.bytes();
        version.unload();
        kept -= bytes;
        loaded.bytes -= bytes;
        loaded.versions -= 1;
        *(if is_idle {
            &mut loaded.idle
        } else {
            &mut loaded.crowded_out
        }) += 1;
    }
    loaded
}
