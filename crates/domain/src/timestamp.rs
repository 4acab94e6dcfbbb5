use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

/// How RFC 3339 has any moment that is written, filled in by [`Timestamp::text`].
const ZERO: [u8; 30] = *b"0000-00-00T00:00:00.000000000Z";
/// How many of these bytes stand before the fraction of a second.
const SECONDS: usize = 19;

/// A moment in UTC, to the microsecond (what Postgres keeps); RFC 3339 on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    pub const UNIX_EPOCH: Self = Self(OffsetDateTime::UNIX_EPOCH);

    /// Seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.unix_seconds() * 1000 + i64::from(self.0.millisecond())
    }

    /// `None` when the seconds are outside the years -9999 to 9999.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(seconds).ok().map(Self)
    }

    /// Saturates at the ends of the calendar.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(Duration::seconds(seconds)))
    }

    /// Negative when `earlier` is in fact later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).as_seconds_f64()
    }

    #[must_use]
    pub fn into_inner(self) -> OffsetDateTime {
        self.0
    }

    /// As it is displayed, for who writes many of them. `None` outside the years 0 to 9999, for which there is no such text.
    #[must_use]
    pub fn text(self) -> Option<TimestampText> {
        let Self(moment) = self;
        let (year, month, day) = moment.to_calendar_date();
        let year = u32::try_from(year).ok().filter(|year| *year < 10_000)?;
        let mut text = ZERO;
        let mut put = |place: usize, number: u32| {
            text[place] = b'0' + (number / 10) as u8;
            text[place + 1] = b'0' + (number % 10) as u8;
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, u8::from(month).into());
        put(8, day.into());
        put(11, moment.hour().into());
        put(14, moment.minute().into());
        put(17, moment.second().into());
        let mut nanos = moment.nanosecond();
        let mut end = SECONDS;
        if nanos > 0 {
            // Zeros at the end are left out.
            let mut digits = 9;
            while nanos % 10 == 0 {
                nanos /= 10;
                digits -= 1;
            }
            end += 1 + digits;
            for place in (SECONDS + 1..end).rev() {
                text[place] = b'0' + (nanos % 10) as u8;
                nanos /= 10;
            }
        }
        text[end] = b'Z';
        Some(TimestampText {
            text,
            length: end + 1,
        })
    }
}

/// A moment as RFC 3339 has it.
#[derive(Clone, Copy, Debug)]
pub struct TimestampText {
    text: [u8; ZERO.len()],
    length: usize,
}

impl TimestampText {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        let utc = moment.to_offset(UtcOffset::UTC);
        Self(
            utc.replace_nanosecond(utc.microsecond() * 1000)
                .unwrap_or(utc),
        )
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(moment: Timestamp) -> Self {
        moment.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text().ok_or(fmt::Error)?;
        f.write_str(str::from_utf8(text.as_bytes()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Self::from)
            .map_err(|_| format!("\"{text}\" is not an RFC 3339 time such as 2026-01-31T09:30:00Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
