//! Headers that answers carry. A page has a policy of its own, with the nonce of its scripts (`pages`); everything
//! else may load nothing at all.

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::config::Network;
use crate::listen::Peer;
use crate::state::AppState;

const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Swagger UI: its own files. Nothing inline, nothing evaluated.
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

pub fn secure(path: &str, headers: &mut HeaderMap) {
    let policy = if path.starts_with("/api/docs") {
        DOCS
    } else {
        NOTHING
    };
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, SAME_ORIGIN);
    headers.insert(OPENER_POLICY, SAME_ORIGIN);
    headers.insert(RESOURCE_POLICY, SAME_ORIGIN);
}

/// For an answer that a program got with its key. A browser never sends that by itself, so it can not make a page or a frame of
/// the answer, and is told nothing of those.
pub fn secure_data(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, SAME_ORIGIN);
}

/// `over_tls`: see [`is_over_tls`].
pub fn secure_transport(over_tls: bool, headers: &mut HeaderMap) {
    if over_tls {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// Whether the client asked over TLS: ended here, ended by the proxy behind the public URL, or by a trusted one that says so.
pub fn is_over_tls(state: &AppState, peer: Option<&Peer>, headers: &HeaderMap) -> bool {
    state.base_url.starts_with("https:")
        || proxy_says_so(peer, headers, &state.config.http.trusted_proxies)
}

fn proxy_says_so(peer: Option<&Peer>, headers: &HeaderMap, trusted: &[Network]) -> bool {
    let is_trusted =
        peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(peer.0.ip())));
    // What the nearest proxy says stands last.
    let said = || {
        let line = headers.get_all("x-forwarded-proto").iter().next_back()?;
        line.to_str().ok()?.rsplit(',').next()
    };
    is_trusted && said().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The policy of a page whose scripts carry `nonce`, and which may talk to `other` besides the server.
pub fn page_policy(nonce: &str, other: Option<&str>) -> String {
    let other = other.map_or_else(String::new, |source| format!(" {source}"));
    format!(
        "default-src 'self'; script-src 'strict-dynamic' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; connect-src 'self'{other}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed_that_the_client_used_tls() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let says = |peer: &str, lines: &[&'static str], trusted: &[Network]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-proto", HeaderValue::from_static(line));
            }
            proxy_says_so(Some(&Peer(peer.parse().unwrap())), &headers, trusted)
        };
        assert!(says("10.0.0.1:9", &["https"], &trusted));
        assert!(says("10.0.0.1:9", &["http, HTTPS "], &trusted));
        assert!(says("10.0.0.1:9", &["http", "https"], &trusted));
        assert!(says("[::ffff:10.0.0.1]:9", &["https"], &trusted));
        let plain: [(&str, &[&'static str]); 5] = [
            ("10.0.0.1:9", &["http"]),
            ("10.0.0.1:9", &["https, http"]),
            ("10.0.0.1:9", &["https", "http"]),
            ("10.0.0.1:9", &[]),
            ("203.0.113.5:9", &["https"]),
        ];
        for (peer, lines) in plain {
            assert!(!says(peer, lines, &trusted), "{peer} {lines:?}");
        }
        assert!(!says("10.0.0.1:9", &["https"], &[]));
    }
}
