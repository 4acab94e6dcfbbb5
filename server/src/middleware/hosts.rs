//! Which `Host` is answered. A page elsewhere whose name is made to point here (DNS rebinding) gets 421.

use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::error::ApiError;
use crate::state::AppState;

pub fn is_allowed(state: &AppState, headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none());
    is_own(state, host, uri) || is_named(state, headers, uri)
}

/// Whether the one `Host` is the very host and port of our links, as in most requests; this takes no parsing.
pub fn is_own(state: &AppState, host: Option<&HeaderValue>, uri: &Uri) -> bool {
    uri.authority().is_none()
        && host.is_some_and(|host| host.as_bytes() == state.own_host.as_bytes())
}

fn is_named(state: &AppState, headers: &HeaderMap, uri: &Uri) -> bool {
    match authority(headers, uri) {
        Some(authority) => names(state, authority.host()),
        None => false,
    }
}

pub fn misdirected() -> ApiError {
    ApiError::http(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected_request",
        "this server does not answer to that host name: use its own, or add the name to VOLARY_ALLOWED_HOSTS",
    )
}

/// The host and port that the client meant.
pub fn authority(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse().ok()?;
    // Two of them would let a proxy and us disagree.
    hosts.next().is_none().then_some(host)
}

fn names(state: &AppState, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let config = &state.config.http;
    let is_public = config
        .public_url
        .as_ref()
        .and_then(|url| url.host_str())
        .is_some_and(|name| name.eq_ignore_ascii_case(host));
    if is_public
        || config
            .allowed_hosts
            .iter()
            .any(|name| name.trim().eq_ignore_ascii_case(host))
    {
        return true;
    }
    let listen = config.listen.ip();
    let ip = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    match ip {
        // An address can not be pointed elsewhere; which of its own a wildcard listener has, it does not know.
        Ok(ip) => {
            ip == listen || listen.is_unspecified() || (listen.is_loopback() && ip.is_loopback())
        }
        Err(_) => (listen.is_loopback() || listen.is_unspecified()) && is_localhost(host),
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}
