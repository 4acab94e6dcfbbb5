use serde::{Deserialize, Deserializer};

use super::DeploymentSpec;
use crate::{Error, FieldError, Result};

/// How much a process does for a deployment at once, and whether it is ready for it all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Most predictions that are worked on at once; any number without it.
    pub max_in_flight: Option<i32>,
    /// Most predictions that wait for one of those to end.
    pub max_queue: i32,
    /// How many of each version stay loaded whatever happens: 0 or 1.
    pub min_warm: i32,
    /// Seconds without a request after which versions are let go that do not stay loaded.
    pub idle_seconds: i32,
    /// Most rows that a model which gains from it is given at once.
    pub max_batch: i32,
    /// Microseconds for which such a batch waits for more rows than it has.
    pub max_delay_us: i32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            max_in_flight: None,
            max_queue: 64,
            min_warm: 1,
            idle_seconds: 300,
            max_batch: 32,
            max_delay_us: 0,
        }
    }
}

impl Capacity {
    pub const MOST: i32 = 10_000;
    /// Fewer seconds would let go of a version between two requests of one visitor.
    pub const LEAST_IDLE: i32 = 10;
    pub const LARGEST_BATCH: i32 = 1024;
    /// A tenth of a second: nobody wants to wait longer for the sake of others.
    pub const LONGEST_DELAY: i32 = 100_000;

    /// How long without a request its versions stay loaded, in seconds; they stay for ever without it.
    #[must_use]
    pub fn idle_seconds(&self) -> Option<u64> {
        let seconds = u64::try_from(self.idle_seconds).unwrap_or(0);
        (self.min_warm == 0).then_some(seconds)
    }

    /// # Errors
    /// `Invalid`, naming every setting that is out of its range.
    pub fn checked(self) -> Result<Self> {
        let mut errors = Vec::new();
        let mut check = |pointer: &str, value: i32, is_right: bool, expected: String| {
            if !is_right {
                let error = FieldError::new(pointer, "out_of_range", expected);
                errors.push(error.got(value.to_string()));
            }
        };
        let most = Self::MOST;
        if let Some(turns) = self.max_in_flight {
            let expected = format!("1 to {most}, or null for no limit");
            let is_right = (1..=most).contains(&turns);
            check("/max_in_flight", turns, is_right, expected);
        }
        let expected = format!("0 to {most}");
        let is_right = (0..=most).contains(&self.max_queue);
        check("/max_queue", self.max_queue, is_right, expected);
        let expected = "0, to be let go when nobody asks, or 1, to stay loaded";
        let is_right = (0..=1).contains(&self.min_warm);
        check("/min_warm", self.min_warm, is_right, expected.to_owned());
        let least = Self::LEAST_IDLE;
        let expected = format!("at least {least} seconds");
        let is_right = self.idle_seconds >= least;
        check("/idle_seconds", self.idle_seconds, is_right, expected);
        let largest = Self::LARGEST_BATCH;
        let expected = format!("1 to {largest} rows");
        let is_right = (1..=largest).contains(&self.max_batch);
        check("/max_batch", self.max_batch, is_right, expected);
        let longest = Self::LONGEST_DELAY;
        let expected = format!("0 to {longest} microseconds");
        let is_right = (0..=longest).contains(&self.max_delay_us);
        check("/max_delay_us", self.max_delay_us, is_right, expected);
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

impl DeploymentSpec {
    /// What the capacity is to be: as it is, but for what is told.
    ///
    /// # Errors
    /// As [`Capacity::checked`].
    pub fn capacity(&self, present: Capacity) -> Result<Capacity> {
        let wanted = Capacity {
            max_in_flight: self.max_in_flight.unwrap_or(present.max_in_flight),
            max_queue: self.max_queue.unwrap_or(present.max_queue),
            min_warm: self.min_warm.unwrap_or(present.min_warm),
            idle_seconds: self.idle_seconds.unwrap_or(present.idle_seconds),
            max_batch: self.max_batch.unwrap_or(present.max_batch),
            max_delay_us: self.max_delay_us.unwrap_or(present.max_delay_us),
        };
        wanted.checked()
    }
}

/// Tells null, which takes a limit away, from a field that is left out.
#[expect(
    clippy::option_option,
    reason = "left out, null and a value are three different things"
)]
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(settings: &str) -> DeploymentSpec {
        serde_json::from_str(&format!(r#"{{"model":"price","version":1{settings}}}"#)).unwrap()
    }

    #[test]
    fn what_is_left_out_stays_and_null_takes_the_limit_away() {
        let present = Capacity {
            max_in_flight: Some(8),
            max_queue: 3,
            min_warm: 0,
            idle_seconds: 60,
            max_batch: 8,
            max_delay_us: 50,
        };
        let wanted = |settings| spec(settings).capacity(present).unwrap();
        assert_eq!(wanted(""), present);
        let unlimited = Capacity {
            max_in_flight: None,
            ..present
        };
        assert_eq!(wanted(r#","max_in_flight":null"#), unlimited);
        let other = Capacity {
            max_in_flight: Some(1),
            max_queue: 0,
            ..present
        };
        assert_eq!(wanted(r#","max_in_flight":1,"max_queue":0"#), other);
        let warm = Capacity {
            min_warm: 1,
            idle_seconds: 10,
            ..present
        };
        assert_eq!(wanted(r#","min_warm":1,"idle_seconds":10"#), warm);
        let alone = Capacity {
            max_batch: 1,
            max_delay_us: 0,
            ..present
        };
        assert_eq!(wanted(r#","max_batch":1,"max_delay_us":0"#), alone);
    }

    #[test]
    fn every_setting_out_of_range_is_named_with_its_value() {
        let refused = |settings| match spec(settings).capacity(Capacity::default()) {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.pointer, error.got.unwrap()))
                .collect::<Vec<_>>(),
            other => panic!("{settings}: {other:?}"),
        };
        let named = |pointer: &str, got: &str| (pointer.to_owned(), got.to_owned());
        assert_eq!(
            refused(r#","max_in_flight":0,"max_queue":-1"#),
            [named("/max_in_flight", "0"), named("/max_queue", "-1")]
        );
        assert_eq!(
            refused(r#","max_in_flight":10001"#),
            [named("/max_in_flight", "10001")]
        );
        assert_eq!(
            refused(r#","max_queue":10001"#),
            [named("/max_queue", "10001")]
        );
        assert_eq!(
            refused(r#","min_warm":2,"idle_seconds":9"#),
            [named("/min_warm", "2"), named("/idle_seconds", "9")]
        );
        assert_eq!(
            refused(r#","max_batch":0,"max_delay_us":-1"#),
            [named("/max_batch", "0"), named("/max_delay_us", "-1")]
        );
        assert_eq!(
            refused(r#","max_batch":1025,"max_delay_us":100001"#),
            [
                named("/max_batch", "1025"),
                named("/max_delay_us", "100001")
            ]
        );
    }
}
