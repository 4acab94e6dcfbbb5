//! When something happens again and again: five fields as cron has them, in UTC.

use time::{Date, Duration, Month, OffsetDateTime, Time};

use crate::Timestamp;

/// The 29th of February comes after eight years at the latest.
const HORIZON_DAYS: u32 = 366 * 8 + 2;
/// After 28 years the days of all months fall on the same weekdays again.
const CYCLE_DAYS: usize = 366 * 28;
const DAY_MINUTES: usize = 24 * 60;
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

    /// The shortest time between two moments that follow each other, in minutes. `None` where it is longer than a day.
    #[must_use]
    pub fn shortest_pause(&self) -> Option<usize> {
        let minutes: Vec<usize> = (0..DAY_MINUTES)
            .filter(|minute| self.has_minute(*minute))
            .collect();
        let within = minutes
            .iter()
            .zip(minutes.iter().skip(1))
            .map(|(earlier, later)| later - earlier)
            .min();
        let over_night = match (minutes.first(), minutes.last()) {
            (Some(first), Some(last)) if self.has_neighbouring_days() => {
                Some(DAY_MINUTES - last + first)
            }
            _ => None,
        };
        within.into_iter().chain(over_night).min()
    }

    fn has_neighbouring_days(&self) -> bool {
        let first = OffsetDateTime::UNIX_EPOCH.date();
        std::iter::successors(Some(first), |date| date.next_day())
            .take(CYCLE_DAYS)
            .any(|date| {
                self.has_day(date) && date.next_day().is_some_and(|next| self.has_day(next))
            })
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
            until = DAY_MINUTES - 1;
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
        (from..DAY_MINUTES).find(|minute| self.has_minute(*minute))
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
mod tests;
