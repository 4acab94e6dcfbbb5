//! How many requests a key may send in a day or a month, both of UTC.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use time::{Date, Duration, UtcOffset};

use crate::Timestamp;

/// So many requests in every day or month, and none after them until the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
// A request with a field too many is refused; an answer may have one that this page does not know.
#[cfg_attr(not(target_arch = "wasm32"), serde(deny_unknown_fields))]
pub struct Budget {
    /// 1 to 1,000,000,000,000.
    pub requests: u64,
    pub per: BudgetPeriod,
    /// Requests over it are refused. Without, they are answered and counted.
    #[serde(default = "is_hard")]
    pub hard: bool,
}

impl Budget {
    pub const MOST_REQUESTS: u64 = 1_000_000_000_000;
}

fn is_hard() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    Day,
    Month,
}

impl BudgetPeriod {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period that holds `now`.
    #[must_use]
    pub fn first_day(self, now: Timestamp) -> Date {
        let day = now.into_inner().to_offset(UtcOffset::UTC).date();
        match self {
            Self::Day => day,
            Self::Month => first_of_month(day),
        }
    }

    /// When the next period begins.
    #[must_use]
    pub fn end(self, now: Timestamp) -> Timestamp {
        let first = self.first_day(now);
        // The calendar's last period has no next one.
        let next = match self {
            Self::Day => first.next_day().unwrap_or(Date::MAX),
            // No month is longer, and none so short that this skips one.
            Self::Month => first_of_month(first.saturating_add(Duration::days(31))),
        };
        next.midnight().assume_utc().into()
    }
}

fn first_of_month(day: Date) -> Date {
    // Every month has a first.
    day.replace_day(1).unwrap_or(day)
}

impl fmt::Display for BudgetPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BudgetPeriod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err("day or month".to_owned()),
        }
    }
}

// By hand: a derived one would cost every page of the dashboard its bytes.
impl<'de> Deserialize<'de> for BudgetPeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a key, and those it was rotated from, have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests since midnight, UTC.
    pub today: u64,
    /// Requests since the first of the month, UTC.
    pub this_month: u64,
}

impl Usage {
    #[must_use]
    pub fn of(self, period: BudgetPeriod) -> u64 {
        match period {
            BudgetPeriod::Day => self.today,
            BudgetPeriod::Month => self.this_month,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PERIODS: [BudgetPeriod; 2] = [BudgetPeriod::Day, BudgetPeriod::Month];

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for (now, end) in [
            ("2027-01-31T23:59:59Z", "2027-02-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(BudgetPeriod::Month.end(now).to_string(), end);
        }
    }

    proptest! {
        #[test]
        fn periods_follow_one_another_without_a_gap(seconds in 0_i64..4_000_000_000) {
            let now = Timestamp::from_unix_seconds(seconds).unwrap();
            for period in PERIODS {
                let first: Timestamp = period.first_day(now).midnight().assume_utc().into();
                let end = period.end(now);
                prop_assert!(first <= now && now < end);
                prop_assert_eq!(period.end(end.plus_seconds(-1)), end);
                prop_assert_eq!(period.first_day(end), end.into_inner().date());
            }
        }
    }
}
