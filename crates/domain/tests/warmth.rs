//! When a deployment is loaded ahead: see `domain::warmth`.
#![allow(clippy::unwrap_used, reason = "what a test stands on has to be there")]

use domain::Timestamp;
use domain::warmth::{AHEAD, LEAST_WEEKS, PastHour, WEEKS, coming, is_expected, weeks_before};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_hour_is_coming_in_the_five_minutes_before_it() {
    for (now, hour) in [
        ("2026-02-05T09:54:59Z", None),
        ("2026-02-05T09:55:00Z", Some("2026-02-05T10:00:00Z")),
        ("2026-02-05T09:59:59.5Z", Some("2026-02-05T10:00:00Z")),
        ("2026-02-05T10:00:00Z", None),
        ("2026-12-31T23:56:00Z", Some("2027-01-01T00:00:00Z")),
    ] {
        assert_eq!(coming(at(now)), hour.map(at), "{now}");
    }
}

#[test]
fn half_of_the_weeks_on_record_are_a_habit() {
    let hour = at("2026-02-05T10:00:00Z");
    let is_expected = |since: &str, busy: [bool; WEEKS]| {
        let weeks = weeks_before(hour).into_iter().zip(busy);
        let weeks: Vec<_> = weeks
            .map(|(began, had_requests)| PastHour {
                began,
                had_requests,
            })
            .collect();
        is_expected(at(since), &weeks)
    };
    let long_ago = "2025-01-01T00:00:00Z";
    assert!(is_expected(long_ago, [true, true, false, false]));
    assert!(is_expected(long_ago, [false, false, true, true]));
    assert!(!is_expected(long_ago, [true, false, false, false]));
    // Made at half past ten three weeks ago: two weeks are on record.
    let young = "2026-01-15T10:30:00Z";
    assert!(is_expected(young, [true, false, false, false]));
    assert!(!is_expected(young, [false, false, true, true]));
    let newborn = "2026-01-22T10:30:00Z";
    assert!(!is_expected(newborn, [true; WEEKS]), "one week is no habit");
}

proptest! {
    #[test]
    fn the_coming_hour_is_whole_and_near(seconds in 0_i64..4_000_000_000) {
        let now = Timestamp::from_unix_seconds(seconds).unwrap();
        match coming(now) {
            Some(hour) => {
                let left = hour.unix_seconds() - seconds;
                prop_assert!(left > 0 && left <= AHEAD);
                prop_assert_eq!(hour.unix_seconds() % 3600, 0);
                for (week, before) in weeks_before(hour).iter().enumerate() {
                    let back = (week as i64 + 1) * 7 * 86_400;
                    prop_assert_eq!(hour.unix_seconds() - before.unix_seconds(), back);
                }
            }
            None => prop_assert!(3600 - seconds % 3600 > AHEAD),
        }
    }

    /// More requests make it no less likely, the order of the weeks does not matter, and what was before the deployment
    /// says nothing of it.
    #[test]
    fn more_requests_never_make_it_less_likely(
        busy in proptest::collection::vec(any::<bool>(), 0..12),
        since in 0_usize..12,
        added in 0_usize..12,
    ) {
        let hour = |week: usize| Timestamp::from_unix_seconds(week as i64 * 604_800).unwrap();
        let weeks: Vec<_> = busy.iter().enumerate().map(|(week, had_requests)| PastHour {
            began: hour(week),
            had_requests: *had_requests,
        }).collect();
        let expected = is_expected(hour(since), &weeks);
        let on_record = weeks.get(since..).unwrap_or_default();
        prop_assert_eq!(expected, is_expected(hour(0), on_record));
        prop_assert!(!expected || on_record.len() >= LEAST_WEEKS);
        let mut reversed = weeks.clone();
        reversed.reverse();
        prop_assert_eq!(expected, is_expected(hour(since), &reversed));
        let mut busier = weeks;
        if let Some(week) = busier.get_mut(added) {
            week.had_requests = true;
        }
        prop_assert!(!expected || is_expected(hour(since), &busier));
    }
}
