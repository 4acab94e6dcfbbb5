//! Who may call what: the authorisation table. A route or server function that is not in it is not answered, and fails a
//! test. Use cases check again, with the project and the role; this is the outer of two doors.

mod routes;
mod server_fns;

use std::collections::HashMap;
use std::sync::OnceLock;

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Error, Permission};
use http::Method;
use platform::access::authorise;

use crate::error::ApiError;
use crate::extract::{Caller, Path};
use crate::routes::paths::InProject;
use crate::state::AppState;
use Who::{Anyone, Member, Person, Predictor, SomeCaller};

pub use routes::ROUTES;
pub use server_fns::SERVER_FNS;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody. What a page shows is decided by its server functions.
    Anyone,
    /// A key or token with a scope for the deployment, on the serving snapshot.
    Predictor,
    /// A person by session, or a program by key or token.
    SomeCaller,
    /// A person by session.
    Person,
    /// A caller who has the permission in the project of the path.
    Member(Permission),
}

/// `None`: nobody.
pub fn of_route(method: &Method, path: &str) -> Option<Who> {
    static TABLE: OnceLock<HashMap<(&str, &str), Who>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        ROUTES
            .iter()
            .map(|(method, path, who)| ((*method, *path), *who))
            .collect()
    });
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    table.get(&(method, path)).copied()
}

/// `None`: nobody.
pub fn of_server_fn(path: &str) -> Option<Who> {
    let endpoint = path.strip_prefix("/_fn/")?;
    SERVER_FNS
        .iter()
        .find(|(name, _)| *name == endpoint)
        .map(|(_, who)| *who)
}

/// The outer door: lets through whom the table names, and finds out who that is for the handler.
pub async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match admit(&state, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn admit(state: &AppState, request: Request) -> Result<Request, ApiError> {
    let (mut parts, body) = request.into_parts();
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned())
        .unwrap_or_default();
    let Some(who) = of_route(&parts.method, &route) else {
        tracing::error!(method = %parts.method, route, "a route has no entry in the access table");
        return Err(Error::not_found("path").into());
    };
    match who {
        Anyone | Predictor => {}
        SomeCaller => {
            Caller::from_request_parts(&mut parts, state).await?;
        }
        Person => {
            Caller::from_request_parts(&mut parts, state)
                .await?
                .user()?;
        }
        Member(permission) => {
            let caller = Caller::from_request_parts(&mut parts, state).await?;
            let Path(InProject { project }) = Path::from_request_parts(&mut parts, state).await?;
            let mut conn = state.platform.store.read().await.map_err(Error::from)?;
            authorise(&mut conn, &caller.actor, &project, permission).await?;
        }
    }
    Ok(Request::from_parts(parts, body))
}
