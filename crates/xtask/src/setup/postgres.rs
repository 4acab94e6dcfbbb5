//! Postgres' programs, which the server runs a private instance with when no DATABASE_URL is set.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::process;
use crate::progress::Step;
use crate::setup::apt;

pub(crate) const BY_HAND: &str = "no Postgres programs (initdb, pg_ctl, postgres, psql) on PATH or in /usr/lib/postgresql/*/bin: \
     install your system's PostgreSQL server package, or put its bin directory on PATH";

/// Where the server will get Postgres from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The programs in this directory.
    Installed(PathBuf),
    /// Downloaded by the server itself at its first start.
    Download,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(dir) => write!(f, "present in {}", dir.display()),
            Self::Download => {
                f.write_str("none here: the server downloads its own at its first start")
            }
        }
    }
}

pub(crate) fn ensure(step: &Step) -> Result<Source> {
    if let Some(dir) = find() {
        return Ok(Source::Installed(dir));
    }
    if !apt::can_install() {
        return Ok(Source::Download);
    }
    step.note("apt-get install postgresql");
    match install() {
        Ok(()) => find().map(Source::Installed).context(BY_HAND),
        Err(error) => {
            step.note(format!("{error:#}"));
            Ok(Source::Download)
        }
    }
}

/// The directory of the programs: one on PATH, else the newest of Debian's.
pub(crate) fn find() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH")?;
    std::env::split_paths(&on_path)
        .find(|dir| is_complete(dir))
        .or_else(|| newest(Path::new("/usr/lib/postgresql")))
}

fn newest(versions: &Path) -> Option<PathBuf> {
    fs::read_dir(versions)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| is_complete(bin))
        .max()
        .map(|(_, bin)| bin)
}

fn is_complete(dir: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres", "psql"]
        .iter()
        .all(|program| process::is_executable(&dir.join(program)))
}

/// Installs the programs alone: the package would also make a database cluster and start it.
fn install() -> Result<()> {
    let dir = Path::new("/etc/postgresql-common/createcluster.d");
    let setting = dir.join("volary-setup.conf");
    fs::create_dir_all(dir).with_context(|| format!("cannot write {}", dir.display()))?;
    fs::write(&setting, "create_main_cluster = false\n")?;
    let installed = apt::install(&["postgresql"]);
    fs::remove_file(&setting)?;
    installed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9", "15", "17"] {
            let bin = dir.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            for program in ["initdb", "pg_ctl", "postgres", "psql"] {
                // Version 17 has clients only.
                if version != "17" || program == "psql" {
                    fs::copy("/bin/sh", bin.join(program)).unwrap();
                }
            }
        }
        assert_eq!(newest(dir.path()), Some(dir.path().join("15/bin")));
    }
}
