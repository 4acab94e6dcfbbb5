//! How much memory models may take that no deployment keeps loaded: those that nobody asks for go after a while, and of the
//! others those that were asked for longest ago when there is no room for all.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;

use crate::snapshot::Snapshot;
use crate::versions::Version;

#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For all versions that no deployment keeps loaded.
    pub bytes: usize,
    /// A version that no deployment serves, and nobody asked for, is kept so long.
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

/// Lets go what has been idle too long, and then as much as does not fit. What was asked for last stays, whatever its
/// size: somebody waits for it.
pub(crate) fn make(room: Room, snapshot: &Snapshot, now: Timestamp) -> Loaded {
    let mut loaded = Loaded::default();
    let (served, now) = (snapshot.idle(), now.unix_millis());
    let mut others: Vec<&Arc<Version>> = Vec::new();
    let versions = snapshot.versions();
    for version in versions.filter(|version| version.is_loaded()) {
        let idle = match served.get(&version.id) {
            Some(idle) => *idle,
            None => Some(room.idle),
        };
        match idle {
            Some(idle) if version.needed() < now.saturating_sub(millis(idle)) => {
                version.unload();
                loaded.idle += 1;
                continue;
            }
            Some(_) => others.push(version),
            None => {}
        }
        loaded.versions += 1;
        loaded.bytes += version.bytes();
    }
    others.sort_by_key(|version| version.used());
    let mut kept: usize = others.iter().map(|version| version.bytes()).sum();
    let last = others.last().map(|version| version.used());
    for version in others {
        if kept <= room.bytes || Some(version.used()) == last {
            break;
        }
        let bytes = version.bytes();
        version.unload();
        kept -= bytes;
        loaded.bytes -= bytes;
        loaded.versions -= 1;
        loaded.crowded_out += 1;
    }
    loaded
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
