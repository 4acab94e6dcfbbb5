//! The outermost layer: gives the request its id and client address, keeps a panic from ending the connection, writes
//! the bodies of errors, adds the security headers, and logs the request. One layer, because the prediction path has it too.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Error, Timestamp};
use futures::FutureExt as _;
use http::{HeaderMap, Method, StatusCode};

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
    headers::secure(&seen.path, response.headers_mut());
    headers::secure_transport(over_tls, response.headers_mut());
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

/// Every prediction logs its request, so the line is written by hand: going through a serializer field by field takes a
/// fifth of a prediction's instructions.
pub fn log(line: &Line<'_>) {
    if !tracing::enabled!(target: logging::ACCESS, tracing::Level::INFO) {
        return;
    }
    let mut text = Vec::with_capacity(512);
    if line.write(&mut text).is_ok() {
        logging::access(&text);
    }
}

impl Line<'_> {
    /// In the shape of every other line. Only the path can hold what JSON escapes: ids, names and addresses are checked,
    /// methods are tokens, and routes are our own.
    fn write(&self, text: &mut Vec<u8>) -> io::Result<()> {
        write!(text, r#"{{"timestamp":"{}"#, self.now)?;
        extend(
            text,
            [
                r#"","level":"INFO","message":"request","request_id":""#,
                self.request_id.as_str(),
                r#"","method":""#,
                self.method.as_str(),
                r#"","path":"#,
            ],
        );
        serde_json::to_writer(&mut *text, self.path)?;
        let micros = self.started.elapsed().as_micros() as u64;
        extend(
            text,
            [
                r#","route":""#,
                self.route,
                r#"","status":"#,
                self.status.as_str(),
                r#","micros":"#,
                itoa::Buffer::new().format(micros),
                r#","client":""#,
            ],
        );
        match self.client.0 {
            IpAddr::V4(address) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    let dot = if place == 0 { "" } else { "." };
                    extend(text, [dot, itoa::Buffer::new().format(octet)]);
                }
            }
            IpAddr::V6(address) => write!(text, "{address}")?,
        }
        if let Some(Served { model, version }) = self.served {
            extend(
                text,
                [
                    r#"","model":""#,
                    model.as_str(),
                    r#"","version":"#,
                    itoa::Buffer::new().format(*version),
                    r#","target":""#,
                ],
            );
        } else {
            extend(text, [r#"","target":""#]);
        }
        extend(text, [logging::ACCESS, "\"}\n"]);
        Ok(())
    }
}

fn extend<const N: usize>(text: &mut Vec<u8>, pieces: [&str; N]) {
    for piece in pieces {
        text.extend_from_slice(piece.as_bytes());
    }
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_is_json_whatever_the_path_holds() {
        let request_id = RequestId::from_text("r-1");
        let model = domain::Name::new("price").unwrap();
        let served = Served { model, version: 3 };
        let line = |client, served| {
            let mut text = Vec::new();
            Line {
                method: &Method::POST,
                path: "/predict/a\"b\\c\u{1}",
                route: "/predict/{deployment}",
                request_id: &request_id,
                client: ClientIp(client),
                started: Instant::now(),
                now: Timestamp::UNIX_EPOCH,
                status: StatusCode::OK,
                served,
            }
            .write(&mut text)
            .unwrap();
            assert!(text.ends_with(b"}\n"));
            let mut line: Value = serde_json::from_slice(&text).unwrap();
            assert!(line["micros"].take().is_u64());
            line
        };
        let mut expected = json!({
            "timestamp": "1970-01-01T00:00:00Z", "level": "INFO", "message": "request", "request_id": "r-1",
            "method": "POST", "path": "/predict/a\"b\\c\u{1}", "route": "/predict/{deployment}", "status": 200,
            "micros": null, "client": "127.0.0.1", "model": "price", "version": 3, "target": "access",
        });
        assert_eq!(line(Ipv4Addr::LOCALHOST.into(), Some(&served)), expected);
        let members = expected.as_object_mut().unwrap();
        members.remove("model");
        members.remove("version");
        members["client"] = json!("::1");
        assert_eq!(line(Ipv6Addr::LOCALHOST.into(), None), expected);
    }
}
