//! The outermost layer: gives the request its id and client address, keeps a panic from ending the connection, writes
//! the bodies of errors, adds the security headers, and logs the request. One layer, because the prediction path has it too.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Error, Timestamp};
use futures::FutureExt as _;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use crate::error::{self, ApiError, Failed, Meant};
use crate::extract::ClientIp;
use crate::extract::request_id::{RequestId, X_REQUEST_ID};
use crate::logging;
use crate::middleware::{headers, hosts};
use crate::state::AppState;

/// Put into a response by whoever answered with a model: for the log.
#[derive(Clone, Debug)]
pub struct Served {
    pub model: domain::Name,
    pub version: i32,
}

pub async fn edge(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::of(request.headers());
    let client = ClientIp::of(
        request.extensions().get(),
        request.headers(),
        &state.config.http.trusted_proxies,
    );
    let over_tls = headers::is_over_tls(&state, request.extensions().get(), request.headers());
    request.extensions_mut().insert(request_id.clone());
    request.extensions_mut().insert(client);
    let seen = Seen::of(&request);

    let response = if hosts::is_allowed(&state, request.headers(), request.uri()) {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => panicked(&*panic).into_response(),
        }
    } else {
        hosts::misdirected().into_response()
    };

    let now = state.platform.clock.now();
    let failed = Failed {
        method: &seen.method,
        path: &seen.path,
        headers: &seen.headers,
        is_bearer: seen.is_bearer,
        request_id: &request_id,
        now,
    };
    let mut response = error::finish(&failed, response);
    headers::secure(&seen.path, over_tls, response.headers_mut());
    response
        .headers_mut()
        .insert(X_REQUEST_ID, request_id.header());
    log(&Line {
        method: &seen.method,
        path: &seen.path,
        route: seen.route.as_ref().map_or("", MatchedPath::as_str),
        request_id: &request_id,
        client,
        started,
        now,
        status: Meant::by(&response),
        served: response.extensions().get(),
    });
    response
}

/// What is needed of the request once it is gone.
struct Seen {
    method: Method,
    path: String,
    route: Option<MatchedPath>,
    headers: HeaderMap,
    is_bearer: bool,
}

impl Seen {
    fn of(request: &Request) -> Self {
        // Of the headers only what decides how an error is shown.
        let shown = [http::header::ACCEPT, http::header::CONTENT_TYPE];
        let shown = shown.into_iter().filter_map(|name| {
            let value = request.headers().get(&name).cloned();
            value.map(|value| (name, value))
        });
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            headers: shown.collect(),
            is_bearer: is_bearer(request.headers()),
        }
    }
}

/// Whether a key or token came as RFC 6750 has it.
pub fn is_bearer(headers: &HeaderMap) -> bool {
    let authorization = headers.get(http::header::AUTHORIZATION);
    let scheme = authorization.and_then(|value| value.as_bytes().get(..7));
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

/// What the access log says of a request.
pub struct Line<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// The route that matched, with its parameters' names.
    pub route: &'a str,
    pub request_id: &'a RequestId,
    pub client: ClientIp,
    pub started: Instant,
    pub now: Timestamp,
    pub status: StatusCode,
    pub served: Option<&'a Served>,
}

pub fn log(line: &Line<'_>) {
    if !tracing::enabled!(target: logging::ACCESS, tracing::Level::INFO) {
        return;
    }
    logging::access(&Access {
        timestamp: line.now,
        level: "INFO",
        message: "request",
        request_id: line.request_id.as_str(),
        method: line.method.as_str(),
        path: line.path,
        route: line.route,
        status: line.status.as_u16(),
        micros: u64::try_from(line.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        client: line.client.0,
        model: line.served.map(|served| served.model.as_str()),
        version: line.served.map(|served| served.version),
        target: logging::ACCESS,
    });
}

/// A line of the access log, in the shape of every other line.
#[derive(Serialize)]
struct Access<'a> {
    timestamp: Timestamp,
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    method: &'a str,
    path: &'a str,
    route: &'a str,
    status: u16,
    micros: u64,
    client: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    target: &'static str,
}

/// A bug of ours, which ends one request and no more.
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> ApiError {
    Error::internal(format!("panicked: {}", text(panic))).into()
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
