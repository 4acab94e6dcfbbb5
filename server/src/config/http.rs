use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use url::Url;

use super::{Network, TlsConfig};

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
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or ranges; none unless told
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

    /// # Errors
    /// Settings that do not go together, or plain HTTP to other machines that nobody asked for.
    pub fn check(&self) -> Result<()> {
        let has_tls = self.tls.files()?.is_some();
        if let Some(url) = &self.public_url {
            ensure!(
                !has_tls || url.scheme() == "https",
                "VOLARY_PUBLIC_URL is {url}, but with VOLARY_TLS_CERT the server speaks HTTPS alone: let it begin with https"
            );
        }
        if let Some(address) = self.tls.http_redirect {
            ensure!(
                has_tls,
                "VOLARY_HTTP_REDIRECT is {address}, but there is no HTTPS to send on to: set VOLARY_TLS_CERT and VOLARY_TLS_KEY as well"
            );
        }
        let stays_private =
            has_tls || self.listen.ip().is_loopback() || !self.trusted_proxies.is_empty();
        ensure!(
            stays_private || self.tls.insecure_http,
            "VOLARY_LISTEN is {}, which other machines reach by plain HTTP, and whoever is on the way reads passwords and keys: \
             give a certificate (VOLARY_TLS_CERT and VOLARY_TLS_KEY), name the proxy that ends TLS in front (VOLARY_TRUSTED_PROXIES), \
             or set VOLARY_INSECURE_HTTP=true if you accept that",
            self.listen
        );
        Ok(())
    }

    /// Whether browsers reach the server over TLS, or could be made to: everything but plain HTTP on loopback.
    pub fn is_secure(&self) -> bool {
        match &self.public_url {
            Some(url) => url.scheme() == "https" || !is_loopback_host(url),
            None => self.tls.is_on() || !self.listen.ip().is_loopback(),
        }
    }

    /// Of the address that is listened on.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_on() { "https" } else { "http" }
    }

    /// The address to print and to put in links, given the one that is listened on.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("{}://{}", self.scheme(), reachable(bound)),
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

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
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

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        http: HttpConfig,
    }

    fn check(options: &[&str]) -> Result<(), String> {
        let arguments = ["volary"].iter().chain(options);
        let typed = <Typed as clap::Parser>::try_parse_from(arguments).unwrap();
        typed.http.check().map_err(|error| error.to_string())
    }

    #[test]
    fn plain_http_to_other_machines_has_to_be_asked_for() {
        let open = ["--listen", "0.0.0.0:3000"];
        let refused = check(&open).unwrap_err();
        for part in [
            "VOLARY_LISTEN is 0.0.0.0:3000",
            "VOLARY_TLS_CERT",
            "VOLARY_TRUSTED_PROXIES",
            "VOLARY_INSECURE_HTTP=true",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        for more in [
            &["--insecure-http"][..],
            &["--trusted-proxies", "10.0.0.0/8"],
            &["--tls-cert", "a.pem", "--tls-key", "b.pem"],
        ] {
            assert_eq!(check(&[&open[..], more].concat()), Ok(()), "{more:?}");
        }
        assert_eq!(check(&["--listen", "[::1]:3000"]), Ok(()));
    }

    #[test]
    fn settings_that_do_not_go_together_are_named() {
        let tls = ["--tls-cert", "a.pem", "--tls-key", "b.pem"];
        for (options, named) in [
            (vec!["--tls-cert", "a.pem"], "VOLARY_TLS_KEY"),
            (vec!["--tls-key", "a.pem"], "VOLARY_TLS_CERT"),
            (
                vec!["--http-redirect", "127.0.0.1:80"],
                "VOLARY_HTTP_REDIRECT",
            ),
            (
                [&tls[..], &["--public-url", "http://volary.example.com"]].concat(),
                "VOLARY_PUBLIC_URL",
            ),
        ] {
            let refused = check(&options).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        let redirecting = [&tls[..], &["--http-redirect", "127.0.0.1:80"]].concat();
        assert_eq!(check(&redirecting), Ok(()));
    }

    #[test]
    fn names_and_addresses_can_be_listened_on() {
        assert_eq!(parse_listen("[::1]:0").unwrap(), "[::1]:0".parse().unwrap());
        assert!(parse_listen("localhost:3000").unwrap().ip().is_loopback());
        assert!(parse_listen("nowhere").is_err());
    }
}
