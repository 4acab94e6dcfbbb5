use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use domain::{Error, Result};

use super::storage;
use crate::secrets;

/// An unfinished file of this process. It is removed when dropped; when the process dies, its lock goes with it, and the
/// next sweep sees that nobody owns the file.
#[derive(Debug)]
pub struct TempFile {
    file: File,
    path: PathBuf,
}

impl TempFile {
    pub(super) fn create(directory: &Path) -> Result<Self> {
        loop {
            let path = directory.join(hex::encode(secrets::random::<16>()?));
            let made = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            let file = made.map_err(|error| storage("make a temporary file", &error))?;
            // A sweep may come between the making and the locking, and remove the file: then make another.
            if lock(&file).map_err(Error::internal)?
                && file.metadata().map_err(Error::internal)?.nlink() > 0
            {
                return Ok(Self { file, path });
            }
        }
    }

    /// Where to write; stays valid until this is dropped or adopted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file with these bytes, read from its start, and no name: its room on the disk is free once it is closed.
    ///
    /// # Errors
    /// `InsufficientStorage` when the disk is full.
    pub fn nameless(mut self, bytes: &[u8]) -> Result<File> {
        let written = self.file.write_all(bytes);
        let read = written.and_then(|()| self.file.rewind());
        let file = read.and_then(|()| self.file.try_clone());
        file.map_err(|error| storage("write a temporary file", &error))
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Gone already when it was adopted; otherwise the sweep tries again.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the lock is ours now.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
