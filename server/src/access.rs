//! Who may call what: the authorisation table. A route or server function that is not in it is not answered, and fails a
//! test. Use cases check again, with the project and the role; this is the outer of two doors.

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
use Permission::{Administer, Read, Write};
use Who::{Anyone, Member, Person, Predictor, SomeCaller};

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

/// Every route, by method and path.
pub const ROUTES: &[(&str, &str, Who)] = &[
    // Operators
    ("GET", "/livez", Anyone),
    ("GET", "/readyz", Anyone),
    ("GET", "/version", Anyone),
    ("GET", "/metrics", Anyone),
    // Programs
    ("POST", "/predict/{deployment}", Predictor),
    // A browser asks without a key.
    ("OPTIONS", "/predict/{deployment}", Anyone),
    ("POST", "/predict/{model}/{version}", Predictor),
    ("POST", "/predict/{deployment}/async", Predictor),
    ("OPTIONS", "/predict/{deployment}/async", Anyone),
    ("GET", "/api/v1/predictions/{request_id}", Predictor),
    ("OPTIONS", "/api/v1/predictions/{request_id}", Anyone),
    ("POST", "/api/v1/predictions/{request_id}/cancel", Predictor),
    ("OPTIONS", "/api/v1/predictions/{request_id}/cancel", Anyone),
    ("GET", "/predict/{deployment}/openapi.json", Predictor),
    ("POST", "/deployments/{deployment}/invocations", Predictor),
    ("GET", "/v2", Predictor),
    ("GET", "/v2/", Predictor),
    ("GET", "/v2/health/live", Anyone),
    ("GET", "/v2/health/live/", Anyone),
    ("GET", "/v2/health/ready", Anyone),
    ("GET", "/v2/health/ready/", Anyone),
    ("GET", "/v2/models/{name}", Predictor),
    ("GET", "/v2/models/{name}/", Predictor),
    ("GET", "/v2/models/{name}/ready", Predictor),
    ("GET", "/v2/models/{name}/ready/", Predictor),
    ("POST", "/v2/models/{name}/infer", Predictor),
    ("POST", "/v2/models/{name}/infer/", Predictor),
    ("GET", "/v2/models/{name}/versions/{version}", Predictor),
    ("GET", "/v2/models/{name}/versions/{version}/", Predictor),
    (
        "GET",
        "/v2/models/{name}/versions/{version}/ready",
        Predictor,
    ),
    (
        "GET",
        "/v2/models/{name}/versions/{version}/ready/",
        Predictor,
    ),
    (
        "POST",
        "/v2/models/{name}/versions/{version}/infer",
        Predictor,
    ),
    (
        "POST",
        "/v2/models/{name}/versions/{version}/infer/",
        Predictor,
    ),
    ("POST", "/inference.GRPCInferenceService/ServerLive", Anyone),
    (
        "POST",
        "/inference.GRPCInferenceService/ServerReady",
        Anyone,
    ),
    (
        "POST",
        "/inference.GRPCInferenceService/ServerMetadata",
        Predictor,
    ),
    (
        "POST",
        "/inference.GRPCInferenceService/ModelReady",
        Predictor,
    ),
    (
        "POST",
        "/inference.GRPCInferenceService/ModelMetadata",
        Predictor,
    ),
    (
        "POST",
        "/inference.GRPCInferenceService/ModelInfer",
        Predictor,
    ),
    ("POST", "/inference.GRPCInferenceService/{method}", Anyone),
    ("POST", "/oauth/token", Anyone),
    ("GET", "/.well-known/jwks.json", Anyone),
    ("GET", "/api/openapi.json", Anyone),
    ("GET", "/api/docs", Anyone),
    ("GET", "/api/docs/", Anyone),
    ("GET", "/api/docs/{*rest}", Anyone),
    // Management
    ("GET", "/api/v1/projects", SomeCaller),
    ("POST", "/api/v1/projects/{project}/datasets", Member(Write)),
    ("GET", "/api/v1/projects/{project}/datasets", Member(Read)),
    (
        "GET",
        "/api/v1/projects/{project}/datasets/{dataset}",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/datasets/{dataset}/versions",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/datasets/{dataset}/versions/{version}",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/datasets/{dataset}/versions/{version}/preview",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/training-runs",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/training-runs",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/training-runs/{training_run}",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/training-runs/{training_run}/cancel",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/training-runs/{training_run}/logs",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/scoring-runs",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/scoring-runs",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/scoring-runs/{scoring_run}",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/scoring-runs/{scoring_run}/cancel",
        Member(Write),
    ),
    ("GET", "/api/v1/projects/{project}/models", Member(Read)),
    (
        "GET",
        "/api/v1/projects/{project}/models/{model}",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/models/{model}/versions",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/models/{model}/versions/{version}",
        Member(Read),
    ),
    (
        "PUT",
        "/api/v1/projects/{project}/models/{model}/aliases/{alias}",
        Member(Write),
    ),
    (
        "DELETE",
        "/api/v1/projects/{project}/models/{model}/aliases/{alias}",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments/{deployment}",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments/{deployment}/openapi.json",
        Member(Read),
    ),
    (
        "PUT",
        "/api/v1/projects/{project}/deployments/{deployment}",
        Member(Write),
    ),
    (
        "DELETE",
        "/api/v1/projects/{project}/deployments/{deployment}",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments/{deployment}/metrics",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts",
        Member(Write),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts",
        Member(Read),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/promote",
        Member(Write),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/rollback",
        Member(Write),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/pause",
        Member(Write),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/resume",
        Member(Write),
    ),
    (
        "PUT",
        "/api/v1/projects/{project}/deployments/{deployment}/rollouts/{rollout}/weight",
        Member(Write),
    ),
    ("GET", "/api/v1/projects/{project}/ledger", Member(Read)),
    ("GET", "/api/v1/projects/{project}/members", Member(Read)),
    (
        "PUT",
        "/api/v1/projects/{project}/members/{user}",
        Member(Administer),
    ),
    // A member may leave by himself.
    (
        "DELETE",
        "/api/v1/projects/{project}/members/{user}",
        Member(Read),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/invitations",
        Member(Administer),
    ),
    (
        "DELETE",
        "/api/v1/projects/{project}/invitations/{invitation}",
        Member(Administer),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/api-keys",
        Member(Administer),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/api-keys",
        Member(Administer),
    ),
    (
        "DELETE",
        "/api/v1/projects/{project}/api-keys/{api_key}",
        Member(Administer),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/api-keys/{api_key}/rotate",
        Member(Administer),
    ),
    (
        "GET",
        "/api/v1/projects/{project}/webhook-secret",
        Member(Administer),
    ),
    (
        "POST",
        "/api/v1/projects/{project}/webhook-secret/rotate",
        Member(Administer),
    ),
    ("GET", "/api/v1/projects/{project}/events", Member(Read)),
    // Browsers
    ("POST", "/auth/set-up", Anyone),
    ("POST", "/auth/sign-in", Anyone),
    ("POST", "/auth/sign-out", Anyone),
    ("POST", "/auth/change-password", Person),
    ("POST", "/auth/accept-invitation", Anyone),
    ("POST", "/p/{project}/datasets/upload", Member(Write)),
    ("POST", "/p/{project}/imports", Member(Write)),
    ("GET", "/pkg/{*file}", Anyone),
    ("GET", "/", Anyone),
    ("GET", "/setup", Anyone),
    ("GET", "/login", Anyone),
    ("GET", "/invite", Anyone),
    ("GET", "/p/{project}", Anyone),
    ("GET", "/p/{project}/datasets", Anyone),
    ("GET", "/p/{project}/datasets/{name}", Anyone),
    ("GET", "/p/{project}/training-runs", Anyone),
    ("GET", "/p/{project}/training-runs/new", Anyone),
    ("GET", "/p/{project}/training-runs/{id}", Anyone),
    ("GET", "/p/{project}/scoring-runs", Anyone),
    ("GET", "/p/{project}/scoring-runs/{id}", Anyone),
    ("GET", "/p/{project}/models", Anyone),
    ("GET", "/p/{project}/models/{name}", Anyone),
    (
        "GET",
        "/p/{project}/models/{name}/versions/{version}",
        Anyone,
    ),
    ("GET", "/p/{project}/deployments", Anyone),
    ("GET", "/p/{project}/deployments/new", Anyone),
    ("GET", "/p/{project}/deployments/{name}", Anyone),
    ("GET", "/p/{project}/deployments/{name}/try", Anyone),
    ("GET", "/p/{project}/keys", Anyone),
    ("GET", "/p/{project}/settings/members", Anyone),
    ("GET", "/p/{project}/settings/account", Anyone),
    ("GET", "/p/{project}/ledger", Anyone),
];

/// Every server function of the dashboard, by its endpoint below `/_fn/`. With `Person` it answers only to a session; the
/// use case behind it asks for the role.
pub const SERVER_FNS: &[(&str, Who)] = &[
    ("api_key_just_made", Person),
    ("cancel_scoring_run", Person),
    ("cancel_training_run", Person),
    ("command_rollout", Person),
    ("create_api_key", Person),
    ("create_deployment", Person),
    ("create_project", Person),
    ("create_scoring_run", Person),
    ("create_training_run", Person),
    ("delete_deployment", Person),
    ("get_dataset", Person),
    ("get_deployment", Person),
    ("get_deployment_choices", Person),
    ("get_deployment_metrics", Person),
    ("get_model", Person),
    ("get_model_version", Person),
    ("get_overview", Person),
    ("get_playground", Person),
    ("get_scoring_choices", Person),
    ("get_scoring_run", Person),
    ("get_session", Person),
    ("get_training_choices", Person),
    ("get_training_run", Person),
    ("invitation_just_made", Person),
    ("invite_member", Person),
    ("list_api_keys", Person),
    ("list_dataset_versions", Person),
    ("list_datasets", Person),
    ("list_deployments", Person),
    ("list_ledger", Person),
    ("list_members", Person),
    ("list_models", Person),
    ("list_rollouts", Person),
    ("list_scoring_runs", Person),
    ("list_training_runs", Person),
    ("needs_setup", Anyone),
    ("preview_dataset", Person),
    ("preview_invitation", Anyone),
    ("remove_member", Person),
    ("remove_model_alias", Person),
    ("revoke_api_key", Person),
    ("rotate_api_key", Person),
    ("set_member_role", Person),
    ("set_deployment_capacity", Person),
    ("set_deployment_origins", Person),
    ("set_model_alias", Person),
    ("set_rollout_weight", Person),
    ("set_theme", Anyone),
    ("start_rollout", Person),
    ("training_run_logs", Person),
    ("try_prediction", Person),
    ("withdraw_invitation", Person),
];

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
