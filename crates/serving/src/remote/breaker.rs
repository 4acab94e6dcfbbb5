use std::time::{Duration, Instant};

use domain::models::Circuit;

/// So many failures in a row, and nobody is sent to an engine for a while.
const MOST_FAILURES: u32 = 5;
/// How long it is left alone first; twice as long after each try that failed, too.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Keeps requests from an engine that fails them all: it would only make them wait, and itself no better.
#[derive(Debug)]
pub struct Breaker {
    /// In a row, and up to now.
    failures: u32,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// The next request finds out.
    Inviting,
    /// One request finds out, and all others wait for what it finds.
    Trying,
}

/// That a request may go. To be given back when it has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    is_try: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 0,
            pause: SHORTEST,
            state: State::Closed,
        }
    }
}

impl Breaker {
    /// # Errors
    /// How long to wait before asking again.
    pub fn enter(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.state {
            State::Closed => Ok(Pass { is_try: false }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } | State::Inviting => {
                self.state = State::Trying;
                Ok(Pass { is_try: true })
            }
            State::Trying => Err(SHORTEST),
        }
    }

    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub fn failed(&mut self, pass: Pass, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if pass.is_try {
            self.pause = (self.pause * 2).min(LONGEST);
        } else if self.failures < MOST_FAILURES || self.state != State::Closed {
            // One that was sent before it opened says nothing new.
            return;
        }
        self.state = State::Open {
            until: now + self.pause,
        };
    }

    /// A request ended that says nothing of the engine.
    pub fn gone(&mut self, pass: Pass) {
        if pass.is_try && self.state == State::Trying {
            self.state = State::Inviting;
        }
    }

    /// There is a reason to believe that the engine is well again: the next request finds out.
    pub fn invite(&mut self) {
        if let State::Open { .. } = self.state {
            self.state = State::Inviting;
        }
    }

    /// In a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn circuit(&self, now: Instant) -> Circuit {
        match self.state {
            State::Closed => Circuit::Closed,
            State::Open { until } if now < until => Circuit::Open,
            State::Open { .. } | State::Inviting | State::Trying => Circuit::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, now: Instant) {
        let pass = breaker.enter(now).unwrap();
        breaker.failed(pass, now);
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..MOST_FAILURES {
            fail(&mut breaker, now);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_alone() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..MOST_FAILURES {
                fail(&mut breaker, now);
            }
            breaker.succeeded();
        }
        assert_eq!(breaker.circuit(now), Circuit::Closed);
        let breaker = opened(now);
        assert_eq!(breaker.circuit(now), Circuit::Open);
    }

    #[test]
    fn one_request_finds_out_and_the_pause_grows_up_to_its_end() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = breaker.enter(now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
            assert_eq!(breaker.circuit(now), Circuit::HalfOpen);
            let pass = breaker.enter(now).unwrap();
            assert!(breaker.enter(now).is_err(), "one at a time");
            breaker.failed(pass, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        breaker.invite();
        let pass = breaker.enter(now).unwrap();
        assert!(pass.is_try);
        breaker.succeeded();
        assert_eq!(breaker.circuit(now), Circuit::Closed);
        assert_eq!(breaker.failures(), 0);
    }

    #[test]
    fn a_try_whose_client_went_away_is_made_by_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + SHORTEST;
        let pass = breaker.enter(later).unwrap();
        breaker.gone(pass);
        assert!(breaker.enter(later).is_ok());
    }

    #[test]
    fn what_was_sent_before_it_opened_keeps_it_open_no_longer() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        let late: Vec<Pass> = (0..3).map(|_| breaker.enter(now).unwrap()).collect();
        for _ in 0..MOST_FAILURES {
            fail(&mut breaker, now);
        }
        for pass in late {
            breaker.failed(pass, now + SHORTEST / 2);
        }
        assert!(breaker.enter(now + SHORTEST).is_ok());
    }
}
