//! What a prediction's answer carries besides its body.

use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use serving::limits::Allowance;

use super::answer::{Ended, Success};

const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Headers of a prediction's answer, those of the outermost layer and of hyper among them.
const MOST_HEADERS: usize = 20;

pub type PredictBody = Full<Bytes>;

pub(super) fn respond(ended: Ended) -> Response<PredictBody> {
    let mut response = match ended.outcome {
        Ok(success) => succeed(success),
        Err(error) => error.into_response().map(|_| PredictBody::default()),
    };
    if let Some(allowance) = &ended.allowance {
        rate_headers(response.headers_mut(), allowance);
    }
    response
}

fn succeed(success: Success) -> Response<PredictBody> {
    let Success {
        answer,
        served,
        authenticated,
    } = success;
    let timing = server_timing(authenticated, answer.parse, answer.predict);
    let mut response = Response::new(PredictBody::from(answer.body));
    let headers = response.headers_mut();
    headers.reserve(MOST_HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_MODEL_VERSION, answer.version.into());
    if let Ok(timing) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING, timing);
    }
    response.extensions_mut().insert(served);
    response
}

/// In milliseconds, to the microsecond.
fn server_timing(auth: Duration, parse: Duration, predict: Duration) -> String {
    let millis = |part: Duration| (part.as_micros() / 1000, part.as_micros() % 1000);
    let [auth, parse, predict] = [millis(auth), millis(parse), millis(predict)];
    format!(
        "auth;dur={}.{:03}, parse;dur={}.{:03}, predict;dur={}.{:03}",
        auth.0, auth.1, parse.0, parse.1, predict.0, predict.1
    )
}

fn rate_headers(headers: &mut HeaderMap, allowance: &Allowance) {
    let limit = format!(
        "\"key\";r={};t={}",
        allowance.remaining, allowance.reset_seconds
    );
    let policy = format!(
        "\"key\";q={};w={}",
        allowance.rate.requests, allowance.rate.per_seconds
    );
    for (name, value) in [(RATE_LIMIT, limit), (RATE_LIMIT_POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = allowance.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
}
