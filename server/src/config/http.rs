use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Network;

/// How the platform is reached.
#[derive(clap::Args, Clone, Debug)]
pub struct HttpConfig {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, env = "VOLARY_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:3000", value_parser = parse_listen, help_heading = "HTTP")]
    pub listen: SocketAddr,
    /// Address that people type, when a proxy stands before the server: `https://volary.example.com`
    #[arg(long, env = "VOLARY_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url, help_heading = "HTTP")]
    pub public_url: Option<Url>,
    /// Host names the server answers to, besides that of the public URL; others get 421 [default: the listen address and localhost]
    #[arg(
        long,
        env = "VOLARY_ALLOWED_HOSTS",
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "HTTP"
    )]
    pub allowed_hosts: Vec<String>,
    /// Proxies whose X-Forwarded-For is believed: addresses or ranges; none unless told
    #[arg(
        long,
        env = "VOLARY_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_delimiter = ',',
        help_heading = "HTTP"
    )]
    pub trusted_proxies: Vec<Network>,
    /// Requests that one client address may send in 10 seconds to the prediction and token endpoints, before any authentication
    #[arg(long, env = "VOLARY_IP_RATE_LIMIT", value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000), help_heading = "HTTP")]
    pub ip_rate_limit: u32,
    /// Longest time for a request, uploads and live streams aside, in seconds
    #[arg(long, env = "VOLARY_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3600), help_heading = "HTTP")]
    request_timeout: u16,
    /// Longest time to finish requests after a signal to stop, in seconds
    #[arg(long, env = "VOLARY_SHUTDOWN_TIMEOUT", value_name = "SECONDS", default_value_t = 25, value_parser = clap::value_parser!(u16).range(0..=3600), help_heading = "HTTP")]
    shutdown_timeout: u16,
    /// Directory of the built front end [default: `site` beside the program]
    #[arg(
        long,
        env = "VOLARY_SITE_ROOT",
        value_name = "DIR",
        help_heading = "HTTP"
    )]
    site_root: Option<PathBuf>,
}

impl HttpConfig {
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout.into())
    }

    pub fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_timeout.into())
    }

    /// Absolute, whether it exists or not.
    pub fn site_root(&self) -> PathBuf {
        let dir = self.site_root.clone().unwrap_or_else(|| {
            let beside = std::env::current_exe()
                .ok()
                .and_then(|exe| Some(exe.parent()?.join("site")));
            // `cargo xtask build` puts it beside the directory of the profile.
            let above = std::env::current_exe()
                .ok()
                .and_then(|exe| Some(exe.parent()?.parent()?.join("site")));
            [beside, above]
                .into_iter()
                .flatten()
                .find(|dir| dir.is_dir())
                .unwrap_or_else(|| PathBuf::from("site"))
        });
        std::path::absolute(&dir).unwrap_or(dir)
    }

    /// Whether browsers reach the server over TLS, or could be made to: everything but plain HTTP on loopback.
    pub fn is_secure(&self) -> bool {
        match &self.public_url {
            Some(url) => url.scheme() == "https" || !is_loopback_host(url),
            None => !self.listen.ip().is_loopback(),
        }
    }

    /// The address to print and to put in links, given the one that is listened on.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", reachable(bound)),
        }
    }
}

/// An address that a client on this machine can use: a wildcard becomes loopback.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let bad = || {
        format!("{text:?} is not an address to listen on: use host:port, such as 127.0.0.1:3000")
    };
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    text.to_socket_addrs()
        .map_err(|_| bad())?
        .next()
        .ok_or_else(bad)
}

fn parse_public_url(text: &str) -> Result<Url, String> {
    let bad = || {
        format!(
            "{text:?} is not a public URL: use scheme and host alone, such as https://volary.example.com"
        )
    };
    let url = Url::parse(text).map_err(|_| bad())?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_origin { Ok(url) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        assert!(parse_public_url("https://volary.example.com").is_ok());
        assert!(parse_public_url("http://localhost:8080/").is_ok());
        for bad in [
            "volary.example.com",
            "ftp://a.b",
            "https://a.b/path",
            "https://user:pw@a.b",
            "https://a.b/?x",
        ] {
            assert!(parse_public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_addresses_can_be_listened_on() {
        assert_eq!(parse_listen("[::1]:0").unwrap(), "[::1]:0".parse().unwrap());
        assert!(parse_listen("localhost:3000").unwrap().ip().is_loopback());
        assert!(parse_listen("nowhere").is_err());
    }
}
