//! Bodies that take as long as they take must come steadily: hours are for sending much, not for doing nothing.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

pub async fn keep(request: Request, next: Next) -> Response {
    let request = request.map(|body| {
        let chunks = body.into_data_stream();
        let chunks = chunks.map(|chunk| chunk.map_err(io::Error::other));
        Body::from_stream(kept_up(chunks, Pace::default()))
    });
    next.run(request).await
}

/// What an upload must keep up.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Longest silence.
    silence: Duration,
    /// From then on the average counts.
    grace: Duration,
    /// Bytes a second, on average.
    slowest: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            slowest: 1024.0,
        }
    }
}

/// The stream, ended with an error when the sender does not keep the pace.
fn kept_up<S>(stream: S, pace: Pace) -> impl Stream<Item = io::Result<Bytes>> + Send
where
    S: Stream<Item = io::Result<Bytes>> + Send,
{
    let started = Instant::now();
    let stalled = || {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the upload stalled",
        ))
    };
    let reading = (Box::pin(stream), 0_u64, false);
    futures::stream::unfold(reading, move |(mut stream, mut seen, ended)| async move {
        if ended {
            return None;
        }
        let next = tokio::time::timeout(pace.silence, stream.next()).await;
        let mut next = next.unwrap_or_else(|_| Some(stalled()))?;
        if let Ok(chunk) = &next {
            seen += chunk.len() as u64;
            let elapsed = started.elapsed();
            if elapsed > pace.grace && (seen as f64) < pace.slowest * elapsed.as_secs_f64() {
                next = stalled();
            }
        }
        let ended = next.is_err();
        Some((next, (stream, seen, ended)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        silence: Duration::from_millis(300),
        grace: Duration::from_millis(50),
        slowest: 1000.0,
    };

    /// `times` chunks, one every 20 ms, and whether each came through.
    async fn outcomes(bytes: &'static [u8], times: usize) -> Vec<bool> {
        let pause = tokio::time::interval(Duration::from_millis(20));
        let chunks = futures::stream::unfold(pause, move |mut pause| async move {
            pause.tick().await;
            Some((Ok(Bytes::from_static(bytes)), pause))
        });
        let kept = kept_up(chunks.take(times), PACE);
        kept.map(|item| item.is_ok()).collect().await
    }

    #[tokio::test]
    async fn a_trickling_upload_is_ended_and_a_steady_one_is_not() {
        let trickling = outcomes(b"x", 100).await;
        assert_eq!(trickling.last(), Some(&false));
        assert!(trickling.len() < 20, "{}", trickling.len());
        assert_eq!(outcomes(&[0; 2048], 20).await, [true; 20]);
    }

    #[tokio::test]
    async fn a_silent_upload_is_ended() {
        let begun = futures::stream::iter([Ok(Bytes::from_static(b"a"))]);
        let silent = kept_up(begun.chain(futures::stream::pending()), PACE);
        let outcomes: Vec<_> = silent.map(|item| item.is_ok()).collect().await;
        assert_eq!(outcomes, [true, false]);
    }
}
