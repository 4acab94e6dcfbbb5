//! Files by the SHA-256 of their bytes. No text from outside ever becomes a path.

mod sweep;
mod temp;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use domain::{Error, FieldError, Result, Timestamp};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use store::Conn;

use crate::Platform;

pub use temp::TempFile;

/// `root/<first two hex digits>/<sha256>`, with unfinished files in `root/tmp`; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: Arc<Path>,
}

/// A file that is whole and on the disk. It stays there only once a row of `blobs` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// 64 lower-case hex digits.
    pub sha256: String,
    pub bytes: u64,
}

/// Written at once: enough that switching to a blocking thread costs little.
const BATCH: usize = 1 << 20;

impl Blobs {
    /// Makes the directories where they are missing, for this account alone.
    ///
    /// # Errors
    /// A directory that can not be made or entered.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root: PathBuf = root.into();
        let made = make_directory(&root).and_then(|()| make_directory(&root.join("tmp")));
        made.map_err(|error| storage("make the blob directory", &error))?;
        Ok(Self { root: root.into() })
    }

    /// Streams to a new blob while hashing. On return it is synced.
    ///
    /// # Errors
    /// `TooLarge` past `limit` bytes, `InsufficientStorage` when the disk is full, `Invalid` when the sender broke off.
    /// Nothing is left behind then.
    pub async fn put_stream(
        &self,
        stream: impl Stream<Item = io::Result<Bytes>> + Send,
        limit: u64,
    ) -> Result<StoredBlob> {
        let (temp, stored) = self.receive(stream, limit).await?;
        let blobs = self.clone();
        blocking(move || {
            blobs.keep(&temp, &stored)?;
            Ok(stored)
        })
        .await
    }

    /// Streams to a temporary file while hashing: for what is looked at and not kept.
    ///
    /// # Errors
    /// As [`Self::put_stream`].
    pub async fn receive(
        &self,
        stream: impl Stream<Item = io::Result<Bytes>> + Send,
        limit: u64,
    ) -> Result<(TempFile, StoredBlob)> {
        let mut writing = Writing {
            temp: self.temp()?,
            hash: Sha256::new(),
            bytes: 0,
        };
        let mut stream = std::pin::pin!(stream);
        let mut batch = Vec::new();
        let (mut batched, mut total) = (0, 0);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                let broken = FieldError::new(
                    "/file",
                    "incomplete",
                    "the whole file: the upload broke off",
                );
                Error::Invalid(vec![broken.got(error.to_string())])
            })?;
            total += chunk.len() as u64;
            if total > limit {
                return Err(too_large(limit));
            }
            batched += chunk.len();
            batch.push(chunk);
            if batched >= BATCH {
                let full = std::mem::take(&mut batch);
                batched = 0;
                writing = blocking(move || writing.write(&full)).await?;
            }
        }
        blocking(move || {
            let done = writing.write(&batch)?;
            let stored = StoredBlob {
                sha256: hex::encode(done.hash.finalize()),
                bytes: done.bytes,
            };
            Ok((done.temp, stored))
        })
        .await
    }

    /// Stores bytes that are in memory already.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<StoredBlob> {
        let bytes = bytes.into();
        self.put_stream(futures::stream::iter([Ok(bytes)]), u64::MAX)
            .await
    }

    /// An empty file to write an output into, by a child process for example; [`Blobs::adopt`] makes it a blob.
    pub fn temp(&self) -> Result<TempFile> {
        TempFile::create(&self.root.join("tmp"))
    }

    /// Makes a finished temporary file a blob.
    ///
    /// # Errors
    /// `TooLarge` past `limit` bytes, `InsufficientStorage` when the disk is full.
    pub async fn adopt(&self, temp: TempFile, limit: u64) -> Result<StoredBlob> {
        let blobs = self.clone();
        blocking(move || {
            let (sha256, bytes) = File::open(temp.path())
                .and_then(|file| hash(file.take(limit.saturating_add(1))))
                .map_err(|error| storage("read a finished file", &error))?;
            if bytes > limit {
                return Err(too_large(limit));
            }
            let stored = StoredBlob { sha256, bytes };
            blobs.keep(&temp, &stored)?;
            Ok(stored)
        })
        .await
    }

    /// Where the blob lies.
    ///
    /// # Errors
    /// Text that is not 64 lower-case hex digits.
    pub fn path(&self, sha256: &str) -> Result<PathBuf> {
        let valid = sha256.len() == 64
            && sha256
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !valid {
            return Err(Error::internal(format!(
                "{sha256:?} is not a SHA-256 in hex"
            )));
        }
        Ok(self.root.join(&sha256[..2]).join(sha256))
    }

    /// The bytes, verified against the hash. For artifacts, which fit in memory.
    ///
    /// # Errors
    /// `Internal` when the file is gone or its bytes are not the ones that were stored.
    pub async fn read(&self, sha256: &str) -> Result<Vec<u8>> {
        let path = self.path(sha256)?;
        let expected = sha256.to_owned();
        blocking(move || {
            let bytes = fs::read(&path).map_err(|error| storage("read a blob", &error))?;
            if hex::encode(Sha256::digest(&bytes)) != expected {
                return Err(Error::internal(format!(
                    "the bytes of blob {expected} changed on the disk"
                )));
            }
            Ok(bytes)
        })
        .await
    }

    /// Whether the bytes on the disk are still the ones that were stored. Reads the whole file, but never holds it.
    ///
    /// # Errors
    /// `Internal` when the file is gone or can not be read.
    pub async fn is_intact(&self, sha256: &str) -> Result<bool> {
        let path = self.path(sha256)?;
        let expected = sha256.to_owned();
        blocking(move || {
            let (found, _) = File::open(path)
                .and_then(hash)
                .map_err(|error| storage("read a blob", &error))?;
            Ok(found == expected)
        })
        .await
    }

    /// Syncs the file, gives it its name, and syncs that. Always renames, even over an equal file: the sweep then sees a
    /// fresh time of change and leaves it alone until its row is committed.
    fn keep(&self, temp: &TempFile, blob: &StoredBlob) -> Result<()> {
        let path = self.path(&blob.sha256)?;
        let directory = path.parent().unwrap_or(&self.root);
        let kept = File::open(temp.path())
            .and_then(|file| file.sync_all())
            .and_then(|()| make_directory(directory))
            .and_then(|()| fs::rename(temp.path(), &path))
            .and_then(|()| sync_directory(directory))
            .and_then(|()| sync_directory(&self.root));
        kept.map_err(|error| storage("keep a file", &error))
    }
}

/// Writes the row that makes a file known, in the transaction of what refers to it.
///
/// # Errors
/// `Unavailable` when a sweep was quicker, which takes an hour between storing and recording.
pub(crate) async fn record(
    platform: &Platform,
    conn: &mut Conn,
    blob: &StoredBlob,
    now: Timestamp,
) -> Result<()> {
    store::blobs::lock(conn, &blob.sha256).await?;
    let path = platform.blobs.path(&blob.sha256)?;
    if !blocking(move || Ok(path.is_file())).await? {
        return Err(Error::unavailable(
            "the file was swept away before it was recorded: send it again",
            blob.sha256.clone(),
        ));
    }
    let bytes = i64::try_from(blob.bytes).map_err(Error::internal)?;
    Ok(store::blobs::record(conn, &blob.sha256, bytes, now).await?)
}

struct Writing {
    temp: TempFile,
    hash: Sha256,
    bytes: u64,
}

impl Writing {
    fn write(mut self, chunks: &[Bytes]) -> Result<Self> {
        for chunk in chunks {
            self.hash.update(chunk);
            self.temp
                .file()
                .write_all(chunk)
                .map_err(|error| storage("write a file", &error))?;
            self.bytes += chunk.len() as u64;
        }
        Ok(self)
    }
}

fn hash(mut input: impl Read) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut input, &mut hash)?;
    Ok((hex::encode(hash.finalize()), bytes))
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge {
        message: format!(
            "the file is larger than {limit} bytes: split it, or have the limit raised"
        ),
    }
}

/// A full disk is the caller's to know; any other fault is ours.
fn storage(doing: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::InsufficientStorage(
                "the server's disk is full: free some space and try again".to_owned(),
            )
        }
        _ => Error::internal(format!("can not {doing}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_told_to_the_caller() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let told = storage("write a file", &io::Error::from(kind));
            assert!(
                matches!(told, Error::InsufficientStorage(_)),
                "{kind:?}: {told:?}"
            );
        }
        let fault = storage(
            "write a file",
            &io::Error::from(io::ErrorKind::PermissionDenied),
        );
        assert_eq!(fault.to_string(), "internal error");
    }
}
