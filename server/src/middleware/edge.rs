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
use http::{HeaderMap, Method};
use serde::Serialize;

use crate::error::{self, ApiError, Failed};
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
        request.extensions(),
        request.headers(),
        &state.config.http.trusted_proxies,
    );
    request.extensions_mut().insert(request_id.clone());
    request.extensions_mut().insert(client);
    let seen = Seen::of(&request);

    let response = if hosts::is_allowed(&state, &request) {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => ApiError::from(Error::internal(format!("panicked: {}", text(&*panic))))
                .into_response(),
        }
    } else {
        hosts::misdirected().into_response()
    };

    let now = state.platform.clock.now();
    let failed = Failed {
        method: &seen.method,
        path: &seen.path,
        headers: &seen.headers,
        request_id: &request_id,
        now,
    };
    let mut response = error::finish(&failed, response);
    headers::secure(&state, &seen.path, response.headers_mut());
    response
        .headers_mut()
        .insert(X_REQUEST_ID, request_id.header());
    log(&seen, &response, &request_id, client, started, now);
    response
}

/// What is needed of the request once it is gone.
struct Seen {
    method: Method,
    path: String,
    route: Option<MatchedPath>,
    headers: HeaderMap,
}

impl Seen {
    fn of(request: &Request) -> Self {
        // Of the headers only what decides how an error is shown.
        let accept = request.headers().get(http::header::ACCEPT).cloned();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            headers: accept
                .map(|accept| (http::header::ACCEPT, accept))
                .into_iter()
                .collect(),
        }
    }
}

fn log(
    seen: &Seen,
    response: &Response,
    request_id: &RequestId,
    client: ClientIp,
    started: Instant,
    now: Timestamp,
) {
    if !tracing::enabled!(target: logging::ACCESS, tracing::Level::INFO) {
        return;
    }
    let served = response.extensions().get::<Served>();
    logging::access(&Access {
        timestamp: now,
        level: "INFO",
        message: "request",
        request_id: request_id.as_str(),
        method: seen.method.as_str(),
        path: &seen.path,
        route: seen.route.as_ref().map_or("", MatchedPath::as_str),
        status: response.status().as_u16(),
        micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        client: client.0,
        model: served.map(|served| served.model.as_str()),
        version: served.map(|served| served.version),
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

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
