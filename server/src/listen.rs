//! Connections: taken, limited in number and in the time they may take for a request head, encrypted if there is a
//! certificate, and drained at shutdown.

mod http2;
mod plain;
mod quiet;
mod timer;
mod tls;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::Service as _;

use crate::loops;
use crate::routes::predict::direct::{self, Known, PredictBody};
use crate::state::{AppState, Role};
use quiet::{Quiet, QuietBody};
use timer::ConnectionTimer;
use tls::Opened;

/// Longest time for a connection to begin, and of HTTP/1 for the head of a request, which is also the longest pause
/// between two requests.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_CONNECTIONS: usize = 8192;
/// Largest request head, in bytes; hyper's least is 8 KiB.
const LARGEST_HEAD: u32 = 64 << 10;

/// Tells a connection to take no further request; the shutdown waits until it is dropped.
type Watcher = watch::Receiver<()>;

/// The other end of the connection, as the kernel knows it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves until the state's shutdown fires and the connections have ended or run out of time.
pub async fn serve(listener: TcpListener, router: Router, state: AppState) {
    loops::follow_certificate(&state);
    let serving = state.clone();
    let connection =
        move |stream, peer, watcher| open(stream, peer, serving.clone(), router.clone(), watcher);
    accept_all(listener, &state, connection).await;
}

/// Sends plain HTTP on to HTTPS, until the state's shutdown fires.
pub async fn redirect(listener: TcpListener, state: AppState) {
    let answering = state.clone();
    let connection = move |stream, peer, watcher| {
        without_tls(stream, peer, answering.clone(), plain::redirect, watcher)
    };
    accept_all(listener, &state, connection).await;
}

/// Every connection is a task of its own, so that none waits for another.
async fn accept_all<F>(
    listener: TcpListener,
    state: &AppState,
    connection: impl Fn(TcpStream, Peer, Watcher) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, watcher) = watch::channel(());
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = state.shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let connection = connection(stream, Peer(peer), watcher.clone());
        state.tasks.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop((listener, watcher));
    let limit = state.config.http.shutdown_timeout();
    let connections = MOST_CONNECTIONS - places.available_permits();
    tracing::info!(connections, "finishing requests");
    stop.send_replace(());
    if tokio::time::timeout(limit, stop.closed()).await.is_err() {
        tracing::warn!(
            seconds = limit.as_secs(),
            "connections did not end in time and are dropped"
        );
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            stream.set_nodelay(true).ok();
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of file descriptors, mostly: connections that end will free some.
            tracing::warn!(%error, "a connection can not be taken");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// Answers on the stream, once it is encrypted, if it is to be.
async fn open(stream: TcpStream, peer: Peer, state: AppState, router: Router, watcher: Watcher) {
    let Some(tls) = &state.tls else {
        match http2::is_begun(&stream, &state.shutdown).await {
            Some(true) => http2::connection(stream, peer, state, router, watcher).await,
            Some(false) => connection(stream, peer, state, router, watcher).await,
            None => {}
        }
        return;
    };
    let opened = tls::open(tls, stream, peer, &state.shutdown).await;
    match opened {
        Some(Opened::Tls(stream)) if tls::is_http2(&stream) => {
            http2::connection(stream, peer, state, router, watcher).await;
        }
        Some(Opened::Tls(stream)) => connection(stream, peer, state, router, watcher).await,
        Some(Opened::Plain(stream)) => {
            without_tls(stream, peer, state, plain::refuse, watcher).await;
        }
        None => {}
    }
}

fn connection<I>(
    stream: I,
    peer: Peer,
    state: AppState,
    router: Router,
    watcher: Watcher,
) -> impl Future<Output = ()>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let quiet = Arc::default();
    let service = service(peer, state, router, Arc::clone(&quiet));
    let connection = builder().serve_connection(TokioIo::new(stream), service);
    watched(connection, peer, watcher, quiet)
}

/// Answers requests, whatever the version of HTTP that brings them.
fn service(
    peer: Peer,
    state: AppState,
    router: Router,
    quiet: Arc<Quiet>,
) -> impl Service<
    http::Request<Incoming>,
    Response = http::Response<Answer>,
    Error = Infallible,
    Future: Send,
> {
    let shared = Arc::new(Shared {
        state,
        router,
        peer,
        quiet,
        known: Known::default(),
    });
    service_fn(move |request: http::Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    })
}

type Answer = Either<PredictBody, Body>;

/// By the requests of one connection.
struct Shared {
    state: AppState,
    router: Router,
    peer: Peer,
    quiet: Arc<Quiet>,
    known: Known,
}

/// For requests that came without TLS where TLS is spoken. A connection has one of them.
fn without_tls(
    stream: TcpStream,
    peer: Peer,
    state: AppState,
    answer: plain::Answer,
    watcher: Watcher,
) -> impl Future<Output = ()> {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let response = plain::respond(&state, peer, request, answer);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = builder()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    watched(connection, peer, watcher, Arc::default())
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(ConnectionTimer::default())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        // Most answers are short: it takes less to copy one behind its head than to hand the kernel two pieces.
        .writev(false)
        .max_buf_size(LARGEST_HEAD as usize);
    builder
}

/// Drives a connection to its end, and tells it when it shall come to one. The watcher is asked once: after that its task
/// is woken by it, and asking for each request would take a lock that all connections share.
async fn watched<C>(connection: C, peer: Peer, mut watcher: Watcher, quiet: Arc<Quiet>)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let told = watcher.clone();
    let mut stopped = pin!(watcher.changed());
    let (mut is_asked, mut is_stopped) = (false, false);
    let mut waker = None;
    let ended = poll_fn(|context| {
        let is_news = !is_asked || told.has_changed().unwrap_or(true);
        if is_news && !is_stopped && stopped.as_mut().poll(context).is_ready() {
            is_stopped = true;
            connection.as_mut().graceful_shutdown();
        }
        is_asked = true;
        let waker = waker.get_or_insert_with(|| quiet.waker(context));
        connection.as_mut().poll(&mut Context::from_waker(waker))
    });
    if let Err(error) = ended.await {
        // The client went away or spoke something else than HTTP.
        tracing::debug!(peer = %peer.0, %error, "connection ended");
    }
}

async fn answer(shared: &Shared, request: http::Request<Incoming>) -> http::Response<Answer> {
    let Shared {
        state,
        router,
        peer,
        quiet,
        known,
    } = shared;
    let request = if state.role == Role::Worker {
        request
    } else {
        let request = request.map(|body| QuietBody { body, quiet });
        match direct::serve(state, *peer, known, request).await {
            Ok(response) => return response.map(Either::Left),
            Err(request) => request.map(|quiet| quiet.body),
        }
    };
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(*peer);
    if request.version() == http::Version::HTTP_2 {
        http2::join_cookies(request.headers_mut());
    }
    let response = router.clone().call(request).await;
    response
        .unwrap_or_else(|never| match never {})
        .map(Either::Right)
}
