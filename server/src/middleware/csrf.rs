//! A page elsewhere must not be able to change anything with a person's session. Every unsafe request of a browser says
//! where it comes from (`Origin`, `Sec-Fetch-Site`); one that comes from elsewhere, or does not say, is refused.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, Method, StatusCode};

use crate::error::ApiError;
use crate::middleware::hosts;
use crate::state::AppState;

/// For routes that only browsers call: an unsafe request must say that it comes from here.
pub async fn browser(State(state): State<AppState>, request: Request, next: Next) -> Response {
    check(&state, request, next, true).await
}

/// For routes that programs call too: one without a cookie and without these headers passes, for it carries no session.
pub async fn program(State(state): State<AppState>, request: Request, next: Next) -> Response {
    check(&state, request, next, false).await
}

async fn check(state: &AppState, request: Request, next: Next, must_say: bool) -> Response {
    if is_safe(request.method()) {
        return next.run(request).await;
    }
    let must_say = must_say || request.headers().contains_key(COOKIE);
    let refusal = match comes_from(state, &request) {
        Origin::Here => None,
        Origin::Unsaid if !must_say => None,
        Origin::Unsaid => {
            Some("the request does not say where it comes from: send the Origin header")
        }
        Origin::Elsewhere => Some("the request comes from another site"),
    };
    match refusal {
        None => next.run(request).await,
        Some(message) => {
            ApiError::http(StatusCode::FORBIDDEN, "cross_site_request", message).into_response()
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Here,
    Elsewhere,
    Unsaid,
}

fn comes_from(state: &AppState, request: &Request) -> Origin {
    let authority = hosts::authority(request.headers(), request.uri());
    let public = state
        .config
        .http
        .public_url
        .as_ref()
        .map(|url| url.origin().ascii_serialization());
    judge(
        request.headers(),
        authority.as_ref().map(http::uri::Authority::as_str),
        public.as_deref(),
        state.tls.is_some(),
    )
}

fn judge(
    headers: &HeaderMap,
    authority: Option<&str>,
    public: Option<&str>,
    has_tls: bool,
) -> Origin {
    let site = headers
        .get("sec-fetch-site")
        .map(http::HeaderValue::as_bytes);
    let site_is_here = match site {
        Some(b"same-origin" | b"none") => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    let origin_is_here = match origins.as_slice() {
        [] => None,
        [origin] => Some(
            origin
                .to_str()
                .is_ok_and(|origin| is_here(origin, authority, public, has_tls)),
        ),
        _ => Some(false),
    };
    match (site_is_here, origin_is_here) {
        (Some(false), _) | (_, Some(false)) => Origin::Elsewhere,
        (None, None) => Origin::Unsaid,
        _ => Origin::Here,
    }
}

/// The public URL's origin, or the host that was asked. Its scheme is https when we end TLS, else either: a proxy may
/// have ended it.
fn is_here(origin: &str, authority: Option<&str>, public: Option<&str>, has_tls: bool) -> bool {
    if public == Some(origin) {
        return true;
    }
    let plain = origin.strip_prefix("http://").filter(|_| !has_tls);
    let host = plain.or_else(|| origin.strip_prefix("https://"));
    public.is_none() && host.is_some() && host == authority
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn origin(headers: &[(&'static str, &str)], public: Option<&str>) -> Origin {
        judge(&map(headers), Some("volary.test:3000"), public, false)
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn where_tls_is_spoken_a_plain_page_of_the_same_host_is_elsewhere() {
        let judged = |origin| {
            let headers = map(&[("origin", origin)]);
            judge(&headers, Some("volary.test:3000"), None, true)
        };
        assert_eq!(judged("https://volary.test:3000"), Origin::Here);
        assert_eq!(judged("http://volary.test:3000"), Origin::Elsewhere);
    }

    #[test]
    fn only_requests_from_our_own_pages_come_from_here() {
        assert_eq!(
            origin(&[("origin", "http://volary.test:3000")], None),
            Origin::Here
        );
        assert_eq!(
            origin(&[("origin", "https://volary.test:3000")], None),
            Origin::Here
        );
        assert_eq!(
            origin(&[("sec-fetch-site", "same-origin")], None),
            Origin::Here
        );
        assert_eq!(origin(&[], None), Origin::Unsaid);
        for elsewhere in [
            &[("origin", "http://evil.test")][..],
            &[("origin", "null")],
            &[("origin", "http://volary.test:3001")],
            &[("origin", "http://volary.test")],
            &[("origin", "http://volary.test:3000.evil.test")],
            &[("origin", "ftp://volary.test:3000")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://volary.test:3000"),
            ],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "http://evil.test"),
            ],
            &[
                ("origin", "http://volary.test:3000"),
                ("origin", "http://evil.test"),
            ],
        ] {
            assert_eq!(origin(elsewhere, None), Origin::Elsewhere, "{elsewhere:?}");
        }
    }

    #[test]
    fn with_a_public_url_only_its_origin_counts() {
        let public = Some("https://volary.example.com");
        assert_eq!(
            origin(&[("origin", "https://volary.example.com")], public),
            Origin::Here
        );
        assert_eq!(
            origin(&[("origin", "http://volary.example.com")], public),
            Origin::Elsewhere
        );
        assert_eq!(
            origin(&[("origin", "http://volary.test:3000")], public),
            Origin::Elsewhere
        );
    }
}
