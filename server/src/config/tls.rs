use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::http::parse_listen;

/// How what is sent stays private on its way.
#[derive(clap::Args, Clone, Debug)]
pub struct TlsConfig {
    /// Certificate to serve HTTPS with, in PEM: the server's own first, then those that lead to its root; read again when it changes
    #[arg(
        long,
        env = "VOLARY_TLS_CERT",
        value_name = "FILE",
        help_heading = "HTTP"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM and not encrypted
    #[arg(
        long,
        env = "VOLARY_TLS_KEY",
        value_name = "FILE",
        help_heading = "HTTP"
    )]
    tls_key: Option<PathBuf>,
    /// Second address to listen on, which sends plain HTTP on to HTTPS
    #[arg(long, env = "VOLARY_HTTP_REDIRECT", value_name = "HOST:PORT", value_parser = parse_listen, help_heading = "HTTP")]
    pub http_redirect: Option<SocketAddr>,
    /// Serve other machines by plain HTTP, with neither certificate nor trusted proxy: whoever is on the way reads passwords and keys
    #[arg(long, env = "VOLARY_INSECURE_HTTP", value_parser = clap::builder::FalseyValueParser::new(), help_heading = "HTTP")]
    pub insecure_http: bool,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TlsConfig {
    /// `None`: plain HTTP.
    ///
    /// # Errors
    /// Only one of the two is set.
    pub fn files(&self) -> Result<Option<TlsFiles>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(TlsFiles {
                cert: cert.clone(),
                key: key.clone(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                bail!("VOLARY_TLS_CERT is set without VOLARY_TLS_KEY: set both or none")
            }
            (None, Some(_)) => {
                bail!("VOLARY_TLS_KEY is set without VOLARY_TLS_CERT: set both or none")
            }
        }
    }

    pub fn is_on(&self) -> bool {
        self.tls_cert.is_some() && self.tls_key.is_some()
    }
}
