use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use domain::{Error, Result, Timestamp};
use serving::dialects::Dialect;
use serving::gate::Turn;
use serving::predict::{self, Answer, Forced};
use serving::remote::Deadline;
use tokio::runtime::Handle;

use super::answer::Found;
use super::route::RoutingKey;
use crate::extract::RequestId;
use crate::state::AppState;

/// A request whose body is there, with all that it needs on another thread.
pub(super) struct Work<D> {
    pub(super) dialect: D,
    pub(super) body: Bytes,
    pub(super) request_id: RequestId,
    pub(super) routing_key: RoutingKey,
    pub(super) forced: Option<Forced>,
    pub(super) now: Timestamp,
    pub(super) arrived: Instant,
}

/// An answer on its way.
type Answering = Pin<Box<dyn Future<Output = Result<(Answer, Found)>> + Send>>;

impl<D: Dialect + Send + Sync + 'static> Work<D> {
    /// Of another engine. The body is read, and the request written, on a thread that may take its time; the engine is waited for
    /// without that thread, and without `large`, for others to have. `turn` is held until there is an answer.
    pub(super) async fn run_elsewhere(
        self,
        state: AppState,
        found: Found,
        deadline: Deadline,
        turn: Option<Turn>,
        large: Turn,
    ) -> Result<(Answer, Found)> {
        let mut answering: Answering = Box::pin(async move {
            let _turn = turn;
            let answer = self.run_in_batch(&state, &found, deadline).await?;
            Ok((answer, found))
        });
        let begun = tokio::task::spawn_blocking(move || {
            // It first waits for anything when the request is on its way. Who polls it next hears when to go on.
            let ended = answering
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            drop(large);
            (ended, answering)
        });
        match begun.await.map_err(Error::internal)? {
            (Poll::Ready(answered), _) => answered,
            (Poll::Pending, answering) => answering.await,
        }
    }
}

impl<D: Dialect> Work<D> {
    pub(super) fn run(&self, state: &AppState, found: &Found) -> Result<Answer> {
        let (recorder, request) = (&state.serving.recorder, self.request());
        match found {
            Found::Deployment(deployment) => {
                predict::from_deployment(recorder, deployment, &request)
            }
            Found::Version(version) => predict::from_version(recorder, version, &request),
        }
    }

    /// The same, on a thread that may take its time: it may wait for another engine there.
    pub(super) fn run_here(
        &self,
        state: &AppState,
        found: &Found,
        deadline: Deadline,
    ) -> Result<Answer>
    where
        D: Sync,
    {
        if found.is_remote() {
            return Handle::current().block_on(self.run_in_batch(state, found, deadline));
        }
        self.run(state, found)
    }

    /// The same, together with other requests, or by another engine.
    pub(super) async fn run_in_batch(
        &self,
        state: &AppState,
        found: &Found,
        deadline: Deadline,
    ) -> Result<Answer>
    where
        D: Sync,
    {
        let (recorder, request) = (&state.serving.recorder, self.request());
        match found {
            Found::Deployment(deployment) => {
                predict::from_deployment_in_batch(recorder, deployment, &request, deadline).await
            }
            Found::Version(version) => {
                predict::from_version_in_batch(recorder, version, &request, deadline).await
            }
        }
    }

    fn request(&self) -> predict::Request<'_, D> {
        predict::Request {
            dialect: &self.dialect,
            body: &self.body,
            request_id: self.request_id.as_str(),
            routing_key: &self.routing_key,
            forced: self.forced,
            now: self.now,
            arrived: self.arrived,
        }
    }
}
