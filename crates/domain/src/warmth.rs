//! When a deployment is loaded ahead of its requests: it is let go between them, and they come at the same hour of the week.

use crate::Timestamp;

/// How long before an hour begins what it is likely to need is loaded, in seconds.
pub const AHEAD: i64 = 5 * 60;
/// How many weeks are looked back.
pub const WEEKS: usize = 4;
/// Fewer weeks on record show no habit.
pub const LEAST_WEEKS: usize = 2;

const HOUR: i64 = 3600;
const WEEK: i64 = 7 * 24 * HOUR;

/// The hour (UTC) that begins within [`AHEAD`] seconds, if one does.
#[must_use]
pub fn coming(now: Timestamp) -> Option<Timestamp> {
    let seconds = now.unix_seconds();
    let past = seconds.rem_euclid(HOUR);
    (past >= HOUR - AHEAD).then(|| Timestamp::UNIX_EPOCH.plus_seconds(seconds - past + HOUR))
}

/// When the same hour of the week began in the weeks before, the last one first.
#[must_use]
pub fn weeks_before(hour: Timestamp) -> [Timestamp; WEEKS] {
    let mut weeks = [hour; WEEKS];
    for (week, back) in weeks.iter_mut().zip(1..) {
        *week = hour.plus_seconds(-back * WEEK);
    }
    weeks
}

/// An hour that is over, of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastHour {
    pub began: Timestamp,
    pub had_requests: bool,
}

/// Whether requests are likely at an hour of the week: at least half of the weeks on record had some then, and at least
/// [`LEAST_WEEKS`] are. `since`: when the deployment was made; an hour that began before is not on record.
#[must_use]
pub fn is_expected(since: Timestamp, weeks: &[PastHour]) -> bool {
    let on_record = || weeks.iter().filter(|hour| hour.began >= since);
    let busy = on_record().filter(|hour| hour.had_requests).count();
    let all = on_record().count();
    all >= LEAST_WEEKS && busy * 2 >= all
}
