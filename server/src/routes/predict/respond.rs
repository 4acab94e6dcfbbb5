//! What a prediction's answer carries besides its body.

use std::sync::LazyLock;
use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::{Bytes, BytesMut};
use domain::budgets::BudgetPeriod;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use serving::limits::Allowance;
use serving::predict::Answer;

use super::answer::{Ended, Success};
use crate::extract::request_id::X_REQUEST_ID;
use crate::middleware::edge::Served;
use crate::middleware::headers;

const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
/// How many bytes of a body are JSON, when binary data follows them.
pub(in crate::routes) const JSON_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Of the values of headers that are written anew for each answer, in bytes.
const MOST_TEXT: usize = 192;

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
    let Ended {
        outcome, allowance, ..
    } = ended;
    match outcome {
        Ok(Success {
            answer,
            served,
            authenticated,
            loaded,
        }) => {
            let mut text = BytesMut::with_capacity(MOST_TEXT);
            let [version, timing] = own_values(&answer, authenticated, loaded, &mut text);
            let rate = allowance.map(|allowance| rate_values(&allowance, &mut text));
            let [left, policy] = rate.map_or([None, None], |values| values.map(Some));
            let mut response = write(answer.body, answer.json_length);
            let values = [Some(version), Some(timing), left, policy];
            set(response.headers_mut(), values);
            (response, Some(served))
        }
        Err(error) => {
            let mut response = error.into_response().map(|_| B::default());
            if let Some(allowance) = &allowance {
                rate_headers(response.headers_mut(), allowance);
            }
            (response, None)
        }
    }
}

/// JSON, with binary data behind it if it has a length of its own.
fn whole(body: Vec<u8>, json_length: Option<usize>) -> Response<PredictBody> {
    let mut response = Response::new(PredictBody::from(body));
    let headers = response.headers_mut();
    headers.clone_from(&BEGUN);
    if let Some(length) = json_length {
        headers.insert(JSON_LENGTH, length.into());
        let media = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, media);
    }
    response
}

/// What [`set`] sets, in its order.
static LATER: [HeaderName; 4] = [
    X_MODEL_VERSION,
    SERVER_TIMING,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
];

/// The headers of an answer in JSON, with room for those that come later: to copy them costs less than to insert each.
static BEGUN: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers::secure("", &mut headers);
    for name in LATER.iter().chain([&X_REQUEST_ID]) {
        headers.insert(name, HeaderValue::from_static(""));
    }
    headers
});

/// Sets headers that mostly stand there already, in this order: one look at all of them costs less than to find each.
fn set(headers: &mut HeaderMap, mut values: [Option<HeaderValue>; LATER.len()]) {
    let mut next = 0;
    for (name, value) in headers.iter_mut() {
        if LATER.get(next) == Some(name) {
            if let Some(new) = values[next].take() {
                *value = new;
            }
            next += 1;
        }
    }
    for (name, value) in LATER.iter().zip(values) {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

fn own_values(
    answer: &Answer,
    authenticated: Duration,
    loaded: Option<Duration>,
    text: &mut BytesMut,
) -> [HeaderValue; 2] {
    number(text, answer.version);
    let version = value(text);
    let parts = [
        ("auth;dur=", Some(authenticated)),
        (", load;dur=", loaded),
        (", parse;dur=", Some(answer.parse)),
        (", queue;dur=", answer.queued),
        (", predict;dur=", Some(answer.predict)),
    ];
    server_timing(text, parts);
    [version, value(text)]
}

/// In milliseconds, to the microsecond.
fn server_timing(text: &mut BytesMut, parts: [(&str, Option<Duration>); 5]) {
    for (name, part) in parts {
        let Some(part) = part else { continue };
        let micros = part.as_micros() as u64;
        text.extend_from_slice(name.as_bytes());
        number(text, micros / 1000);
        let places = [100, 10, 1].map(|place| b'0' + (micros / place % 10) as u8);
        text.extend_from_slice(b".");
        text.extend_from_slice(&places);
    }
}

pub(in crate::routes) fn rate_headers(headers: &mut HeaderMap, allowance: &Allowance) {
    let [left, policy] = rate_values(allowance, &mut BytesMut::with_capacity(MOST_TEXT));
    headers.insert(RATE_LIMIT, left);
    headers.insert(RATE_LIMIT_POLICY, policy);
    if let Some(seconds) = allowance.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
}

fn rate_values(allowance: &Allowance, text: &mut BytesMut) -> [HeaderValue; 2] {
    let rate = allowance.rate;
    let budget = allowance.budget.map(|left| match left.budget.per {
        BudgetPeriod::Day => (", \"day\";", left),
        BudgetPeriod::Month => (", \"month\";", left),
    });
    item(text, "\"key\";", "r=", allowance.remaining.into());
    item(text, ";", "t=", allowance.reset_seconds);
    if let Some((name, left)) = budget {
        item(text, name, "r=", left.remaining);
        item(text, ";", "t=", left.reset_seconds);
    }
    let left = value(text);
    item(text, "\"key\";", "q=", rate.requests.into());
    item(text, ";", "w=", rate.per_seconds.into());
    if let Some((name, left)) = budget {
        item(text, name, "q=", left.budget.requests);
    }
    [left, value(text)]
}

fn item(text: &mut BytesMut, before: &str, name: &str, value: u64) {
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(name.as_bytes());
    number(text, value);
}

fn number(text: &mut BytesMut, number: impl itoa::Integer) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// What was written since the last one: the headers of an answer share one piece of memory.
fn value(text: &mut BytesMut) -> HeaderValue {
    let value = HeaderValue::from_maybe_shared(text.split().freeze());
    value.unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_millisecond_have_three_places() {
        let parts = [
            ("auth;dur=", Some(Duration::from_micros(35))),
            (", load;dur=", Some(Duration::from_millis(12))),
            (", parse;dur=", Some(Duration::from_micros(1204))),
            (", queue;dur=", None),
            (", predict;dur=", Some(Duration::from_nanos(900))),
        ];
        let mut text = BytesMut::new();
        server_timing(&mut text, parts);
        assert_eq!(
            text,
            "auth;dur=0.035, load;dur=12.000, parse;dur=1.204, predict;dur=0.000"
        );
    }
}
