//! Whom Postgres runs as. It refuses root, so a root server runs it under an unprivileged account.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

#[derive(Clone, Debug)]
pub(super) struct Account {
    name: &'static str,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// `None` when this process is an ordinary user, and runs Postgres itself.
    pub(super) fn for_this_process() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("/etc/passwd can not be read")?;
        for name in ["postgres", "nobody"] {
            if let Some((uid, gid)) = accounts.lines().find_map(|line| ids(line, name)) {
                return Ok(Some(Self { name, uid, gid }));
            }
        }
        bail!(
            "there is no account `postgres` or `nobody` to run Postgres as: run as an ordinary user, or set DATABASE_URL"
        )
    }

    /// Makes the account the owner.
    pub(super) fn give(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("{} can not be given to {}", path.display(), self.name))
    }

    /// # Errors
    /// A directory above `path` that the account can not pass through.
    pub(super) fn check_reach(&self, path: &Path) -> Result<()> {
        for dir in path.ancestors().skip(1) {
            let meta = fs::metadata(dir)?;
            let needed = if meta.uid() == self.uid {
                0o100
            } else if meta.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if meta.mode() & needed == 0 {
                bail!(
                    "the account {} that runs Postgres can not pass through {}: set VOLARY_DATA_DIR to a place open to it, \
                     such as /var/lib/volary, run as an ordinary user, or set DATABASE_URL",
                    self.name,
                    dir.display()
                );
            }
        }
        Ok(())
    }
}

fn ids(line: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        assert_eq!(
            ids(
                "postgres:x:106:112:PostgreSQL:/var/lib/postgresql:/bin/bash",
                "postgres"
            ),
            Some((106, 112))
        );
        assert_eq!(ids("postgres2:x:106:112::/:/bin/sh", "postgres"), None);
        assert_eq!(ids("postgres", "postgres"), None);
    }
}
