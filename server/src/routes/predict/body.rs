use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body;

use crate::error::{ApiError, ApiResult};
use crate::middleware::body_limit::too_large;
use crate::middleware::content_encoding::ContentEncoding;
use crate::router::LARGEST_BODY;

/// Longest time for a body to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether it is what most clients write.
pub(super) fn is_plain_json(media: Option<&HeaderValue>) -> bool {
    media.is_some_and(|media| media == "application/json")
}

pub(in crate::routes) fn check_json(headers: &HeaderMap) -> ApiResult<()> {
    let media = headers.get(CONTENT_TYPE);
    if is_plain_json(media) {
        return Ok(());
    }
    let media = media
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media
        .split_once(';')
        .map_or(media, |(essence, _)| essence)
        .trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the body must be JSON: send the header Content-Type: application/json";
    Err(ApiError::http(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        message,
    ))
}

/// Reads a body whole, and unpacks it when it was packed.
pub(in crate::routes) async fn read<B>(headers: &HeaderMap, body: B) -> ApiResult<Bytes>
where
    B: Body<Data = Bytes> + Unpin,
{
    match ContentEncoding::of(headers)? {
        None => sent(body).await,
        Some(encoding) => encoding.unpack(sent(body).await?).await,
    }
}

/// The body as it was sent.
pub(in crate::routes) async fn sent<B>(mut body: B) -> ApiResult<Bytes>
where
    B: Body<Data = Bytes> + Unpin,
{
    // What the request's head tells of it.
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Err(too_large().into());
    }
    let mut deadline = None;
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        // Mostly the body came with the head; a timer is set only when it did not.
        let frame = if let Some(frame) = body.frame().now_or_never() {
            frame
        } else {
            let deadline = *deadline.get_or_insert_with(|| tokio::time::Instant::now() + PATIENCE);
            tokio::time::timeout_at(deadline, body.frame())
                .await
                .map_err(|_| too_slow())?
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| ApiError::bad_request("the body broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + whole.len() + data.len() > LARGEST_BODY {
            return Err(too_large().into());
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            if body.is_end_stream() {
                return Ok(first);
            }
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

fn too_slow() -> ApiError {
    let message = format!("the body did not arrive within {} s", PATIENCE.as_secs());
    ApiError::http(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
}
