//! How gRPC frames a message: a byte that says whether it is packed, its length in four, and what it consists of. Behind
//! that of an answer stands, in the trailers, that the call went well.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use domain::{Error, FieldError};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use prost::Message;

use super::status::GRPC_STATUS;
use crate::error::{ApiError, ApiResult};
use crate::middleware::content_encoding::{ContentEncoding, UNSUPPORTED};
use crate::routes::predict::body;

pub const MEDIA_TYPE: &str = "application/grpc";

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Whether the body is said to be a message as it is read here.
pub(super) fn is_declared(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    matches!(media, Some(MEDIA_TYPE | "application/grpc+proto"))
}

/// # Errors
/// As [`bytes`], and `Invalid` for a message of another type.
pub(super) async fn read<M: Message + Default>(headers: &HeaderMap, body: Body) -> ApiResult<M> {
    let message = bytes(headers, body).await?;
    M::decode(message).map_err(|error| {
        let expected = "a message of the type that the call takes";
        let error = FieldError::new("", "malformed_protobuf", expected).got(error.to_string());
        Error::Invalid(vec![error]).into()
    })
}

/// The one message of a request, unpacked, of any type.
///
/// # Errors
/// 415 for another media type or packing, 413 for more than a body may have, packed or not, 400 for anything but one
/// whole message.
pub(super) async fn bytes(headers: &HeaderMap, body: Body) -> ApiResult<Bytes> {
    if !is_declared(headers) {
        let message = "this is called by gRPC: send the header Content-Type: application/grpc";
        return Err(ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        ));
    }
    let encoding = encoding(headers)?;
    let mut sent = body::sent(body).await?;
    let whole = sent.split_first_chunk::<5>().and_then(|(prefix, rest)| {
        let [is_packed @ (0 | 1), length @ ..] = *prefix else {
            return None;
        };
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        (length == rest.len()).then_some(is_packed == 1)
    });
    let Some(is_packed) = whole else {
        return Err(ApiError::bad_request(
            "the body is not one whole message: send a byte that is 0, or 1 if the message is packed, its length in 4 bytes, \
             and the message",
        ));
    };
    let message = sent.split_off(5);
    match encoding {
        _ if !is_packed => Ok(message),
        Some(encoding) => encoding.unpack(message).await,
        None => Err(ApiError::bad_request(
            "the message is said to be packed, and the header grpc-encoding does not say how",
        )),
    }
}

fn encoding(headers: &HeaderMap) -> ApiResult<Option<ContentEncoding>> {
    match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(ContentEncoding::Gzip)),
        Some(b"deflate") => Ok(Some(ContentEncoding::Deflate)),
        Some(_) => Err(ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            UNSUPPORTED,
            "the message's grpc-encoding must be gzip or deflate, or be left out",
        )),
    }
}

pub(super) fn write(message: &impl Message) -> Response {
    framed(&message.encode_to_vec())
}

/// An answer of this one message.
pub(super) fn framed(message: &[u8]) -> Response {
    let mut body = Vec::with_capacity(5 + message.len());
    body.push(0);
    body.extend_from_slice(&(message.len() as u32).to_be_bytes());
    body.extend_from_slice(message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let trailers = std::future::ready(Some(Ok::<_, Infallible>(trailers)));
    let body = Full::new(Bytes::from(body)).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}
