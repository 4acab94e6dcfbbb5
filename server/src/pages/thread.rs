//! Pages are rendered on one thread, which does nothing else. Leptos guards the values of a page by many locks, and takes them in one order
//! while it renders and in another when an answer arrives: on several threads the two can wait for each other for ever, and take the
//! threads that predictions are answered on with them.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::Error;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::error::ApiError;
use crate::state::AppState;

/// Pieces of a page that may wait for a slow reader.
const PIECES: usize = 16;
/// Seconds after which a server that starts or stops may answer.
const SOON: u64 = 1;

/// Ends when this is dropped.
#[derive(Debug)]
pub struct PageThread {
    runtime: Handle,
    _guard: DropGuard,
}

impl PageThread {
    /// # Errors
    /// The system has no thread to give.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        thread::Builder::new()
            .name("pages".to_owned())
            .spawn(move || runtime.block_on(end.cancelled()))?;
        Ok(Self {
            runtime: handle,
            _guard: guard,
        })
    }
}

/// Has the request answered on the thread of pages, its body included.
pub async fn render(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(thread) = state.pages.get() else {
        let message = "pages are not served yet: try again in a moment";
        return ApiError::from(Error::not_yet(message, SOON)).into_response();
    };
    let (answer, answered) = oneshot::channel();
    let rendering = state.tasks.track_future(async move {
        let (parts, mut body) = next.run(request).await.into_parts();
        if body.size_hint().exact().is_some() {
            // Whole already: nothing is left to do for it.
            let _ = answer.send(Response::from_parts(parts, body));
            return;
        }
        let (pieces, received) = mpsc::channel(PIECES);
        let stream = Body::new(StreamBody::new(ReceiverStream::new(received)));
        if answer.send(Response::from_parts(parts, stream)).is_err() {
            return;
        }
        while let Some(piece) = next_piece(&mut body, &pieces).await {
            if pieces.send(piece).await.is_err() {
                return;
            }
        }
    });
    let rendering = AbortOnDropHandle::new(thread.runtime.spawn(rendering));
    if let Ok(response) = answered.await {
        rendering.detach();
        return response;
    }
    match rendering.await {
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        _ => {
            let message = "the server is stopping: try again in a moment";
            ApiError::from(Error::not_yet(message, SOON)).into_response()
        }
    }
}

type Piece = Result<Frame<Bytes>, axum::Error>;

/// None at the end, and when nobody reads any more.
async fn next_piece(body: &mut Body, pieces: &mpsc::Sender<Piece>) -> Option<Piece> {
    tokio::select! {
        piece = body.frame() => piece,
        () = pieces.closed() => None,
    }
}
