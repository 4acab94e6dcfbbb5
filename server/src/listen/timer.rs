//! The clock of a connection that waits for request heads. hyper asks for a new wait before every request and lets go of it
//! when the head is there, which would put a timer into tokio's wheel and take it out again each time. Here a connection
//! keeps one timer, and moves it only when that has run out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// For one connection, which waits for one thing at a time and is driven by one task.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Kept>>>);

#[derive(Debug)]
struct Kept {
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// Whether it knows the task, which it wakes when it has run out.
    is_set: bool,
}

struct Wait {
    timer: ConnectionTimer,
    until: Instant,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, until: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait {
            timer: self.clone(),
            until,
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until.into();
        let mut kept = self.timer.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { sleep, is_set } = kept.get_or_insert_with(|| Kept {
            sleep: Box::pin(tokio::time::sleep_until(until)),
            is_set: false,
        });
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
            *is_set = false;
        }
        if *is_set && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        *is_set = true;
        loop {
            ready!(sleep.as_mut().poll(context));
            // It was set for an earlier wait, which ended before its time.
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_at_its_own_time_whatever_the_one_before_it_was() {
        let timer = ConnectionTimer::default();
        let after = |millis| timer.now() + Duration::from_millis(millis);
        let begin = async |until| {
            let mut wait = timer.sleep_until(until);
            assert!(futures::poll!(&mut wait).is_pending());
        };
        // An earlier one is set, and let go of.
        let until = after(60);
        begin(after(20)).await;
        timer.sleep_until(until).await;
        assert!(timer.now() >= until);
        // A later one is set; waiting for that would take an hour.
        begin(after(3_600_000)).await;
        let until = after(20);
        timer.sleep_until(until).await;
        assert!(timer.now() >= until);
        // One that is over already.
        timer.sleep_until(until).await;
    }
}
