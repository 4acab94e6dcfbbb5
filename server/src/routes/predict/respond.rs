//! What a prediction's answer carries besides its body.

use std::sync::LazyLock;
use std::time::Duration;

use axum::response::IntoResponse as _;
use bytes::Bytes;
use domain::Name;
use domain::budgets::BudgetPeriod;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use serving::limits::Allowance;
use serving::predict::Answer;

use super::answer::{Ended, Found, Refused, Success};
use crate::extract::RequestId;
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
const MOST_TEXT: usize = 256;

pub type PredictBody = Full<Bytes>;

/// Which model a response came from, and its version.
pub(in crate::routes) struct Answered {
    found: Found,
    version: i32,
}

impl Answered {
    pub(super) fn model(&self) -> (&Name, i32) {
        (self.found.model(), self.version)
    }

    /// For the outermost layer.
    pub(in crate::routes) fn served(&self) -> Served {
        let (model, version) = self.model();
        Served {
            model: model.clone(),
            version,
        }
    }
}

/// The answer without what the outermost layer adds. With `request_id` that is there, too, but for what errors carry.
pub(super) fn respond(
    ended: Ended,
    request_id: Option<&RequestId>,
) -> (Response<PredictBody>, Option<Answered>) {
    respond_with(ended, request_id, whole)
}

/// `write` makes the answer's body a response's, and says what it is.
pub(in crate::routes) fn respond_with<B: Default>(
    ended: Ended,
    request_id: Option<&RequestId>,
    write: impl FnOnce(Bytes, Option<usize>) -> Response<B>,
) -> (Response<B>, Option<Answered>) {
    match ended.outcome {
        Ok(success) => {
            let Success {
                mut answer,
                found,
                allowance,
                authenticated,
                loaded,
            } = success;
            // Behind the body, so that all that is written for an answer shares one piece of memory.
            let mut text = std::mem::take(&mut answer.body);
            let mut begin = text.len();
            let timing = (authenticated, loaded);
            let ends = write_values(&mut text, &answer, timing, &allowance, request_id);
            let mut text = Bytes::from(text);
            let mut response = write(text.split_to(begin), answer.json_length);
            let values = ends.map(|end| {
                let value = text.split_to(end - begin);
                begin = end;
                let value = (!value.is_empty()).then_some(value)?;
                HeaderValue::from_maybe_shared(value).ok()
            });
            set(response.headers_mut(), values);
            let version = answer.version;
            (response, Some(Answered { found, version }))
        }
        Err(Refused { error, allowance }) => {
            let mut response = error.into_response().map(|_| B::default());
            if let Some(allowance) = &allowance {
                rate_headers(response.headers_mut(), allowance);
            }
            (response, None)
        }
    }
}

/// JSON, with binary data behind it if it has a length of its own.
fn whole(body: Bytes, json_length: Option<usize>) -> Response<PredictBody> {
    let mut response = Response::new(PredictBody::new(body));
    let headers = response.headers_mut();
    headers.clone_from(&BEGUN);
    if let Some(length) = json_length {
        headers.insert(JSON_LENGTH, length.into());
        let media = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, media);
    }
    response
}

/// Whose values are written for each answer, in this order. The last one only where the outermost layer does not.
static WRITTEN: [HeaderName; 5] = [
    X_MODEL_VERSION,
    SERVER_TIMING,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    X_REQUEST_ID,
];

/// The headers of an answer in JSON, those first whose values come later: to copy them costs less than to insert each.
static BEGUN: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::new();
    for name in &WRITTEN {
        headers.insert(name, HeaderValue::from_static(""));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers::secure_data(&mut headers);
    headers
});

/// Sets headers that mostly stand there already, in this order: one look at the first of them costs less than to find each.
fn set(headers: &mut HeaderMap, mut values: [Option<HeaderValue>; WRITTEN.len()]) {
    let written = WRITTEN.iter().zip(&mut values);
    for ((name, place), (expected, value)) in headers.iter_mut().zip(written) {
        if name != expected {
            break;
        }
        if let Some(value) = value.take() {
            *place = value;
        }
    }
    for (name, value) in WRITTEN.iter().zip(values) {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// Writes the value of each of [`WRITTEN`], and says where it ends.
fn write_values(
    text: &mut Vec<u8>,
    answer: &Answer,
    (authenticated, loaded): (Duration, Option<Duration>),
    allowance: &Allowance,
    request_id: Option<&RequestId>,
) -> [usize; WRITTEN.len()] {
    text.reserve_exact(MOST_TEXT);
    number(text, answer.version);
    let version = text.len();
    let parts = [
        ("auth;dur=", Some(authenticated)),
        (", load;dur=", loaded),
        (", parse;dur=", Some(answer.parse)),
        (", queue;dur=", answer.queued),
        (", predict;dur=", Some(answer.predict)),
    ];
    write_timing(text, parts);
    let timing = text.len();
    write_rate(text, allowance);
    let rate = text.len();
    write_policy(text, allowance);
    let policy = text.len();
    if let Some(request_id) = request_id {
        text.extend_from_slice(request_id.as_bytes());
    }
    [version, timing, rate, policy, text.len()]
}

/// In milliseconds, to the microsecond.
fn write_timing(text: &mut Vec<u8>, parts: [(&str, Option<Duration>); 5]) {
    for (name, part) in parts {
        let Some(part) = part else { continue };
        let micros = part.as_micros() as u64;
        text.extend_from_slice(name.as_bytes());
        number(text, micros / 1000);
        let [hundreds, tens, ones] = [100, 10, 1].map(|place| b'0' + (micros / place % 10) as u8);
        text.extend_from_slice(&[b'.', hundreds, tens, ones]);
    }
}

pub(in crate::routes) fn rate_headers(headers: &mut HeaderMap, allowance: &Allowance) {
    let mut rate = Vec::with_capacity(64);
    write_rate(&mut rate, allowance);
    let mut policy = Vec::with_capacity(64);
    write_policy(&mut policy, allowance);
    for (name, text) in [(RATE_LIMIT, rate), (RATE_LIMIT_POLICY, policy)] {
        if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = allowance.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
}

/// What is left.
fn write_rate(text: &mut Vec<u8>, allowance: &Allowance) {
    text.extend_from_slice(b"\"key\";r=");
    number(text, allowance.remaining);
    text.extend_from_slice(b";t=");
    number(text, allowance.reset_seconds);
    if let Some(left) = allowance.budget {
        text.extend_from_slice(period(left.budget.per));
        text.extend_from_slice(b"r=");
        number(text, left.remaining);
        text.extend_from_slice(b";t=");
        number(text, left.reset_seconds);
    }
}

/// Of how many.
fn write_policy(text: &mut Vec<u8>, allowance: &Allowance) {
    text.extend_from_slice(b"\"key\";q=");
    number(text, allowance.rate.requests);
    text.extend_from_slice(b";w=");
    number(text, allowance.rate.per_seconds);
    if let Some(left) = allowance.budget {
        text.extend_from_slice(period(left.budget.per));
        text.extend_from_slice(b"q=");
        number(text, left.budget.requests);
    }
}

fn period(per: BudgetPeriod) -> &'static [u8] {
    match per {
        BudgetPeriod::Day => b", \"day\";",
        BudgetPeriod::Month => b", \"month\";",
    }
}

fn number(text: &mut Vec<u8>, number: impl itoa::Integer) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
        let mut text = Vec::new();
        write_timing(&mut text, parts);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "auth;dur=0.035, load;dur=12.000, parse;dur=1.204, predict;dur=0.000"
        );
    }

    #[test]
    fn headers_are_set_wherever_they_stand() {
        let values =
            || ["3", "t", "l", "p", "r-1"].map(|value| Some(HeaderValue::from_static(value)));
        let mut begun = BEGUN.clone();
        let mut other = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (SERVER_TIMING, HeaderValue::from_static("")),
        ]);
        for headers in [&mut begun, &mut other] {
            set(headers, values());
            for (name, value) in WRITTEN.iter().zip(values()) {
                assert_eq!(headers.get_all(name).iter().count(), 1, "{name}");
                assert_eq!(headers.get(name), value.as_ref(), "{name}");
            }
            assert_eq!(headers[CONTENT_TYPE], "application/json");
        }
        let mut routed = BEGUN.clone();
        let [version, timing, rate, policy, _] = values();
        set(&mut routed, [version, timing, rate, policy, None]);
        assert_eq!(routed[X_MODEL_VERSION], "3");
        assert_eq!(routed[X_REQUEST_ID], "");
    }
}
