//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, is not done again. Only answers of success
//! are kept: what made nothing may be tried again with the same key.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Error;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use platform::idempotent_requests::{self, Claim, Named};
use sha2::{Digest as _, Sha256};
use store::idempotent_requests::Answer;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, json};
use crate::router::LARGEST_BODY;
use crate::routes::imports::LONGEST_JSON;
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier try.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key, in characters.
const LONGEST: usize = 255;

/// For requests whose body is read whole; it is part of what must be the same.
pub async fn whole(State(state): State<AppState>, request: Request, next: Next) -> Response {
    Box::pin(once(&state, request, next, Bodies::Whole)).await
}

/// For uploads, which are not held in memory: the same name and length are the same upload. What is JSON among them is read whole.
pub async fn streamed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    Box::pin(once(&state, request, next, Bodies::Streamed)).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bodies {
    Whole,
    Streamed,
}

async fn once(state: &AppState, request: Request, next: Next, bodies: Bodies) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    match claim(state, request, bodies).await {
        Ok((claim, request)) => {
            let holds_secret = holds_secret(request.uri().path());
            perform(state, claim, holds_secret, next.run(request)).await
        }
        Err(error) => error.into_response(),
    }
}

/// For a handler that claims by itself: does the work and keeps its answer, or gives the answer of the first time.
pub async fn perform(
    state: &AppState,
    claim: Claim,
    holds_secret: bool,
    work: impl Future<Output = Response> + Send + 'static,
) -> Response {
    let named = match claim {
        Claim::Do(named) => named,
        Claim::Done(answer) => return replay(answer),
    };
    let task = state.clone();
    // A task of its own: a client that goes away before the answer is the one that will try again.
    let done = state.tasks.spawn(async move {
        let response = work.await;
        settle(&task, &named, response, holds_secret).await
    });
    done.await
        .unwrap_or_else(|error| ApiError::from(Error::internal(error)).into_response())
}

async fn claim(state: &AppState, request: Request, bodies: Bodies) -> ApiResult<(Claim, Request)> {
    let (mut parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let Caller { actor, .. } = Caller::from_request_parts(&mut parts, state).await?;
    let is_upload = bodies == Bodies::Streamed && !json::is_json(&parts.headers);
    let length = header(&parts, &CONTENT_LENGTH).filter(|_| is_upload);
    let mut hash = hash_head(&parts, length);
    let body = if is_upload {
        body
    } else {
        let bytes = match bodies {
            Bodies::Whole => json::body(Request::new(body), &()).await?,
            Bodies::Streamed => json::body_within(body, LONGEST_JSON).await?,
        };
        hash.update(&bytes);
        Body::from(bytes)
    };
    let claim =
        idempotent_requests::claim(&state.platform, &actor, &key, hash.finalize().into()).await?;
    Ok((claim, Request::from_parts(parts, body)))
}

/// What must be the same of a request whose body is read whole.
pub fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    hash_head(parts, None).chain_update(body).finalize().into()
}

fn hash_head(parts: &Parts, length: Option<&str>) -> Sha256 {
    let mut hash = Sha256::new();
    for part in [
        parts
            .uri
            .path_and_query()
            .map(http::uri::PathAndQuery::as_str),
        media_type(parts),
        length,
    ] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    hash
}

/// The key of a request that has one.
///
/// # Errors
/// 400 for a malformed one.
pub fn key_of(headers: &HeaderMap) -> ApiResult<Option<String>> {
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        return Ok(None);
    }
    key(headers).map(Some)
}

fn key(headers: &HeaderMap) -> ApiResult<String> {
    let bad = || {
        ApiError::bad_request(format!(
            "the header Idempotency-Key must come once, with 1 to {LONGEST} visible ASCII characters: send a new UUID for each request"
        ))
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = values.next().ok_or_else(bad)?;
    let is_good = values.next().is_none()
        && (1..=LONGEST).contains(&value.len())
        && value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(text) if is_good => Ok(text.to_owned()),
        _ => Err(bad()),
    }
}

fn header<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// Without the boundary of a form, which is another one with every try.
fn media_type(parts: &Parts) -> Option<&str> {
    let media = header(parts, &CONTENT_TYPE)?;
    match media.split_once(';') {
        Some((form, _)) if form.trim().eq_ignore_ascii_case("multipart/form-data") => Some(form),
        _ => Some(media),
    }
}

/// Secrets are kept nowhere but where they have their place, so answers that show one are not kept.
fn holds_secret(path: &str) -> bool {
    ["/api-keys", "/invitations", "/webhook-secret"]
        .iter()
        .any(|noun| path.contains(noun))
}

/// Keeps the answer of a request that made something, else frees its key.
async fn settle(
    state: &AppState,
    named: &Named,
    response: Response,
    holds_secret: bool,
) -> Response {
    let platform = &state.platform;
    if !response.status().is_success() {
        // Left as it is, the key would be free in some minutes.
        if let Err(error) = idempotent_requests::release(platform, named).await {
            tracing::warn!(%error, "an idempotency key is not released");
        }
        return response;
    }
    let (parts, body) = response.into_parts();
    // Answers of success are short here.
    let body = match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(error) => return ApiError::from(Error::internal(error)).into_response(),
    };
    let text = |name: &HeaderName| {
        let value: &HeaderValue = parts.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let answer = Answer {
        status: i16::try_from(parts.status.as_u16()).unwrap_or(200),
        location: text(&LOCATION),
        media_type: text(&CONTENT_TYPE),
        body: (!holds_secret).then(|| body.to_vec()),
    };
    // What was done is done, whether or not a repeat can be told apart.
    if let Err(error) = idempotent_requests::keep(platform, named, &answer).await {
        tracing::warn!(%error, "an answer is not kept for its idempotency key");
    }
    Response::from_parts(parts, Body::from(body))
}

fn replay(answer: Answer) -> Response {
    let Some(body) = answer.body else {
        return ApiError::from(Error::conflict(
            "idempotent_answer_withheld",
            "the first request with this Idempotency-Key succeeded, and its secret was shown once: list what it made, or make another with a new key",
        ))
        .into_response();
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = u16::try_from(answer.status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, answer.media_type),
        (LOCATION, answer.location),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
