//! What a prediction's answer carries besides its body.

use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::Bytes;
use domain::budgets::BudgetPeriod;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use serving::limits::Allowance;
use serving::predict::Answer;

use super::answer::{Ended, Success};
use crate::middleware::edge::Served;

const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
/// How many bytes of a body are JSON, when binary data follows them.
pub(in crate::routes) const JSON_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Headers of a prediction's answer, those of the outermost layer and of hyper among them.
const MOST_HEADERS: usize = 20;

pub type PredictBody = Full<Bytes>;

/// The answer without what the outermost layer adds, and which version it came from.
pub(super) fn respond(ended: Ended) -> (Response<PredictBody>, Option<Served>) {
    respond_with(ended, whole)
}

/// `write` makes the answer's body a response's, and says what it is.
pub(in crate::routes) fn respond_with<B: Default>(
    ended: Ended,
    write: impl FnOnce(Vec<u8>, Option<usize>) -> Response<B>,
) -> (Response<B>, Option<Served>) {
    let (mut response, served) = match ended.outcome {
        Ok(Success {
            answer,
            served,
            authenticated,
            loaded,
        }) => (succeed(answer, authenticated, loaded, write), Some(served)),
        Err(error) => (error.into_response().map(|_| B::default()), None),
    };
    if let Some(allowance) = &ended.allowance {
        rate_headers(response.headers_mut(), allowance);
    }
    (response, served)
}

/// JSON, with binary data behind it if it has a length of its own.
fn whole(body: Vec<u8>, json_length: Option<usize>) -> Response<PredictBody> {
    let mut response = Response::new(PredictBody::from(body));
    let headers = response.headers_mut();
    headers.reserve(MOST_HEADERS);
    let media = if let Some(length) = json_length {
        headers.insert(JSON_LENGTH, length.into());
        "application/octet-stream"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn succeed<B>(
    answer: Answer,
    authenticated: Duration,
    loaded: Option<Duration>,
    write: impl FnOnce(Vec<u8>, Option<usize>) -> Response<B>,
) -> Response<B> {
    let timing = server_timing(authenticated, loaded, answer.parse, answer.predict);
    let mut response = write(answer.body, answer.json_length);
    let headers = response.headers_mut();
    headers.insert(X_MODEL_VERSION, answer.version.into());
    insert(headers, SERVER_TIMING, timing);
    response
}

/// In milliseconds, to the microsecond.
fn server_timing(
    auth: Duration,
    load: Option<Duration>,
    parse: Duration,
    predict: Duration,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(64);
    for (name, part) in [
        ("auth;dur=", Some(auth)),
        (", load;dur=", load),
        (", parse;dur=", Some(parse)),
        (", predict;dur=", Some(predict)),
    ] {
        let Some(part) = part else { continue };
        let micros = part.as_micros() as u64;
        text.extend_from_slice(name.as_bytes());
        number(&mut text, micros / 1000);
        text.push(b'.');
        text.extend([100, 10, 1].map(|place| b'0' + (micros / place % 10) as u8));
    }
    text
}

pub(in crate::routes) fn rate_headers(headers: &mut HeaderMap, allowance: &Allowance) {
    let item = |first: &str, one: u64, second: &str, other: u64| {
        let mut text = Vec::with_capacity(32);
        text.extend_from_slice(first.as_bytes());
        number(&mut text, one);
        text.extend_from_slice(second.as_bytes());
        number(&mut text, other);
        text
    };
    let rate = allowance.rate;
    let mut left = item(
        "\"key\";r=",
        allowance.remaining.into(),
        ";t=",
        allowance.reset_seconds,
    );
    let mut policy = item(
        "\"key\";q=",
        rate.requests.into(),
        ";w=",
        rate.per_seconds.into(),
    );
    if let Some(part) = allowance.budget {
        let (of_left, of_policy) = match part.budget.per {
            BudgetPeriod::Day => (", \"day\";r=", ", \"day\";q="),
            BudgetPeriod::Month => (", \"month\";r=", ", \"month\";q="),
        };
        left.extend(item(of_left, part.remaining, ";t=", part.reset_seconds));
        policy.extend_from_slice(of_policy.as_bytes());
        number(&mut policy, part.budget.requests);
    }
    insert(headers, RATE_LIMIT, left);
    insert(headers, RATE_LIMIT_POLICY, policy);
    if let Some(seconds) = allowance.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
}

fn number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Vec<u8>) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_millisecond_have_three_places() {
        let timing = |load| {
            let text = server_timing(
                Duration::from_micros(35),
                load,
                Duration::from_micros(1204),
                Duration::from_nanos(900),
            );
            String::from_utf8(text).unwrap()
        };
        assert_eq!(
            timing(None),
            "auth;dur=0.035, parse;dur=1.204, predict;dur=0.000"
        );
        assert_eq!(
            timing(Some(Duration::from_millis(12))),
            "auth;dur=0.035, load;dur=12.000, parse;dur=1.204, predict;dur=0.000"
        );
    }
}
