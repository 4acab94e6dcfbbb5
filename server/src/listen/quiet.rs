//! hyper hands the body of a request over by a channel, both ends of which are in the task of the connection, and whoever takes a
//! piece of it wakes the other end: the task would look at its connection once more for every request, and find nothing to do.
//! Here a task does not wake itself by taking the last piece.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

thread_local! {
    /// What this thread wakes while it takes a piece of a body.
    static TAKING: Cell<Taking> = const { Cell::new(Taking::Nothing) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    Nothing,
    Piece,
    /// And the task would have been woken by that.
    PieceAndWoke,
}

/// Wakes the task of a connection, which is the one that polls it with [`Quiet::waker`].
#[derive(Debug, Default)]
pub(super) struct Quiet(OnceLock<Waker>);

impl Quiet {
    /// For the one task that drives a connection.
    pub(super) fn waker(self: &Arc<Self>, context: &Context<'_>) -> Waker {
        self.0.get_or_init(|| context.waker().clone());
        Waker::from(Arc::clone(self))
    }

    fn wake_task(&self) {
        if let Some(task) = self.0.get() {
            task.wake_by_ref();
        }
    }
}

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if TAKING.get() == Taking::Nothing {
            self.wake_task();
        } else {
            TAKING.set(Taking::PieceAndWoke);
        }
    }
}

/// The body of a request that came over the connection of `quiet`.
pub(super) struct QuietBody<'q> {
    pub(super) body: Incoming,
    pub(super) quiet: &'q Quiet,
}

impl Body for QuietBody<'_> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let _whole = Piece::begin();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        // The other end has something to do as long as there is more to come.
        if TAKING.get() == Taking::PieceAndWoke && !self.body.is_end_stream() {
            self.quiet.wake_task();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Until it is dropped, this thread takes a piece.
struct Piece;

impl Piece {
    fn begin() -> Self {
        TAKING.set(Taking::Piece);
        Self
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        TAKING.set(Taking::Nothing);
    }
}
