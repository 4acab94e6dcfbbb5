//! Revisions of what can be changed by several people at once: told as `ETag`, and asked for as `If-Match`.

use domain::Error;
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName};

pub(crate) fn etag(revision: i64) -> (HeaderName, String) {
    (ETAG, format!("\"{revision}\""))
}

/// Whether the caller has this revision already.
pub(crate) fn is_known(headers: &HeaderMap, revision: i64) -> bool {
    headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag(revision).1.as_bytes())
}

/// The revision that the caller has seen; none asked for without the header, or with `*`.
///
/// # Errors
/// `PreconditionFailed` for what is no revision.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|revision| revision.parse().ok());
    revision.map(Some).ok_or_else(|| Error::PreconditionFailed {
        message: format!(
            "if-match names {text:?}, which is no revision: send the etag of what was read"
        ),
    })
}
