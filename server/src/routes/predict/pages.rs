//! Predictions of people, from the playground: a member's session instead of a key, and no limit.

use std::sync::Arc;
use std::time::Instant;

use app::context::PredictFn;
use bytes::Bytes;
use domain::predictions::{PredictRequest, PredictResponse, Route};
use domain::{Actor, Error, Name, Permission, Result, Timestamp};
use platform::access;
use serving::dialects::{Dialect, Explained, Native};
use serving::predict::{Answer, Forced};

use super::answer::{Found, overloaded};
use super::route::RoutingKey;
use super::work::Work;
use crate::extract::request_id::RequestId;
use crate::state::AppState;

/// Predicts as the HTTP endpoint does, and is counted the same way. Forcing a version needs the right to change the
/// deployment.
pub fn for_pages(state: &AppState) -> PredictFn {
    let state = state.clone();
    Arc::new(move |actor, project, deployment, request, route, explain| {
        let state = state.clone();
        Box::pin(async move {
            let found = find(&state, &actor, &project, &deployment, route).await?;
            predict(state, found, &request, route, explain).await
        })
    })
}

async fn find(
    state: &AppState,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    route: Option<Route>,
) -> Result<Found> {
    let permission = if forced(route).is_some() {
        Permission::Write
    } else {
        Permission::Read
    };
    let project = {
        let mut conn = state.platform.store.read().await?;
        access::authorise(&mut conn, actor, project, permission).await?
    };
    let snapshot = state.serving.snapshot();
    let deployment = snapshot
        .deployment(project, deployment.as_str())
        .ok_or_else(|| Error::not_found("deployment"))?;
    Ok(Found::Deployment(Arc::clone(deployment)))
}

fn forced(route: Option<Route>) -> Option<Forced> {
    match route {
        None | Some(Route::Pinned) => None,
        Some(Route::Stable) => Some(Forced::Stable),
        Some(Route::Canary) => Some(Forced::Canary),
    }
}

async fn predict(
    state: AppState,
    found: Found,
    request: &PredictRequest,
    route: Option<Route>,
    explain: bool,
) -> Result<PredictResponse> {
    let arrived = Instant::now();
    let forced = forced(route);
    let body = serde_json::to_vec(request).map_err(Error::internal)?;
    let now = state.platform.clock.now();
    let request_id = RequestId::new(now);
    found.load(&state, request_id.as_bytes(), forced).await?;
    let turn = found.enter().await?;
    let long = if explain {
        Some(found.gate().enter().await.map_err(overloaded)?)
    } else {
        None
    };
    let deadline = arrived + state.config.http.request_timeout();
    let answered = tokio::task::spawn_blocking(move || {
        let tried = Tried {
            state,
            found,
            body: body.into(),
            request_id,
            forced,
            now,
            arrived,
        };
        let done = if explain {
            tried.run(Explained, deadline)
        } else {
            tried.run(Native, deadline)
        };
        drop((turn, long));
        done
    });
    let answer = answered.await.map_err(Error::internal)??;
    serde_json::from_slice(&answer.body).map_err(Error::internal)
}

struct Tried {
    state: AppState,
    found: Found,
    body: Bytes,
    request_id: RequestId,
    forced: Option<Forced>,
    now: Timestamp,
    arrived: Instant,
}

impl Tried {
    fn run<D: Dialect + Sync>(self, dialect: D, deadline: Instant) -> Result<Answer> {
        let work = Work {
            dialect,
            body: self.body,
            routing_key: RoutingKey::Given(self.request_id.as_bytes().to_vec()),
            request_id: self.request_id,
            forced: self.forced,
            now: self.now,
            arrived: self.arrived,
        };
        work.run_here(&self.state, &self.found, deadline.into())
    }
}
