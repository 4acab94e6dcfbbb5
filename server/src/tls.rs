//! What connections are encrypted with: a certificate and its key, read from files and taken up again when these change.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use arc_swap::ArcSwap;
use domain::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, Error as TlsError, RootCertStore, ServerConfig};

use crate::config::TlsFiles;

/// The pair in use, and where the next one will be.
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    known: Mutex<Known>,
}

/// What the files were when they were last looked at.
struct Known {
    /// Of the pair in use.
    fingerprint: [u8; 32],
    /// Why what the files hold now is not in use.
    complaint: Option<String>,
}

/// What another look at the files came to.
pub enum Reload {
    Unchanged,
    /// New connections have the new certificate.
    Swapped,
    /// The files hold nothing that can be used, and did not when last looked at in this way; the old pair stays.
    Refused(Error),
}

impl Tls {
    /// # Errors
    /// The files can not be read, do not belong together, or are not good at this time; names the file and the way out.
    pub fn open(files: TlsFiles, now: Timestamp) -> Result<Self> {
        let pair = Pair::read(&files)?;
        let config = pair.config(&files, now)?;
        Ok(Self {
            config: ArcSwap::from_pointee(config),
            known: Mutex::new(Known {
                fingerprint: pair.fingerprint(),
                complaint: None,
            }),
            files,
        })
    }

    /// For connections from now on.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// Takes up what the files hold, if it is not in use already. Every complaint is made once.
    pub fn reload(&self, now: Timestamp) -> Reload {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = Pair::read(&self.files).and_then(|pair| {
            let fingerprint = pair.fingerprint();
            if fingerprint == known.fingerprint {
                return Ok(None);
            }
            let config = pair.config(&self.files, now)?;
            Ok(Some((fingerprint, config)))
        });
        match looked {
            Ok(None) => {
                known.complaint = None;
                Reload::Unchanged
            }
            Ok(Some((fingerprint, config))) => {
                self.config.store(Arc::new(config));
                *known = Known {
                    fingerprint,
                    complaint: None,
                };
                Reload::Swapped
            }
            Err(error) => {
                let complaint = format!("{error:#}");
                if known.complaint.as_ref() == Some(&complaint) {
                    return Reload::Unchanged;
                }
                known.complaint = Some(complaint);
                Reload::Refused(error)
            }
        }
    }
}

/// The content of the files.
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn read(files: &TlsFiles) -> Result<Self> {
        let read = |variable: &str, path: &Path| {
            std::fs::read(path).with_context(|| {
                let path = path.display();
                format!(
                    "{variable}: {path} can not be read: name a PEM file that this account may read"
                )
            })
        };
        Ok(Self {
            cert: read("VOLARY_TLS_CERT", &files.cert)?,
            key: read("VOLARY_TLS_KEY", &files.key)?,
        })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.cert, &self.key] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn config(&self, files: &TlsFiles, now: Timestamp) -> Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let chain = chain(&self.cert, &files.cert)?;
        // Of the others, clients find another way around one that has ended.
        if let Some(own) = chain.first() {
            check_dates(own, &files.cert, now, &provider)?;
        }
        let key = private_key(&self.key, &files.key)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS 1.2 and 1.3 can not be spoken")?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| mismatch(files, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn chain(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let path = path.display();
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("VOLARY_TLS_CERT: {path} is damaged: write it anew"))?;
    ensure!(
        !chain.is_empty(),
        "VOLARY_TLS_CERT: {path} holds no certificate: name a PEM file with -----BEGIN CERTIFICATE-----"
    );
    Ok(chain)
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>> {
    let path = path.display();
    // Lines of a key itself have neither hyphens nor colons.
    let is_encrypted = String::from_utf8_lossy(pem)
        .lines()
        .any(|line| line.contains("ENCRYPTED") && line.contains(['-', ':']));
    ensure!(
        !is_encrypted,
        "VOLARY_TLS_KEY: {path} is encrypted: decrypt it with `openssl pkey -in {path} -out key.pem`, and let only this account read the result"
    );
    // Without the cause, which may show a line of the key.
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        anyhow!("VOLARY_TLS_KEY: {path} holds no private key: name a PEM file with -----BEGIN PRIVATE KEY-----")
    })
}

fn check_dates(
    certificate: &CertificateDer<'_>,
    path: &Path,
    now: Timestamp,
    provider: &CryptoProvider,
) -> Result<()> {
    let path = path.display();
    let parsed = ParsedCertificate::try_from(certificate).with_context(|| {
        format!("VOLARY_TLS_CERT: {path} holds a certificate that can not be used")
    })?;
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
    // Nobody is trusted here, so the check fails in any case; the dates are what it looks at first.
    let found = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        provider.signature_verification_algorithms.all,
    );
    match found {
        Err(TlsError::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        })) => {
            bail!(
                "VOLARY_TLS_CERT: {path} holds a certificate that ended on {}: renew it",
                moment(not_after)
            )
        }
        Err(TlsError::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => {
            bail!(
                "VOLARY_TLS_CERT: {path} holds a certificate that begins on {}: wait until then, or set the clock of this machine",
                moment(not_before)
            )
        }
        _ => Ok(()),
    }
}

fn moment(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs())
        .ok()
        .and_then(Timestamp::from_unix_seconds);
    at.map_or_else(
        || "a day out of the calendar".to_owned(),
        |at| at.to_string(),
    )
}

fn mismatch(files: &TlsFiles, error: &TlsError) -> Error {
    let (cert, key) = (files.cert.display(), files.key.display());
    match error {
        TlsError::InconsistentKeys(_) => anyhow!(
            "VOLARY_TLS_KEY: {key} is not the key of the first certificate in {cert}: name the two that were made together"
        ),
        TlsError::InvalidCertificate(why) => anyhow!(
            "VOLARY_TLS_CERT: {cert} holds a certificate that can not be used ({why}): have it made anew"
        ),
        _ => anyhow!(
            "VOLARY_TLS_KEY: {key} can not be used: name an RSA, ECDSA or Ed25519 key that is not encrypted"
        ),
    }
}
