//! Bodies that were packed for the way (`Content-Encoding: gzip`, `deflate` or `zstd`), unpacked within the limit that plain ones have:
//! a small body that grows without end is refused when it reaches that limit.

use std::io::{self, Read};

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::Error;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};

use crate::error::{ApiError, ApiResult};
use crate::extract::json;
use crate::router::LARGEST_BODY;

/// What a client may pack with, for the header `Accept-Encoding` of a refusal.
pub const ACCEPTED: &str = "gzip, deflate, zstd, identity";
pub const UNSUPPORTED: &str = "unsupported_content_encoding";

/// Base 2 logarithm of the most memory that a zstd frame may ask for to be unpacked: RFC 9659 allows no more.
const LARGEST_WINDOW: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncoding {
    Gzip,
    /// Which is zlib: RFC 9110, 8.4.1.2.
    Deflate,
    Zstd,
}

impl ContentEncoding {
    /// `None` for a body that is sent as it is.
    ///
    /// # Errors
    /// 415 for any other encoding, and for several on top of each other.
    pub fn of(headers: &HeaderMap) -> ApiResult<Option<Self>> {
        let Some(first) = headers.get(CONTENT_ENCODING) else {
            return Ok(None);
        };
        let named = first.to_str().unwrap_or_default().trim();
        let is_one = headers.get_all(CONTENT_ENCODING).iter().count() == 1;
        let is = |name: &str| is_one && named.eq_ignore_ascii_case(name);
        if is("identity") {
            Ok(None)
        } else if is("gzip") || is("x-gzip") {
            Ok(Some(Self::Gzip))
        } else if is("deflate") {
            Ok(Some(Self::Deflate))
        } else if is("zstd") {
            Ok(Some(Self::Zstd))
        } else {
            let message =
                "the body's Content-Encoding must be gzip, deflate or zstd, once, or be left out";
            Err(ApiError::http(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                UNSUPPORTED,
                message,
            ))
        }
    }

    /// Unpacks a whole body, on a thread that may take its time.
    ///
    /// # Errors
    /// 413 as soon as there is more than a plain body may have, 400 for one that is broken.
    pub async fn unpack(self, packed: Bytes) -> ApiResult<Bytes> {
        tokio::task::spawn_blocking(move || self.unpacked(&packed))
            .await
            .map_err(Error::internal)?
    }

    fn unpacked(self, packed: &[u8]) -> ApiResult<Bytes> {
        let mut body = Vec::new();
        let mut within = |decoder: &mut dyn Read| {
            // One byte more tells a body that is over the limit from one that just fits.
            decoder.take(LARGEST_BODY as u64 + 1).read_to_end(&mut body)
        };
        let read = match self {
            Self::Gzip => within(&mut MultiGzDecoder::new(packed)),
            Self::Deflate => within(&mut ZlibDecoder::new(packed)),
            Self::Zstd => zstd_decoder(packed).and_then(|mut decoder| within(&mut decoder)),
        };
        read.map_err(|_| {
            ApiError::bad_request(format!("the body is not whole, or not {}", self.name()))
        })?;
        if body.len() > LARGEST_BODY {
            let message =
                format!("the body is over the limit of {LARGEST_BODY} bytes when unpacked");
            return Err(Error::TooLarge { message }.into());
        }
        Ok(body.into())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

fn zstd_decoder(packed: &[u8]) -> io::Result<zstd::Decoder<'static, &[u8]>> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.window_log_max(LARGEST_WINDOW)?;
    Ok(decoder)
}

/// For routes that read their body whole: what they see is unpacked.
pub async fn unpack(request: Request, next: Next) -> Response {
    match unpacked(request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn unpacked(request: Request) -> ApiResult<Request> {
    let Some(encoding) = ContentEncoding::of(request.headers())? else {
        return Ok(request);
    };
    let (mut parts, body) = request.into_parts();
    let packed = json::body(Request::new(body), &()).await?;
    let body = encoding.unpack(packed).await?;
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, Body::from(body)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use testkit::packed::{Pack, deflate, gzip, zstd};

    use super::*;

    const ENCODINGS: [(ContentEncoding, Pack); 3] = [
        (ContentEncoding::Gzip, gzip),
        (ContentEncoding::Deflate, deflate),
        (ContentEncoding::Zstd, zstd),
    ];

    fn status(unpacked: ApiResult<Bytes>) -> u16 {
        unpacked.map_or_else(|error| error.status().as_u16(), |_| 200)
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out_as_it_was(plain in proptest::collection::vec(any::<u8>(), 0..4096)) {
            for (encoding, pack) in ENCODINGS {
                prop_assert_eq!(&encoding.unpacked(&pack(&plain)).unwrap()[..], &plain[..]);
            }
        }

        #[test]
        fn bytes_of_any_kind_are_unpacked_or_refused(packed in proptest::collection::vec(any::<u8>(), 0..512)) {
            for (encoding, _) in ENCODINGS {
                prop_assert!([200, 400, 413].contains(&status(encoding.unpacked(&packed))));
            }
        }
    }

    #[test]
    fn a_body_that_grows_past_the_limit_is_refused_and_one_at_the_limit_is_not() {
        for (encoding, pack) in ENCODINGS {
            assert_eq!(
                status(encoding.unpacked(&pack(&vec![0; LARGEST_BODY]))),
                200
            );
            assert_eq!(
                status(encoding.unpacked(&pack(&vec![0; LARGEST_BODY + 1]))),
                413
            );
            let bomb = pack(&vec![0; 64 << 20]);
            assert!(bomb.len() < LARGEST_BODY / 2, "{}", bomb.len());
            assert_eq!(status(encoding.unpacked(&bomb)), 413);
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_refused() {
        for (encoding, pack) in ENCODINGS {
            let packed = pack(b"{\"inputs\":{}}");
            assert_eq!(status(encoding.unpacked(&packed[..packed.len() - 3])), 400);
        }
    }

    #[test]
    fn one_encoding_that_is_known_is_taken() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            ContentEncoding::of(&headers).map_err(|error| error.status().as_u16())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["identity"]), Ok(None));
        assert_eq!(of(&["GZip"]), Ok(Some(ContentEncoding::Gzip)));
        assert_eq!(of(&["zstd"]), Ok(Some(ContentEncoding::Zstd)));
        for refused in [
            &["br"][..],
            &["gzip, gzip"],
            &["gzip", "gzip"],
            &[""],
            &["compress"],
        ] {
            assert_eq!(of(refused), Err(415), "{refused:?}");
        }
    }
}
