//! Predictions of people, from the playground: a member's session instead of a key, and no limit.

use std::sync::Arc;
use std::time::Instant;

use app::context::PredictFn;
use domain::predictions::{PredictRequest, PredictResponse, Route};
use domain::{Actor, Error, Name, Permission, Result};
use http::HeaderMap;
use platform::access;
use serving::dialects::Native;
use serving::predict::Forced;

use super::answer::Found;
use super::work::Work;
use crate::extract::request_id::RequestId;
use crate::state::AppState;

/// Predicts as the HTTP endpoint does, and is counted the same way. Forcing a version needs the right to change the
/// deployment.
pub fn for_pages(state: &AppState) -> PredictFn {
    let state = state.clone();
    Arc::new(move |actor, project, deployment, request, route| {
        let state = state.clone();
        Box::pin(
            async move { predict(&state, &actor, &project, &deployment, &request, route).await },
        )
    })
}

async fn predict(
    state: &AppState,
    actor: &Actor,
    project: &Name,
    deployment: &Name,
    request: &PredictRequest,
    route: Option<Route>,
) -> Result<PredictResponse> {
    let arrived = Instant::now();
    let forced = match route {
        None | Some(Route::Pinned) => None,
        Some(Route::Stable) => Some(Forced::Stable),
        Some(Route::Canary) => Some(Forced::Canary),
    };
    let permission = if forced.is_some() {
        Permission::Write
    } else {
        Permission::Read
    };
    let project = {
        let mut conn = state.platform.store.read().await?;
        access::authorise(&mut conn, actor, project, permission).await?
    };
    let found = {
        let snapshot = state.serving.snapshot();
        let deployment = snapshot
            .deployment(project, deployment.as_str())
            .ok_or_else(|| Error::not_found("deployment"))?;
        Found::Deployment(Arc::clone(deployment))
    };
    let body = serde_json::to_vec(request).map_err(Error::internal)?;
    let request_id = RequestId::of(&HeaderMap::new());
    let now = state.platform.clock.now();
    let state = state.clone();
    found
        .load(&state, request_id.as_str().as_bytes(), forced)
        .await?;
    let turn = found.enter().await?;
    let answered = tokio::task::spawn_blocking(move || {
        let work = Work {
            dialect: Native,
            body: body.into(),
            routing_key: request_id.as_str().as_bytes().to_vec(),
            request_id,
            forced,
            now,
            arrived,
        };
        let done = work.run(&state, &found);
        drop(turn);
        done
    });
    let (answer, _) = answered.await.map_err(Error::internal)??;
    serde_json::from_slice(&answer.body).map_err(Error::internal)
}
