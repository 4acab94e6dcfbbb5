//! The outermost layer: gives the request its id and client address, keeps a panic from ending the connection, writes
//! the bodies of errors, adds the security headers, and logs the request. One layer, because the prediction path has it too.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Error, Name, Timestamp};
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
    pub model: Name,
    pub version: i32,
}

pub async fn edge(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::of(request.headers(), state.platform.clock.now());
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
    let served = response.extensions().get::<Served>();
    log(&Line {
        method: &seen.method,
        path: &seen.path,
        route: seen.route.as_ref().map_or("", MatchedPath::as_str),
        request_id: &request_id,
        client,
        took: started.elapsed(),
        now,
        status: Meant::by(&response),
        served: served.map(|Served { model, version }| (model, *version)),
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
    pub took: Duration,
    pub now: Timestamp,
    pub status: StatusCode,
    /// The model that answered, and its version.
    pub served: Option<(&'a Name, i32)>,
}

/// Predictions log their requests, so the line is written by hand: going through a serializer field by field takes a
/// fifth of a prediction's instructions.
pub fn log(line: &Line<'_>) {
    let Some(log) = logging::access() else {
        return;
    };
    if line.served.is_some() && !log.takes_prediction(line.now) {
        return;
    }
    let mut text = Vec::with_capacity(512);
    if line.write(&mut text).is_ok() {
        log.add(&text);
    }
}

impl Line<'_> {
    /// In the shape of every other line. Only the path can hold what JSON escapes: ids, names and addresses are checked,
    /// methods are tokens, and routes are our own. Piece by piece, since the length of one that is written out here is known
    /// when this is compiled.
    fn write(&self, text: &mut Vec<u8>) -> io::Result<()> {
        text.extend_from_slice(br#"{"timestamp":""#);
        if let Some(now) = self.now.text() {
            text.extend_from_slice(now.as_bytes());
        }
        text.extend_from_slice(br#"","level":"INFO","message":"request","request_id":""#);
        text.extend_from_slice(self.request_id.as_bytes());
        text.extend_from_slice(br#"","method":""#);
        text.extend_from_slice(self.method.as_str().as_bytes());
        text.extend_from_slice(br#"","path":"#);
        serde_json::to_writer(&mut *text, self.path)?;
        text.extend_from_slice(br#","route":""#);
        text.extend_from_slice(self.route.as_bytes());
        text.extend_from_slice(br#"","status":"#);
        text.extend_from_slice(self.status.as_str().as_bytes());
        text.extend_from_slice(br#","micros":"#);
        number(text, self.took.as_micros() as u64);
        text.extend_from_slice(br#","client":""#);
        match self.client.0 {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                number(text, first);
                for octet in rest {
                    text.push(b'.');
                    number(text, octet);
                }
            }
            IpAddr::V6(address) => write!(text, "{address}")?,
        }
        if let Some((model, version)) = self.served {
            text.extend_from_slice(br#"","model":""#);
            text.extend_from_slice(model.as_str().as_bytes());
            text.extend_from_slice(br#"","version":"#);
            number(text, version);
            text.extend_from_slice(br#","target":""#);
        } else {
            text.extend_from_slice(br#"","target":""#);
        }
        text.extend_from_slice(logging::ACCESS.as_bytes());
        text.extend_from_slice(b"\"}\n");
        Ok(())
    }
}

fn number(text: &mut Vec<u8>, number: impl itoa::Integer) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
        let model = Name::new("price").unwrap();
        let line = |client, served| {
            let mut text = Vec::new();
            Line {
                method: &Method::POST,
                path: "/predict/a\"b\\c\u{1}",
                route: "/predict/{deployment}",
                request_id: &request_id,
                client: ClientIp(client),
                took: Duration::from_micros(1250),
                now: Timestamp::UNIX_EPOCH,
                status: StatusCode::OK,
                served,
            }
            .write(&mut text)
            .unwrap();
            assert!(text.ends_with(b"}\n"));
            serde_json::from_slice::<Value>(&text).unwrap()
        };
        let mut expected = json!({
            "timestamp": "1970-01-01T00:00:00Z", "level": "INFO", "message": "request", "request_id": "r-1",
            "method": "POST", "path": "/predict/a\"b\\c\u{1}", "route": "/predict/{deployment}", "status": 200,
            "micros": 1250, "client": "127.0.0.1", "model": "price", "version": 3, "target": "access",
        });
        assert_eq!(
            line(Ipv4Addr::LOCALHOST.into(), Some((&model, 3))),
            expected
        );
        let members = expected.as_object_mut().unwrap();
        members.remove("model");
        members.remove("version");
        members["client"] = json!("::1");
        assert_eq!(line(Ipv6Addr::LOCALHOST.into(), None), expected);
    }
}
