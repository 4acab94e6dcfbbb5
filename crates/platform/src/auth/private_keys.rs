use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use domain::{Error, Result};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::{ExposeSecret, SecretString};

use super::public_key;
use crate::secrets;

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Where this process has the private halves of the keys that it signs with.
#[derive(Clone, Debug)]
pub enum PrivateKeys {
    /// One that its owner replaces: an Ed25519 private key in PKCS #8 PEM.
    Given(SecretString),
    /// Files in this directory, made when they are needed and readable by this account alone.
    Kept(PathBuf),
}

impl PrivateKeys {
    /// How long a key signs before its successor, in seconds. One that was given is taken on again and again, so that
    /// it is soon forgotten once it has been replaced.
    pub(super) fn period(&self) -> i64 {
        match self {
            Self::Given(_) => 3600,
            Self::Kept(_) => 30 * 24 * 3600,
        }
    }

    /// # Errors
    /// A given key that is not an Ed25519 key in PKCS #8 PEM.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Given(pem) => open(pem).map(|_| ()),
            Self::Kept(_) => Ok(()),
        }
    }

    /// The private half of this key, if it is here.
    pub(super) fn find(&self, public: &[u8; 32]) -> Option<EncodingKey> {
        let pem = match self {
            Self::Given(pem) => pem.clone(),
            Self::Kept(directory) => {
                let path = file(directory, public).ok()?;
                match fs::read_to_string(&path) {
                    Ok(pem) => SecretString::from(pem),
                    // Another machine's.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                    Err(error) => {
                        let path = path.display();
                        tracing::warn!(%path, %error, "a signing key can not be read");
                        return None;
                    }
                }
            }
        };
        let (private, found) = open(&pem).ok()?;
        (found == *public).then_some(private)
    }

    /// The public half of the next key to sign with; the private one is on the disk, synced.
    pub(super) fn make(&self) -> Result<[u8; 32]> {
        match self {
            Self::Given(pem) => Ok(open(pem)?.1),
            Self::Kept(directory) => {
                let pem = generate()?;
                let public = open(&pem)?.1;
                let path = file(directory, &public)?;
                write(directory, &path, &pem).map_err(|error| {
                    let path = path.display();
                    Error::internal(format!("can not keep a signing key in {path}: {error}"))
                })?;
                Ok(public)
            }
        }
    }

    /// Nothing is to be signed with this key any more.
    pub(super) fn forget(&self, public: &[u8; 32]) {
        let Self::Kept(directory) = self else { return };
        let removed = file(directory, public).map(fs::remove_file);
        match removed {
            Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the file of an old signing key can not be removed");
            }
            _ => {}
        }
    }
}

/// Named by a hash of what is inside.
fn file(directory: &Path, public: &[u8; 32]) -> Result<PathBuf> {
    Ok(directory.join(format!("{}.pem", public_key::id(public)?)))
}

/// Both halves.
fn open(pem: &SecretString) -> Result<(EncodingKey, [u8; 32])> {
    let refused = || {
        Error::internal(
            "the signing key is not an Ed25519 private key in PKCS #8 PEM: make another",
        )
    };
    let private =
        EncodingKey::from_ed_pem(pem.expose_secret().as_bytes()).map_err(|_| refused())?;
    let public = Jwk::from_encoding_key(&private, Algorithm::EdDSA).map_err(|_| refused())?;
    let AlgorithmParameters::OctetKeyPair(public) = public.algorithm else {
        return Err(refused());
    };
    let public = BASE64_URL_SAFE_NO_PAD.decode(public.x).ok();
    let public = public.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    Ok((private, public.ok_or_else(refused)?))
}

fn write(directory: &Path, path: &Path, pem: &SecretString) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(pem.expose_secret().as_bytes())?;
    file.sync_all()?;
    fs::File::open(directory)?.sync_all()
}

fn generate() -> Result<SecretString> {
    let der = [PKCS8_ED25519.as_slice(), &secrets::random::<32>()?].concat();
    Ok(SecretString::from(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    )))
}
