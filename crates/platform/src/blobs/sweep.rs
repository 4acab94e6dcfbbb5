use std::fs::{self, DirEntry, File};
use std::io;
use std::path::Path;

use domain::{Result, Timestamp};
use store::{Conn, Store};

use super::{Blobs, blocking, storage, temp};

/// How long a file may wait for its row, in seconds: far longer than any request between the two takes.
const GRACE: f64 = 3600.0;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Unfinished files whose process died.
    pub unfinished: usize,
    /// Whole files that were never acknowledged.
    pub unknown: usize,
}

impl Blobs {
    /// Removes what was never acknowledged: unfinished files of dead processes, and whole files that no row names an hour
    /// after they came. Safe beside running uploads, of this process and of others.
    ///
    /// # Errors
    /// The database or the disk is away.
    pub async fn sweep(&self, store: &Store, now: Timestamp) -> Result<Swept> {
        let blobs = self.clone();
        let (unfinished, candidates) = blocking(move || {
            let unfinished = sweep_unfinished(&blobs.root.join("tmp"))
                .map_err(|error| storage("sweep", &error))?;
            let old = old_files(&blobs.root, now).map_err(|error| storage("sweep", &error))?;
            Ok((unfinished, old))
        })
        .await?;
        let mut unknown = 0;
        for some in candidates.chunks(1000) {
            let mut conn = store.read().await?;
            let nameless = store::blobs::unknown(&mut conn, some).await?;
            drop(conn);
            for sha256 in nameless {
                let mut tx = store.begin().await?;
                unknown += usize::from(self.remove_unknown(&mut tx, &sha256, now).await?);
                tx.commit().await?;
            }
        }
        Ok(Swept {
            unfinished,
            unknown,
        })
    }

    /// Looks again under the lock that whoever records this blob takes too.
    async fn remove_unknown(&self, conn: &mut Conn, sha256: &str, now: Timestamp) -> Result<bool> {
        store::blobs::lock(conn, sha256).await?;
        if store::blobs::find(conn, sha256).await?.is_some() {
            return Ok(false);
        }
        let path = self.path(sha256)?;
        blocking(move || {
            let removed = is_old(&path, now).and_then(|old| {
                if old {
                    fs::remove_file(&path).map(|()| true)
                } else {
                    Ok(false)
                }
            });
            removed
                .or_else(absent_is(false))
                .map_err(|error| storage("sweep", &error))
        })
        .await
    }
}

fn sweep_unfinished(directory: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let removed = File::open(&path)
            .and_then(|file| {
                if temp::lock(&file)? {
                    fs::remove_file(&path).map(|()| true)
                } else {
                    Ok(false)
                }
            })
            .or_else(absent_is(false))?;
        swept += usize::from(removed);
    }
    Ok(swept)
}

/// The names of all blobs that came longer ago than the grace.
fn old_files(root: &Path, now: Timestamp) -> io::Result<Vec<String>> {
    let mut old = Vec::new();
    for directory in fs::read_dir(root)? {
        let directory = directory?;
        if name(&directory).len() != 2 {
            continue;
        }
        for file in fs::read_dir(directory.path())? {
            let file = file?;
            let name = name(&file);
            if name.len() == 64 && is_old(&file.path(), now).or_else(absent_is(false))? {
                old.push(name);
            }
        }
    }
    Ok(old)
}

fn name(entry: &DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}

fn is_old(path: &Path, now: Timestamp) -> io::Result<bool> {
    let changed = time::OffsetDateTime::from(fs::metadata(path)?.modified()?);
    Ok(now.seconds_since(changed.into()) > GRACE)
}

/// Somebody else removed it meanwhile: that is not a fault.
fn absent_is<T>(value: T) -> impl FnOnce(io::Error) -> io::Result<T> {
    move |error| {
        if error.kind() == io::ErrorKind::NotFound {
            Ok(value)
        } else {
            Err(error)
        }
    }
}
