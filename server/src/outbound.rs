//! The one client for calls that others name the address of. The name is resolved here, the addresses are judged, and the
//! connection is made to the very address that was judged, so that no second look-up can lead elsewhere. Redirects are
//! answers like any other, no proxy is taken from the environment, and nothing of a reply but its status and headers is
//! handed on.

pub mod address;
mod connection;
mod exchange;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Position, Url};

use crate::config::Allowed;

pub use connection::{Connection, Received};

/// Longest time to connect to one address.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for a call, from looking its host up to the end of the reply.
const WHOLE: Duration = Duration::from_secs(10);
/// How many addresses of a host are tried.
const MOST_ADDRESSES: usize = 3;
/// Longest URL, in bytes.
const LONGEST_URL: usize = 2048;

/// Calls others; see the module.
pub struct Outbound {
    allowed: Vec<Allowed>,
    /// Made when it is first needed.
    tls: OnceLock<Option<TlsConnector>>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// Why nothing came back, in words that tell nothing of the network that we are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no address that may be called. Whether a name is unknown or leads inside is not told.
    Refused,
    NotReached,
    Tls,
    Broken,
    /// The reply is longer than anybody reads.
    TooLong,
    TimedOut,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the host has no address that may be called",
            Self::NotReached => "the host can not be reached",
            Self::Tls => "no TLS connection could be made",
            Self::Broken => "the connection broke off before an answer",
            Self::TooLong => "the answer is too long",
            Self::TimedOut => "there was no answer within 10 s",
        })
    }
}

/// What a URL would have to be, in words.
pub type Expected = &'static str;

const HTTPS: Expected = "an https URL, such as https://example.com/hook; http only for hosts that the owner of the \
                         platform allows (VOLARY_OUTBOUND_ALLOW)";
const PUBLIC: Expected = "a host on the public internet, or one that the owner of the platform allows \
                          (VOLARY_OUTBOUND_ALLOW)";

impl Outbound {
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self {
            allowed,
            tls: OnceLock::new(),
        }
    }

    /// Judges a URL as far as that is possible without resolving its host; the rest is judged when it is called.
    ///
    /// # Errors
    /// What would be right instead.
    pub fn check(&self, text: &str) -> Result<Url, Expected> {
        if text.len() > LONGEST_URL {
            return Err("a URL of at most 2048 bytes");
        }
        let url = Url::parse(text).map_err(|_| HTTPS)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HTTPS);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL without user name and password: the signature says who calls");
        }
        let is_plain = url.scheme() == "http";
        let judged = match url.host() {
            None => Err(HTTPS),
            Some(Host::Domain(name)) => {
                // A name may lead into an allowed network.
                let may_be_allowed = self.allows_host(name)
                    || self
                        .allowed
                        .iter()
                        .any(|allowed| matches!(allowed, Allowed::Network(_)));
                if is_plain && !may_be_allowed {
                    Err(HTTPS)
                } else {
                    Ok(())
                }
            }
            Some(Host::Ipv4(address)) => self.check_address(address.into(), is_plain),
            Some(Host::Ipv6(address)) => self.check_address(address.into(), is_plain),
        };
        judged.map(|()| url)
    }

    fn check_address(&self, address: IpAddr, is_plain: bool) -> Result<(), Expected> {
        if self.may_call(address, is_plain) {
            Ok(())
        } else if address::is_public(address) {
            Err(HTTPS)
        } else {
            Err(PUBLIC)
        }
    }

    /// Posts a body. `headers` are all that the receiver gets of us, besides the host, the length and our name.
    ///
    /// # Errors
    /// [`Failure`]; a reply of any status is none.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply, Failure> {
        tokio::time::timeout(WHOLE, self.call(url, headers, body))
            .await
            .unwrap_or(Err(Failure::TimedOut))
    }

    async fn call(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply, Failure> {
        let request = request(Method::POST, url, headers, body)?;
        match self.stream(url).await? {
            Stream::Plain(stream) => exchange::exchange(stream, request).await,
            Stream::Tls(stream) => exchange::exchange(*stream, request).await,
        }
    }

    /// Connects to where a URL leads, for several calls one behind the other. Whoever waits says how long.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn open(&self, url: &Url) -> Result<Connection, Failure> {
        match self.stream(url).await? {
            Stream::Plain(stream) => Connection::open(stream).await,
            Stream::Tls(stream) => Connection::open(*stream).await,
        }
    }

    async fn stream(&self, url: &Url) -> Result<Stream, Failure> {
        let is_plain = url.scheme() == "http";
        let host = url.host().ok_or(Failure::Refused)?;
        let addresses = self.addresses(&host, url, is_plain).await?;
        let stream = connect(&addresses).await?;
        if is_plain {
            return Ok(Stream::Plain(stream));
        }
        let tls = self.tls.get_or_init(connector).as_ref();
        let stream = tls
            .ok_or(Failure::Tls)?
            .connect(server_name(&host)?, stream)
            .await
            .map_err(|_| Failure::Tls)?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Those that may be called.
    async fn addresses(
        &self,
        host: &Host<&str>,
        url: &Url,
        is_plain: bool,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let port = url.port_or_known_default().ok_or(Failure::Refused)?;
        let found: Vec<SocketAddr> = match host {
            Host::Ipv4(address) => vec![SocketAddr::new((*address).into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new((*address).into(), port)],
            Host::Domain(name) => tokio::net::lookup_host((*name, port))
                .await
                .map_err(|_| Failure::Refused)?
                .collect(),
        };
        let is_allowed = matches!(host, Host::Domain(name) if self.allows_host(name));
        let open: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| is_allowed || self.may_call(address.ip(), is_plain))
            .take(MOST_ADDRESSES)
            .collect();
        if open.is_empty() {
            return Err(Failure::Refused);
        }
        Ok(open)
    }

    /// Without TLS nobody knows who answers, so that is only for what the owner of the platform has named.
    fn may_call(&self, address: IpAddr, is_plain: bool) -> bool {
        let is_allowed = self
            .allowed
            .iter()
            .any(|allowed| allowed.has_address(address));
        is_allowed || (!is_plain && address::is_public(address))
    }

    fn allows_host(&self, name: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.has_host(name))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// `headers` are all that the receiver gets of us, besides the host, the length and our name.
///
/// # Errors
/// [`Failure::Refused`] for a URL that can not be called.
pub fn request(
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
        .map_err(|_| Failure::Refused)?;
    let mut request = Request::builder()
        .method(method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .body(Full::new(body))
        .map_err(|_| Failure::Refused)?;
    *request.headers_mut() = headers;
    request.headers_mut().insert(HOST, host);
    request
        .headers_mut()
        .insert(USER_AGENT, HeaderValue::from_static("volary"));
    Ok(request)
}

/// The first that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    for address in addresses {
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, TcpStream::connect(*address)).await {
            stream.set_nodelay(true).ok();
            return Ok(stream);
        }
    }
    Err(Failure::NotReached)
}

fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Domain(name) => {
            ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(|_| Failure::Tls)
        }
        Host::Ipv4(address) => Ok(ServerName::from(*address)),
        Host::Ipv6(address) => Ok(ServerName::from(*address)),
    }
}

fn connector() -> Option<TlsConnector> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn outbound(allowed: &[&str]) -> Outbound {
        Outbound::new(allowed.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_closed_address_is_refused_however_it_is_written() {
        let outbound = outbound(&[]);
        for closed in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://127.0.0.1./",
            "https://\u{ff11}27.0.0.1/",
            "https://127.0.0.1:8443/hook?x=1",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
        ] {
            assert_eq!(outbound.check(closed).unwrap_err(), PUBLIC, "{closed}");
        }
    }

    #[test]
    fn a_url_is_https_without_credentials() {
        let outbound = outbound(&[]);
        for good in [
            "https://example.com/hook",
            "https://example.com:8443/hook?a=b",
            "HTTPS://EXAMPLE.COM",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            // Where a name leads is judged when it is called.
            "https://localhost/",
        ] {
            assert!(outbound.check(good).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "x".repeat(LONGEST_URL));
        for bad in [
            "",
            "example.com/hook",
            "/hook",
            "http://example.com/",
            "http://8.8.8.8/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "data:text/plain,x",
            "https://",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://exa mple.com/",
            "https://[::1/",
            &long,
        ] {
            assert!(outbound.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_owner_allows_may_be_called_without_tls() {
        let allowing = outbound(&["10.0.0.0/8", "hooks.internal"]);
        for good in [
            "http://10.1.2.3/",
            "https://10.1.2.3/",
            "http://hooks.internal/",
            "http://hooks.internal./",
        ] {
            assert!(allowing.check(good).is_ok(), "{good}");
        }
        for bad in ["http://127.0.0.1/", "https://127.0.0.1/", "http://8.8.8.8/"] {
            assert!(allowing.check(bad).is_err(), "{bad}");
        }
        let by_name = outbound(&["hooks.internal"]);
        assert!(by_name.check("http://hooks.internal/").is_ok());
        assert!(by_name.check("http://evil.hooks.internal/").is_err());
        assert!(by_name.check("https://10.0.0.1/").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let post = async |outbound: &Outbound, host: &str, scheme: &str| {
            let url = Url::parse(&format!("{scheme}://{host}:{port}/")).unwrap();
            outbound.post(&url, HeaderMap::new(), Bytes::new()).await
        };
        for (host, scheme) in [
            ("localhost", "https"),
            ("localhost", "http"),
            ("127.0.0.1", "https"),
            ("127.0.0.1", "http"),
        ] {
            let failure = post(&outbound(&[]), host, scheme).await.unwrap_err();
            assert_eq!(failure, Failure::Refused, "{scheme}://{host}");
        }
        assert!(listener.accept().now_or_never().is_none());
    }
}
