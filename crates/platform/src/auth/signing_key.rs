use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::{Error, Result};
use secrecy::SecretString;

use crate::secrets;

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The key in `path`, made there at the first start: readable by this account alone, synced.
///
/// # Errors
/// A directory or file that can not be made or read.
pub fn load_or_create(path: &Path) -> Result<SecretString> {
    let failed = |error: io::Error| {
        Error::internal(format!(
            "can not keep the signing key in {}: {error}",
            path.display()
        ))
    };
    match fs::read_to_string(path) {
        Ok(pem) => return Ok(SecretString::from(pem)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let pem = generate()?;
    // Written under another name first: a crash leaves no half key, and of two processes that start together the first one's
    // key stays.
    let draft = path.with_extension(format!("draft-{}", hex::encode(secrets::random::<8>()?)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(directory)?.sync_all(),
        });
    let _ = fs::remove_file(&draft);
    written.map_err(failed)?;
    fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(failed)
}

fn generate() -> Result<String> {
    let der = [PKCS8_ED25519.as_slice(), &secrets::random::<32>()?].concat();
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    ))
}
