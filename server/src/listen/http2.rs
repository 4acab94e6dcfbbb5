//! HTTP/2: agreed on over TLS, and in clear text for clients that begin with it. What one connection may hold is bounded,
//! and one that nobody uses is ended, since the time for a request's head says nothing of it.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{HEADER_READ_TIMEOUT, LARGEST_HEAD, Peer, Watcher, service};
use crate::router::LARGEST_BODY;
use crate::state::AppState;

/// How every HTTP/2 connection begins, as far as it takes to tell it from a request of HTTP/1.
const BEGINNING: &[u8; 3] = b"PRI";
/// Until there may be more of a beginning that was cut short.
const NEXT_LOOK: Duration = Duration::from_millis(10);
/// Requests of a connection at a time.
const MOST_STREAMS: u32 = 100;
/// Bytes that a client may send ahead, of a request and of a connection: a whole prediction.
const WINDOW: u32 = LARGEST_BODY as u32;
const LARGEST_FRAME: u32 = 16 << 10;
/// Requests taken back before they were begun, and errors of a client, before its connection is ended.
const MOST_TAKEN_BACK: usize = 20;
const MOST_ERRORS: usize = 100;
/// A client that is silent for so long is asked whether it is there, and has as long again to say so.
const SILENCE: Duration = Duration::from_secs(20);
/// Longest pause between two requests. Until the first it is [`HEADER_READ_TIMEOUT`].
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// For a client without requests to take note that the connection ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Whether the client begins with HTTP/2. `None`: it did not begin in time, or the server stops.
pub(super) async fn is_begun(stream: &TcpStream, shutdown: &CancellationToken) -> Option<bool> {
    let begun = tokio::select! {
        () = shutdown.cancelled() => return None,
        begun = tokio::time::timeout(HEADER_READ_TIMEOUT, begins(stream)) => begun,
    };
    begun.ok()?.ok()
}

async fn begins(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; BEGINNING.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        let is_part = length > 0 && BEGINNING.starts_with(&first[..length]);
        if !is_part || length == BEGINNING.len() {
            return Ok(is_part);
        }
        // A socket can not be asked to wake us when there is more than what it has shown.
        tokio::time::sleep(NEXT_LOOK).await;
    }
}

pub(super) async fn connection<I>(
    stream: I,
    peer: Peer,
    state: AppState,
    router: Router,
    watcher: Watcher,
) where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let streams = Streams {
        tasks: state.tasks.clone(),
        seen: Arc::default(),
    };
    let shutdown = state.shutdown.clone();
    let service = service(peer, state, router, Arc::default());
    let connection = builder(&streams).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let no_more = async {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = streams.pause(HEADER_READ_TIMEOUT, LONGEST_PAUSE) => {}
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = no_more => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = streams.pause(FAREWELL, FAREWELL) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.0, %error, "connection ended");
    }
    // Until here the shutdown waits for us.
    drop(watcher);
}

fn builder(streams: &Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD)
        .max_frame_size(LARGEST_FRAME)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_pending_accept_reset_streams(MOST_TAKEN_BACK)
        .max_local_error_reset_streams(MOST_ERRORS)
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(SILENCE);
    builder
}

/// Where the requests of a connection run, each a task of its own.
#[derive(Clone)]
struct Streams {
    tasks: TaskTracker,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    ever: AtomicUsize,
}

impl Streams {
    /// Ends when none was open for so long: `limit` at first, `later` from then on.
    async fn pause(&self, mut limit: Duration, later: Duration) {
        let mut before = self.seen.ever.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(limit).await;
            let ever = self.seen.ever.load(Ordering::Relaxed);
            if ever == before && self.seen.open.load(Ordering::Relaxed) == 0 {
                return;
            }
            (before, limit) = (ever, later);
        }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let open = Open::new(&self.seen);
        self.tasks.spawn(async move {
            stream.await;
            drop(open);
        });
    }
}

/// Counts as open until it is dropped.
struct Open(Arc<Seen>);

impl Open {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.open.fetch_add(1, Ordering::Relaxed);
        seen.ever.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(seen))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Of a browser each cookie may come by itself (RFC 9113, 8.2.3); whoever reads them expects one line.
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if lines.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_one_line() {
        let mut headers = HeaderMap::new();
        join_cookies(&mut headers);
        assert!(headers.is_empty());
        for cookie in ["a=1", "b=2; c=3"] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        join_cookies(&mut headers);
        let joined: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(joined, ["a=1; b=2; c=3"]);
    }
}
