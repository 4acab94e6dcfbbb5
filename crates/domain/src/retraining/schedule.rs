//! When something happens again and again: five fields as cron has them, in UTC.

use time::{Date, Duration, Month, OffsetDateTime, Time};

use crate::Timestamp;

/// The 29th of February comes after eight years at the latest.
const HORIZON_DAYS: u32 = 366 * 8 + 2;
/// Longest text that is read.
const LONGEST: usize = 200;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Minute, hour, day of the month, month and weekday. Where both days are told, either is enough, as cron has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    is_any_day: bool,
    is_any_weekday: bool,
}

/// One of the five.
struct Part {
    name: &'static str,
    low: u8,
    /// What a star ends with.
    last: u8,
    /// What may be written; a Sunday is 0 and 7.
    high: u8,
    words: &'static [&'static str],
}

const PARTS: [Part; 5] = [
    Part {
        name: "minute",
        low: 0,
        last: 59,
        high: 59,
        words: &[],
    },
    Part {
        name: "hour",
        low: 0,
        last: 23,
        high: 23,
        words: &[],
    },
    Part {
        name: "day of the month",
        low: 1,
        last: 31,
        high: 31,
        words: &[],
    },
    Part {
        name: "month",
        low: 1,
        last: 12,
        high: 12,
        words: &MONTHS,
    },
    Part {
        name: "weekday",
        low: 0,
        last: 6,
        high: 7,
        words: &WEEKDAYS,
    },
];

impl Schedule {
    /// # Errors
    /// What would have been right, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(format!("at most {LONGEST} characters"));
        }
        if text.starts_with('@') {
            let known = NICKNAMES
                .iter()
                .find(|(name, _)| text.eq_ignore_ascii_case(name));
            return match known {
                Some((_, fields)) => Self::parse(fields),
                None => Err(format!(
                    "five fields such as 0 3 * * *, or one of {}",
                    NICKNAMES.map(|(name, _)| name).join(", ")
                )),
            };
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "five fields in UTC, minute hour day month weekday, such as 0 3 * * * for every day at 03:00; these are {}",
                fields.len()
            ));
        };
        let [of_minute, of_hour, of_day, of_month, of_weekday] = &PARTS;
        let weekdays = of_weekday.read(weekday)?;
        let schedule = Self {
            minutes: of_minute.read(minute)?,
            hours: of_hour.read(hour)?,
            days: of_day.read(day)?,
            months: of_month.read(month)?,
            weekdays: weekdays | ((weekdays >> 7) & 1),
            is_any_day: day == "*",
            is_any_weekday: weekday == "*",
        };
        if schedule.next_after(Timestamp::UNIX_EPOCH).is_none() {
            return Err(format!(
                "a day that there is: month {month} has no day {day}"
            ));
        }
        Ok(schedule)
    }

    /// The first moment after `at`. `None` at the end of the calendar.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let at = at.into_inner();
        let mut date = at.date();
        // The minute that runs has begun already.
        let mut from = minute_of(at) + 1;
        for _ in 0..HORIZON_DAYS {
            if self.has_day(date)
                && let Some(minute) = self.minute_from(from)
            {
                let time = Time::from_hms((minute / 60) as u8, (minute % 60) as u8, 0).ok()?;
                return Some(OffsetDateTime::new_utc(date, time).into());
            }
            date = date.next_day()?;
            from = 0;
        }
        None
    }

    /// The next `count` moments after `at`.
    #[must_use]
    pub fn upcoming(&self, at: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(at), |at| self.next_after(*at))
            .take(count)
            .collect()
    }

    /// The last moment after `after` and not after `now`, with how many came before it: at most `most` are counted.
    #[must_use]
    pub fn last_within(
        &self,
        after: Timestamp,
        now: Timestamp,
        most: u32,
    ) -> Option<(Timestamp, u32)> {
        let first = self.next_after(after).filter(|first| *first <= now)?;
        let mut last = first;
        let mut before = 0;
        while let Some(next) = self.next_after(last).filter(|next| *next <= now) {
            before += 1;
            last = next;
            if before >= most {
                return Some((self.last_before(now).unwrap_or(last), most));
            }
        }
        Some((last, before))
    }

    /// The last moment not after `now`, within the horizon.
    fn last_before(&self, now: Timestamp) -> Option<Timestamp> {
        let at = now.into_inner();
        let mut date = at.date();
        let mut until = minute_of(at);
        for _ in 0..HORIZON_DAYS {
            if self.has_day(date)
                && let Some(minute) = (0..=until).rev().find(|minute| self.has_minute(*minute))
            {
                let time = Time::from_hms((minute / 60) as u8, (minute % 60) as u8, 0).ok()?;
                return Some(OffsetDateTime::new_utc(date, time).into());
            }
            date = date.checked_sub(Duration::days(1))?;
            until = 24 * 60 - 1;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let has = |bits: u64, place: u8| (bits >> place) & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().number_days_from_sunday());
        let fits = if self.is_any_day || self.is_any_weekday {
            day && weekday
        } else {
            day || weekday
        };
        fits && has(self.months, month_number(date.month()))
    }

    fn has_minute(&self, minute: usize) -> bool {
        (self.hours >> (minute / 60)) & 1 == 1 && (self.minutes >> (minute % 60)) & 1 == 1
    }

    /// Of a day's minutes.
    fn minute_from(&self, from: usize) -> Option<usize> {
        (from..24 * 60).find(|minute| self.has_minute(*minute))
    }
}

/// Of its day.
fn minute_of(at: OffsetDateTime) -> usize {
    usize::from(at.hour()) * 60 + usize::from(at.minute())
}

fn month_number(month: Month) -> u8 {
    month.into()
}

impl Part {
    /// The numbers that a field stands for, as bits.
    fn read(&self, field: &str) -> Result<u64, String> {
        let mut bits = 0_u64;
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, self.step(step, item)?),
                None => (item, 1),
            };
            let (from, to) = if range == "*" {
                (self.low, self.last)
            } else if let Some((from, to)) = range.split_once('-') {
                (self.number(from, item)?, self.number(to, item)?)
            } else {
                let from = self.number(range, item)?;
                (from, if item.contains('/') { self.last } else { from })
            };
            if from > to {
                return Err(self.expected(item, "ranges that go up"));
            }
            for number in (from..=to).step_by(step) {
                bits |= 1 << number;
            }
        }
        Ok(bits)
    }

    fn step(&self, text: &str, item: &str) -> Result<usize, String> {
        text.parse()
            .ok()
            .filter(|step| (1..=usize::from(self.high)).contains(step))
            .ok_or_else(|| self.expected(item, "steps from 1 up"))
    }

    fn number(&self, text: &str, item: &str) -> Result<u8, String> {
        let word = self
            .words
            .iter()
            .position(|word| word.eq_ignore_ascii_case(text));
        let number = match word {
            Some(place) => u8::try_from(place).ok().map(|place| place + self.low),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        number
            .filter(|number| (self.low..=self.high).contains(number))
            .ok_or_else(|| {
                let words = match self.words {
                    [first, .., last] => format!(" or {first} to {last}"),
                    _ => String::new(),
                };
                self.expected(
                    item,
                    &format!("numbers from {} to {}{words}", self.low, self.high),
                )
            })
    }

    fn expected(&self, item: &str, what: &str) -> String {
        format!("{what} in the field of the {}, got {item:?}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(schedule: &str, from: &str) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        schedule.next_after(at(from)).unwrap().to_string()
    }

    #[test]
    fn the_usual_ones() {
        let from = "2026-01-15T09:00:30Z"; // a Thursday
        for (schedule, expected) in [
            ("* * * * *", "2026-01-15T09:01:00Z"),
            ("*/15 * * * *", "2026-01-15T09:15:00Z"),
            ("0 3 * * *", "2026-01-16T03:00:00Z"),
            ("0 9 * * *", "2026-01-16T09:00:00Z"),
            ("0 3 * * 1", "2026-01-19T03:00:00Z"),
            ("0 3 * * MON-FRI", "2026-01-16T03:00:00Z"),
            ("0 3 * * 7", "2026-01-18T03:00:00Z"),
            ("0 3 * * 5-7", "2026-01-16T03:00:00Z"),
            ("0 3 1 * *", "2026-02-01T03:00:00Z"),
            ("0 3 31 * *", "2026-01-31T03:00:00Z"),
            ("0 3 29 2 *", "2028-02-29T03:00:00Z"),
            ("30 4 1,15 * 5", "2026-01-16T04:30:00Z"),
            ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
            ("5/20 9 * * *", "2026-01-15T09:05:00Z"),
            ("@monthly", "2026-02-01T00:00:00Z"),
            ("@Weekly", "2026-01-18T00:00:00Z"),
        ] {
            assert_eq!(next(schedule, from), expected, "{schedule}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (schedule, expected) in [
            ("", "these are 0"),
            ("0 3 * *", "these are 4"),
            ("0 3 * * * *", "these are 6"),
            (
                "60 3 * * *",
                "numbers from 0 to 59 in the field of the minute",
            ),
            (
                "0 24 * * *",
                "numbers from 0 to 23 in the field of the hour",
            ),
            ("0 3 0 * *", "numbers from 1 to 31 in the field of the day"),
            (
                "0 3 * 13 *",
                "1 to 12 or jan to dec in the field of the month",
            ),
            (
                "0 3 * * 8",
                "0 to 7 or sun to sat in the field of the weekday",
            ),
            ("0 3 * * L", "sun to sat"),
            ("5-1 3 * * *", "ranges that go up"),
            ("*/0 3 * * *", "steps from 1 up"),
            ("+5 3 * * *", "numbers from 0 to 59"),
            (", 3 * * *", "numbers from 0 to 59"),
            ("0 3 30 2 *", "month 2 has no day 30"),
            ("@fortnightly", "@hourly, @daily"),
            ("99999999999999999999 3 * * *", "numbers from 0 to 59"),
        ] {
            let error = Schedule::parse(schedule).unwrap_err();
            assert!(error.contains(expected), "{schedule}: {error}");
        }
        assert!(Schedule::parse(&"*".repeat(1000)).is_err());
    }

    #[test]
    fn of_what_was_missed_only_the_last_is_left() {
        let schedule = Schedule::parse("0 * * * *").unwrap();
        let after = at("2026-01-15T09:00:00Z");
        let within = |now: &str, most| schedule.last_within(after, at(now), most);
        assert_eq!(within("2026-01-15T09:59:59Z", 9), None);
        let once = (at("2026-01-15T10:00:00Z"), 0);
        assert_eq!(within("2026-01-15T10:00:00Z", 9), Some(once));
        let thrice = (at("2026-01-15T12:00:00Z"), 2);
        assert_eq!(within("2026-01-15T12:30:00Z", 9), Some(thrice));
        let many = (at("2027-01-15T12:00:00Z"), 9);
        assert_eq!(within("2027-01-15T12:30:00Z", 9), Some(many));
    }

    fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
        let number = low..=high;
        prop_oneof![
            3 => Just("*".to_owned()),
            2 => number.clone().prop_map(|number| number.to_string()),
            1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            1 => (2_u8..=high).prop_map(|step| format!("*/{step}")),
            1 => proptest::collection::vec(number, 1..4).prop_map(|numbers| {
                numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
            }),
        ]
    }

    /// Whether a field stands for a number, told anew and slowly.
    fn stands_for(field: &str, number: u8, low: u8) -> bool {
        field.split(',').any(|item| {
            if let Some(step) = item.strip_prefix("*/") {
                return (number - low).is_multiple_of(step.parse().unwrap());
            }
            match item.split_once('-') {
                _ if item == "*" => true,
                Some((from, to)) => (from.parse().unwrap()..=to.parse().unwrap()).contains(&number),
                None => item.parse::<u8>().unwrap() == number,
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Minute by minute over two months: nothing is left out, and nothing is added.
        #[test]
        fn the_next_moment_is_the_first_minute_that_fits(
            fields in (field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)),
            start in 0_i64..4_000_000_000,
        ) {
            let (minute, hour, day, month, weekday) = fields;
            let schedule = Schedule::parse(&format!("{minute} {hour} {day} {month} {weekday}")).unwrap();
            let from = Timestamp::from_unix_seconds(start).unwrap();
            let found = schedule.next_after(from);
            let fits = |at: OffsetDateTime| {
                let is_day = stands_for(&day, at.day(), 1);
                let is_weekday = stands_for(&weekday, at.weekday().number_days_from_sunday(), 0);
                let either = if day == "*" || weekday == "*" { is_day && is_weekday } else { is_day || is_weekday };
                either
                    && stands_for(&minute, at.minute(), 0)
                    && stands_for(&hour, at.hour(), 0)
                    && stands_for(&month, at.month().into(), 1)
            };
            let first_minute = (start / 60 + 1) * 60;
            let expected = (0..60 * 24 * 62)
                .map(|minute| Timestamp::from_unix_seconds(first_minute + minute * 60).unwrap())
                .find(|at| fits(at.into_inner()));
            match expected {
                Some(expected) => prop_assert_eq!(found, Some(expected)),
                None => prop_assert!(found.is_none_or(|found| found.seconds_since(from) > 60.0 * 60.0 * 24.0 * 61.0)),
            }
        }

        #[test]
        fn the_last_one_before_now_has_none_between(
            fields in (field(0, 59), field(0, 23)),
            start in 0_i64..4_000_000_000,
            hours in 0_i64..200,
        ) {
            let schedule = Schedule::parse(&format!("{} {} * * *", fields.0, fields.1)).unwrap();
            let (after, now) = (
                Timestamp::from_unix_seconds(start).unwrap(),
                Timestamp::from_unix_seconds(start + hours * 3600).unwrap(),
            );
            match schedule.last_within(after, now, 5) {
                Some((last, before)) => {
                    prop_assert!(after < last && last <= now && before <= 5);
                    prop_assert!(schedule.next_after(last).is_none_or(|next| next > now));
                }
                None => prop_assert!(schedule.next_after(after).is_none_or(|next| next > now)),
            }
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,60}") {
            let _ = Schedule::parse(&text);
        }
    }
}
