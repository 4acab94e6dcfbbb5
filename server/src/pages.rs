//! The dashboard: pages rendered by Leptos, its server functions, and the files of the built front end.

pub mod thread;
mod watch;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use app::context::RequestContext;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Actor, Error};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{
    AxumRouteListing, LeptosRoutes as _, file_and_error_handler_with_context, generate_route_list,
};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::access::{self, Who};
use crate::config::HttpConfig;
use crate::error::{ApiError, no_such_path};
use crate::extract::{MaybeCaller, RequestId};
use crate::middleware::headers;
use crate::state::AppState;

/// Where the front end's own files are; their names carry the hash of their content.
pub const ASSETS: &str = "/pkg/{*file}";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub fn options(http: &HttpConfig, bound: SocketAddr) -> LeptosOptions {
    if let Some(watched) = watch::options(bound) {
        return watched;
    }
    let root = http.site_root();
    let hashes = root.join("hash.txt");
    // Leptos panics on a missing file of hashes.
    let is_built = hashes.is_file();
    if !is_built {
        tracing::warn!(site_root = %root.display(), "no built front end: pages come without style and script (`cargo xtask build`)");
    }
    LeptosOptions::builder()
        .output_name("volary")
        .site_root(Arc::<str>::from(root.to_string_lossy()))
        .site_pkg_dir("pkg")
        .site_addr(bound)
        .hash_files(is_built)
        .hash_file(Arc::<str>::from(hashes.to_string_lossy()))
        .build()
}

/// Every page of the dashboard. They are listed once: meanwhile Leptos keeps every resource of the process from loading, and a page
/// that another server in it renders just then would wait for ever.
pub fn listing() -> &'static [AxumRouteListing] {
    static LISTING: OnceLock<Vec<AxumRouteListing>> = OnceLock::new();
    LISTING.get_or_init(|| generate_route_list(app::App))
}

/// Pages and server functions; [`context`] must be around them.
pub fn router(state: &AppState) -> Router<AppState> {
    let options = state.leptos.clone();
    Router::new().leptos_routes_with_context(state, listing().to_vec(), provide, move || {
        app::shell(options.clone())
    })
}

/// The hashed files, which browsers may keep for ever.
pub fn assets(state: &AppState) -> Router<AppState> {
    let dir = std::path::Path::new(&*state.leptos.site_root).join("pkg");
    let files = ServeDir::new(dir)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    if watch::is_on() {
        return Router::new().nest_service("/pkg", files.fallback(ServeDir::new(watch::STYLE)));
    }
    let keep = |response: &Response<_>| response.status().is_success().then_some(FOREVER);
    Router::new().nest_service(
        "/pkg",
        tower::ServiceBuilder::new()
            .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, keep))
            .service(files),
    )
}

/// Everything else: a file of the site by its own name, or the page that says there is none.
pub async fn fallback(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    let is_machine = [
        "/api/",
        "/auth/",
        "/_fn/",
        "/predict/",
        "/oauth/",
        "/pkg/",
        "/v2/",
        "/inference.GRPCInferenceService/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix));
    if is_machine || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return no_such_path().await.into_response();
    }
    let handler = file_and_error_handler_with_context::<AppState, _>(provide, app::shell);
    handler(request.uri().clone(), State(state), request).await
}

/// Hands the request's context and the nonce of its page to Leptos. Runs inside of each rendering.
fn provide() {
    let Some(Parts { mut extensions, .. }) = use_context() else {
        return;
    };
    if let Some(context) = extensions.remove::<RequestContext>() {
        provide_context(context);
    }
    if let Some(nonce) = extensions.remove::<Nonce>() {
        provide_context(nonce);
    }
}

/// A page may load what its nonce is on, and is kept by nobody.
fn protect(nonce: &Nonce, response: &mut Response) {
    let headers = response.headers_mut();
    let is_page = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return;
    }
    let policy = headers::page_policy(nonce, watch::reload_source().as_deref());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Finds out who asks, and lets a server function run only if the access table lets him. Pages get their policy here and not from
/// Leptos while it renders: one of many pages rendered at the same time was seen to come without.
pub async fn context(
    State(state): State<AppState>,
    request_id: RequestId,
    request: Request,
    next: Next,
) -> Response {
    let nonce = Nonce::new();
    match with_context(&state, &request_id, &nonce, request).await {
        Ok(request) => {
            let mut response = next.run(request).await;
            protect(&nonce, &mut response);
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn with_context(
    state: &AppState,
    request_id: &RequestId,
    nonce: &Nonce,
    request: Request,
) -> Result<Request, ApiError> {
    use axum::extract::FromRequestParts as _;

    let (mut parts, body) = request.into_parts();
    // Pages are for people: a program's key opens none.
    parts.headers.remove(http::header::AUTHORIZATION);
    parts.headers.remove("x-api-key");
    let MaybeCaller(caller) = MaybeCaller::from_request_parts(&mut parts, state).await?;
    let actor = caller
        .map(|caller| caller.actor)
        .filter(|actor| matches!(actor, Actor::User { .. }));
    let path = parts.uri.path();
    if path.starts_with("/_fn/") {
        match access::of_server_fn(path) {
            Some(Who::Anyone) => {}
            Some(_) if actor.is_some() => {}
            Some(_) => {
                return Err(Error::Unauthenticated(
                    "your session has ended: sign in again".to_owned(),
                )
                .into());
            }
            None => {
                tracing::error!(path, "a server function has no entry in the access table");
                return Err(ApiError::http(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "path not found",
                ));
            }
        }
    }
    parts.extensions.insert(nonce.clone());
    parts.extensions.insert(RequestContext {
        platform: state.platform.clone(),
        actor,
        request_id: request_id.as_str().to_owned(),
        predict: state.predict_fn(),
        base_url: state.base_url.clone(),
    });
    Ok(Request::from_parts(parts, body))
}
