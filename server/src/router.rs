//! The routes, grouped by who calls them, and what each group passes through. `access` says who may call which.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as DocsConfig, SwaggerUi};

use crate::middleware::rate_limit::Limits;
use crate::middleware::{
    body_limit, content_encoding, csrf, edge, idempotency, login_limit, pace, session, timeout,
};
use crate::openapi::Api;
use crate::state::{AppState, Role};
use crate::{access, error, pages, routes};

/// Of a body that is read whole, in bytes; predictions and uploads have their own.
pub const LARGEST_BODY: usize = 1 << 20;

/// For those who run the platform.
fn operators() -> OpenApiRouter<AppState> {
    routes::health::router()
}

/// For programs that predict: nothing on the way but what a prediction needs.
fn predictors() -> OpenApiRouter<AppState> {
    routes::predict::router()
        .merge(routes::async_predictions::router())
        .merge(routes::oip::router())
        .merge(routes::invocations::router())
}

/// For programs that sign in.
fn tokens() -> OpenApiRouter<AppState> {
    routes::oauth::router()
}

/// For everybody.
fn public() -> OpenApiRouter<AppState> {
    routes::oauth::keys()
}

/// For programs and people who manage a project.
fn management() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(routes::projects::router())
        .merge(routes::datasets::router())
        .merge(routes::training_runs::router())
        .merge(routes::scoring_runs::router())
        .merge(routes::models::router())
        .merge(routes::model_cards::router())
        .merge(routes::comparisons::router())
        .merge(routes::deployments::router())
        .merge(routes::rollouts::router())
        .merge(routes::retraining::router())
        .merge(routes::metrics::router())
        .merge(routes::ledger::router())
        .merge(routes::api_keys::router())
        .merge(routes::members::router())
        .merge(routes::invitations::router())
        .merge(routes::webhook_secrets::router())
}

/// As management, without a limit on size and time, as long as something comes.
fn uploads() -> OpenApiRouter<AppState> {
    routes::datasets::uploads().merge(routes::imports::router())
}

/// As management, without an end, and as they are.
fn streams() -> OpenApiRouter<AppState> {
    routes::events::router().merge(routes::exports::router())
}

/// Forms of people that try a password or a secret link.
fn forms() -> OpenApiRouter<AppState> {
    routes::auth::router()
}

/// The form that ends a session.
fn sign_out() -> OpenApiRouter<AppState> {
    routes::auth::sign_out_router()
}

/// Forms of people that carry files.
fn upload_forms() -> OpenApiRouter<AppState> {
    routes::uploads::router().merge(routes::imports::forms())
}

/// The whole router of a process in this state's role.
pub fn build(state: &AppState) -> Router {
    let mut router = Router::new().merge(operators());
    if state.role != Role::Worker {
        router = router
            .merge(gateway(state))
            .fallback_service(fallback(state));
    }
    router
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(state.clone(), edge::edge))
        .with_state(state.clone())
}

fn gateway(state: &AppState) -> Router<AppState> {
    let config = &state.config.http;
    let session = session::layer(&state.platform, config.is_secure());
    let guard = from_fn_with_state(state.clone(), access::guard);
    let timeout = from_fn_with_state(state.clone(), timeout::limit);
    let program = from_fn_with_state(state.clone(), csrf::program);
    let browser = from_fn_with_state(state.clone(), csrf::browser);
    let body_limit = from_fn(body_limit::limit);
    let pace = from_fn(pace::keep);
    let limits = Limits::new(state);

    // Layers run from the last to the first.
    let predictors = Router::from(predictors()).merge(routes::oip::grpc::router());
    let tokens = Router::from(tokens())
        .layer(body_limit.clone())
        .layer(timeout.clone())
        .layer(limits.by_ip());
    let public = Router::from(public()).merge(docs()).layer(timeout.clone());
    let management = Router::from(management())
        .route_layer(from_fn_with_state(state.clone(), idempotency::whole))
        .route_layer(guard.clone())
        .layer(session.clone())
        .layer(program.clone())
        .layer(from_fn(content_encoding::unpack))
        .layer(body_limit.clone())
        .layer(timeout.clone())
        .layer(CompressionLayer::new());
    let uploads = Router::from(uploads())
        .route_layer(from_fn_with_state(state.clone(), idempotency::streamed))
        .route_layer(guard.clone())
        .layer(session.clone())
        .layer(program.clone())
        .layer(pace.clone())
        .layer(DefaultBodyLimit::disable());
    let streams = Router::from(streams())
        .route_layer(guard.clone())
        .layer(session.clone())
        .layer(program);
    let forms = Router::from(forms())
        .route_layer(guard.clone())
        .layer(session.clone())
        .layer(limits.by_account())
        .layer(from_fn_with_state(state.clone(), login_limit::name_attempt))
        .layer(limits.by_address())
        .layer(from_fn(routes::auth::limited_to_page))
        .layer(browser.clone())
        .layer(timeout.clone());
    let sign_out = Router::from(sign_out())
        .route_layer(guard.clone())
        .layer(session.clone())
        .layer(browser.clone())
        .layer(body_limit.clone())
        .layer(timeout.clone());
    let upload_forms = Router::from(upload_forms())
        .route_layer(guard)
        .layer(session.clone())
        .layer(browser.clone())
        .layer(pace)
        .layer(DefaultBodyLimit::disable());
    let pages = pages::router(state)
        .layer(from_fn_with_state(state.clone(), pages::thread::render))
        .layer(from_fn_with_state(state.clone(), pages::context))
        .layer(session)
        .layer(browser)
        .layer(body_limit)
        .layer(timeout)
        .layer(CompressionLayer::new());

    predictors
        .merge(tokens)
        .merge(public)
        .merge(management)
        .merge(uploads)
        .merge(streams)
        .merge(forms)
        .merge(sign_out)
        .merge(upload_forms)
        .merge(pages)
        .merge(pages::assets(state))
}

/// What no route answers to: a file, or the page that says there is nothing.
fn fallback(state: &AppState) -> Router {
    Router::new()
        .fallback(pages::fallback)
        .layer(from_fn_with_state(state.clone(), pages::thread::render))
        .layer(from_fn_with_state(state.clone(), pages::context))
        .layer(session::layer(
            &state.platform,
            state.config.http.is_secure(),
        ))
        .layer(from_fn_with_state(state.clone(), timeout::limit))
        .layer(CompressionLayer::new())
        .with_state(state.clone())
}

/// The document, and a page to read it and to try it out.
fn docs() -> Router<AppState> {
    SwaggerUi::new("/api/docs")
        .url("/api/openapi.json", document())
        .config(DocsConfig::new(["/api/openapi.json"]).validator_url("none"))
        .into()
}

/// What every group documents.
pub fn document() -> OpenApi {
    let groups = [
        operators(),
        predictors(),
        tokens(),
        public(),
        management(),
        uploads(),
        streams(),
        forms(),
        sign_out(),
        upload_forms(),
    ];
    groups.into_iter().map(OpenApiRouter::into_openapi).fold(
        Api::openapi(),
        |mut document, group| {
            document.merge(group);
            document
        },
    )
}
