//! The address of the client: the connection's other end, or, when that is a trusted proxy, the last address in
//! `X-Forwarded-For` that is not one. What a client writes there itself stands further left and is never reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::config::Network;
use crate::error::ApiError;
use crate::listen::Peer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    pub fn of(peer: Option<&Peer>, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| {
            peer.0.ip().to_canonical()
        });
        if trusted.is_empty() {
            return Self(peer);
        }
        Self(rightmost_untrusted(peer, headers, trusted))
    }
}

fn rightmost_untrusted(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut client = peer;
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while is_trusted(client) {
        // Junk says that nothing left of it can be believed either.
        let Some(hop) = hops.next().and_then(address) else {
            break;
        };
        client = hop;
    }
    client
}

/// An address as proxies write it: alone, with a port, or an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let parsed = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    parsed.map(|ip| ip.to_canonical())
}

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>().copied();
        found.ok_or_else(|| {
            domain::Error::internal(
                "a handler ran outside the middleware that finds the client's address",
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_client_is_the_last_hop_that_is_no_proxy_of_ours() {
        let cases: &[(&str, &[&str], &str)] = &[
            // A peer that is no proxy is the client, whatever it writes.
            ("203.0.113.5", &["1.2.3.4"], "203.0.113.5"),
            ("203.0.113.5", &[], "203.0.113.5"),
            // A proxy's word is taken, and what the client wrote before it is not.
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["  198.51.100.7  ,10.0.0.2 "], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // Nothing usable: the proxy itself, so that all such requests share one limit.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, junk"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, junk, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ];
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (peer, lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            let connection = Peer(SocketAddr::new(peer.parse().unwrap(), 9));
            let found = ClientIp::of(Some(&connection), &headers, &trusted);
            assert_eq!(
                found.0,
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {lines:?}"
            );
            assert_eq!(
                ClientIp::of(Some(&connection), &headers, &[]).0,
                peer.parse::<IpAddr>().unwrap()
            );
        }
    }
}
