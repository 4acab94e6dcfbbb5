//! Dates in tables, which are text there.

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use crate::datasets::TextFormat;

/// What [`moment`] reads, in words.
pub const EXPECTED: &str = "a date such as 2026-01-31 or 2026-01-31T09:30:00Z";

/// The Julian day of 1970-01-01.
const EPOCH: i32 = 2_440_588;
const DAY: f64 = 86_400.0;
/// Of a day.
const LAST_MOMENT: f64 = 86_399.999_999;

/// Seconds since 1970 of a date as ISO 8601 writes it, in UTC where it says no zone: `2026-01-31`, `2026/01/31`, `2026-01`,
/// `2026-01-31 09:30`, `2026-01-31T09:30:00.5+02:00`. None of any other text: nobody can know whether `01.02.2026` is in January.
#[must_use]
pub fn moment(text: &str) -> Option<f64> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let seconds = match time {
        Some(time) => of_day(time.trim())?,
        None => 0.0,
    };
    Some(f64::from(days(date)?) * DAY + seconds)
}

/// What a text is that [`moment`] reads.
#[must_use]
pub fn format(text: &str) -> TextFormat {
    if text.contains(':') {
        TextFormat::Timestamp
    } else {
        TextFormat::Date
    }
}

/// A moment as [`moment`] reads it, to the second.
#[must_use]
pub fn written(moment: f64, format: TextFormat) -> String {
    let Calendar { date, seconds } = Calendar::of(moment);
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let date = format!("{year:04}-{month:02}-{day:02}");
    match format {
        TextFormat::Date => date,
        TextFormat::Timestamp => {
            let seconds = seconds as u32;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            format!("{date}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
        }
    }
}

/// A number that a date has, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    Year,
    /// 1 to 12.
    Month,
    /// Of the month, 1 to 31.
    Day,
    /// 1 for Monday to 7 for Sunday.
    Weekday,
    /// 0 to 23.
    Hour,
    /// Days since 1970-01-01, with the time of day as a part of one.
    DaysSinceEpoch,
}

impl DatePart {
    pub const ALL: [Self; 6] = [
        Self::Year,
        Self::Month,
        Self::Day,
        Self::Weekday,
        Self::Hour,
        Self::DaysSinceEpoch,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
            Self::DaysSinceEpoch => "days_since_epoch",
        }
    }

    /// Of seconds since 1970. A moment outside of the years that there are dates of counts as the nearest of these.
    #[must_use]
    pub fn of(self, moment: f64) -> f64 {
        let Calendar { date, seconds } = Calendar::of(moment);
        match self {
            Self::Year => date.year().into(),
            Self::Month => u8::from(date.month()).into(),
            Self::Day => date.day().into(),
            Self::Weekday => date.weekday().number_from_monday().into(),
            Self::Hour => (seconds / 3600.0).floor(),
            Self::DaysSinceEpoch => f64::from(date.to_julian_day() - EPOCH) + seconds / DAY,
        }
    }
}

struct Calendar {
    date: Date,
    /// Since midnight.
    seconds: f64,
}

impl Calendar {
    fn of(moment: f64) -> Self {
        let days = (moment / DAY).floor();
        let seconds = moment - days * DAY;
        let (first, last) = (Date::MIN.to_julian_day(), Date::MAX.to_julian_day());
        let day = (days as i32).saturating_add(EPOCH).clamp(first, last);
        Self {
            date: Date::from_julian_day(day).unwrap_or(Date::MIN),
            seconds: if seconds.is_nan() {
                0.0
            } else {
                seconds.clamp(0.0, LAST_MOMENT)
            },
        }
    }
}

fn days(date: &str) -> Option<i32> {
    let separator = if date.contains('/') { '/' } else { '-' };
    let mut parts = date.split(separator);
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = match parts.next() {
        Some(day) => digits(day, 2)?,
        None => 1,
    };
    if parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
    Some(date.to_julian_day() - EPOCH)
}

/// Since midnight in UTC.
fn of_day(time: &str) -> Option<f64> {
    let (clock, east) = zone(time)?;
    let mut parts = clock.trim_end().split(':');
    let hours = below(digits(parts.next()?, 2)?, 24)?;
    let minutes = below(digits(parts.next()?, 2)?, 60)?;
    let seconds = match parts.next() {
        Some(seconds) => of_minute(seconds)?,
        None => 0.0,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(f64::from(hours * 3600 + minutes * 60 - east) + seconds)
}

/// The rest, and how many seconds its clocks are ahead of UTC's.
fn zone(time: &str) -> Option<(&str, i32)> {
    for utc in ["Z", "z", "UTC"] {
        if let Some(clock) = time.strip_suffix(utc) {
            return Some((clock, 0));
        }
    }
    let Some(place) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, offset) = time.split_at(place);
    let (sign, offset) = match offset.strip_prefix('-') {
        Some(offset) => (-1, offset),
        None => (1, &offset[1..]),
    };
    let (hours, minutes) = match (offset.split_once(':'), offset.len()) {
        (Some(parts), _) => parts,
        (None, 4) => offset.split_at_checked(2)?,
        (None, _) => (offset, "00"),
    };
    let hours = below(digits(hours, 2)?, 24)?;
    let minutes = below(digits(minutes, 2)?, 60)?;
    Some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// With the 60 of a leap second.
fn of_minute(seconds: &str) -> Option<f64> {
    let (whole, part) = match seconds.split_once(['.', ',']) {
        Some((whole, part)) => (whole, Some(part)),
        None => (seconds, None),
    };
    let whole = f64::from(below(digits(whole, 2)?, 61)?);
    match part {
        None => Some(whole),
        Some(part) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(whole + format!("0.{part}").parse::<f64>().ok()?)
        }
        Some(_) => None,
    }
}

fn below(number: i32, limit: i32) -> Option<i32> {
    (number < limit).then_some(number)
}

fn digits(text: &str, count: usize) -> Option<i32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_date_is_what_iso_8601_says() {
        for (text, seconds) in [
            ("1970-01-01", 0.0),
            ("1970-01-02", 86_400.0),
            ("1969-12-31", -86_400.0),
            ("1970/01/02", 86_400.0),
            ("1970-02", 31.0 * 86_400.0),
            (" 1970-01-01 00:01 ", 60.0),
            ("1970-01-01T00:00:01.5", 1.5),
            ("1970-01-01t00:00:01,25z", 1.25),
            ("1970-01-01 02:00:00+02:00", 0.0),
            ("1970-01-01 02:00:00 +0200", 0.0),
            ("1970-01-01T00:00:00-01", 3600.0),
            ("1970-01-01 00:00:00 UTC", 0.0),
            ("2000-02-29T23:59:60Z", 951_868_800.0),
        ] {
            assert_eq!(moment(text), Some(seconds), "{text:?}");
        }
    }

    #[test]
    fn nothing_else_is_a_date() {
        for text in [
            "",
            "2026",
            "01.02.2026",
            "01/02/2026",
            "1/2/26",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "2026-01-01-01",
            "2026-01-01T",
            "2026-01-01T24:00",
            "2026-01-01T09:60",
            "2026-01-01T09:30:",
            "2026-01-01T09:30:00.",
            "2026-01-01T09:30:00+2",
            "2026-01-01T09:30:00+25:00",
            "2026-01-01 noon",
            "-2026-01-01",
            "09:30:00",
            "2026-01-01T09:30+ü1",
            "yesterday",
        ] {
            assert_eq!(moment(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_parts_of_a_date_are_those_of_the_calendar() {
        let of = |text: &str| -> Vec<f64> {
            let moment = moment(text).unwrap();
            DatePart::ALL.iter().map(|part| part.of(moment)).collect()
        };
        assert_eq!(of("1970-01-01"), vec![1970.0, 1.0, 1.0, 4.0, 0.0, 0.0]);
        let leap = of("2024-02-29T18:00:00Z");
        assert_eq!(leap, vec![2024.0, 2.0, 29.0, 4.0, 18.0, 19_782.75]);
        assert_eq!(
            of("1969-12-31 23:59")[..5].to_vec(),
            vec![1969.0, 12.0, 31.0, 3.0, 23.0]
        );
        assert_eq!(DatePart::Year.of(f64::MAX) as i32, 9999);
        assert_eq!(DatePart::Year.of(f64::MIN) as i32, -9999);
        assert!(
            DatePart::ALL
                .iter()
                .all(|part| part.of(f64::NAN).is_finite())
        );
    }

    proptest! {
        #[test]
        fn a_moment_that_is_written_is_read_as_the_same(seconds in -62_135_596_800_i64..253_402_300_800) {
            let text = written(seconds as f64, TextFormat::Timestamp);
            prop_assert_eq!(moment(&text), Some(seconds as f64));
            let day = written(seconds as f64, TextFormat::Date);
            prop_assert_eq!(moment(&day), Some((seconds as f64 / DAY).floor() * DAY));
        }

        #[test]
        fn the_moments_that_we_write_are_read(seconds in -62_135_596_800_i64..253_402_300_800) {
            let written = Timestamp::from_unix_seconds(seconds).unwrap().to_string();
            prop_assert_eq!(moment(&written), Some(seconds as f64));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9T :+./ü-]{0,30}") {
            prop_assert!(moment(&text).is_none_or(f64::is_finite));
        }
    }
}
