//! Plain HTTP where TLS is spoken: refused on the port of HTTPS, sent on to it by the port that is there for that.

use std::time::Instant;

use axum::response::IntoResponse as _;
use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use url::Url;

use super::Peer;
use crate::error::{self, ApiError, ApiResult, Failed};
use crate::extract::request_id::X_REQUEST_ID;
use crate::extract::{ClientIp, RequestId};
use crate::middleware::edge::{self, Line};
use crate::middleware::{headers, hosts};
use crate::routes::predict::direct::PredictBody;
use crate::state::AppState;

/// From the head of a request to where it should have gone.
pub(super) type Answer = fn(&AppState, &http::request::Parts) -> ApiResult<HeaderValue>;

/// For the port that speaks TLS alone.
pub(super) fn refuse(state: &AppState, _: &http::request::Parts) -> ApiResult<HeaderValue> {
    let message = format!(
        "this port speaks HTTPS and the request came as plain HTTP: ask for {}",
        state.base_url
    );
    Err(ApiError::http(
        StatusCode::BAD_REQUEST,
        "tls_required",
        message,
    ))
}

/// For the port that sends on. What reads may come again by HTTPS; anything else has brought its body by plain HTTP already.
pub(super) fn redirect(state: &AppState, head: &http::request::Parts) -> ApiResult<HeaderValue> {
    if !hosts::is_allowed(state, &head.headers, &head.uri) {
        return Err(hosts::misdirected());
    }
    let authority = hosts::authority(&head.headers, &head.uri).ok_or_else(hosts::misdirected)?;
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let port = match port(state) {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let target = format!("https://{}{port}{path}", authority.host());
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let message = format!(
            "this address only sends on to HTTPS, and what the request carried was readable on its way: send it to {target}, \
             and replace the key or password that was in it"
        );
        return Err(ApiError::http(
            StatusCode::FORBIDDEN,
            "tls_required",
            message,
        ));
    }
    HeaderValue::try_from(target)
        .map_err(|_| ApiError::bad_request("the address can not be sent on to HTTPS"))
}

/// Of HTTPS, as clients reach it.
fn port(state: &AppState) -> u16 {
    let public = state.config.http.public_url.as_ref();
    public
        .and_then(Url::port_or_known_default)
        .unwrap_or(state.bound.port())
}

pub(super) fn respond<B>(
    state: &AppState,
    peer: Peer,
    request: Request<B>,
    answer: Answer,
) -> Response<PredictBody> {
    let started = Instant::now();
    let now = state.platform.clock.now();
    let (head, _) = request.into_parts();
    let request_id = RequestId::of(&head.headers, now);
    let response = match answer(state, &head) {
        Ok(location) => {
            let mut response = Response::new(PredictBody::default());
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(error) => error.into_response().map(|_| PredictBody::default()),
    };
    let path = head.uri.path();
    let failed = Failed {
        method: &head.method,
        path,
        headers: &head.headers,
        is_bearer: edge::is_bearer(&head.headers),
        request_id: &request_id,
        now,
    };
    let mut response = error::finish(&failed, response);
    headers::secure(path, response.headers_mut());
    response
        .headers_mut()
        .insert(X_REQUEST_ID, request_id.header());
    edge::log(&Line {
        method: &head.method,
        path,
        route: "",
        request_id: &request_id,
        client: ClientIp::of(
            Some(&peer),
            &head.headers,
            &state.config.http.trusted_proxies,
        ),
        took: started.elapsed(),
        now,
        status: response.status(),
        served: None,
    });
    response
}
