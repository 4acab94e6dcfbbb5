//! Where initdb, pg_ctl and postgres are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The directory of the programs: for an existing cluster those of its major version, else the newest. `root` is where
/// downloaded ones lie.
pub(super) async fn find(root: &Path, version: Option<&str>) -> Result<PathBuf> {
    let candidates = candidates(root);
    let Some(wanted) = version else {
        if let Some(dir) = candidates.into_iter().next() {
            return Ok(dir);
        }
        return absent(root).await;
    };
    for dir in &candidates {
        if major(dir).await.as_deref() == Some(wanted) {
            return Ok(dir.clone());
        }
    }
    if candidates.is_empty() {
        return absent(root).await;
    }
    bail!(
        "the private Postgres was made by version {wanted}, and none of that version is among {}: install it, or move the \
         data with pg_dump",
        candidates
            .iter()
            .map(|dir| dir.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    )
}

#[cfg(feature = "postgres-download")]
async fn absent(root: &Path) -> Result<PathBuf> {
    super::download::fetch(root).await
}

#[cfg(not(feature = "postgres-download"))]
async fn absent(_root: &Path) -> Result<PathBuf> {
    std::future::ready(()).await;
    bail!(
        "no Postgres programs (initdb, pg_ctl, postgres) on PATH or in /usr/lib/postgresql/*/bin: install your system's \
         PostgreSQL server package, or set DATABASE_URL"
    )
}

/// Complete directories: of PATH, of Debian's and others' packages (newest first), and downloaded.
fn candidates(root: &Path) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let packaged = ["/usr/lib/postgresql", "/usr/local/lib/postgresql"]
        .into_iter()
        .flat_map(|dir| newest_first(Path::new(dir)));
    let fixed = ["/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql/bin"]
        .into_iter()
        .map(PathBuf::from);
    let downloaded = newest_first(&root.join("programs"));
    let mut all: Vec<_> = on_path
        .into_iter()
        .chain(packaged)
        .chain(fixed)
        .chain(downloaded)
        .filter(|dir| dir.is_absolute() && NEEDED.iter().all(|program| dir.join(program).is_file()))
        .collect();
    all.dedup();
    all
}

/// `<parent>/<version>/bin`, the newest version first.
fn newest_first(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name
                .to_str()?
                .split('.')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, dir)| dir).collect()
}

/// `15` of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
async fn major(dir: &Path) -> Option<String> {
    let output = tokio::process::Command::new(dir.join("postgres"))
        .arg("--version")
        .output()
        .await
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    major_of(&text)
}

fn major_of(text: &str) -> Option<String> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(
        number
            .split('.')
            .next()?
            .chars()
            .take_while(char::is_ascii_digit)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_program_says() {
        assert_eq!(
            major_of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)").as_deref(),
            Some("15")
        );
        assert_eq!(
            major_of("postgres (PostgreSQL) 18beta1").as_deref(),
            Some("18")
        );
        assert_eq!(major_of("postgres"), None);
    }

    #[test]
    fn the_newest_version_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["9", "15", "16.4.0", "old"] {
            fs::create_dir(dir.path().join(version)).unwrap();
        }
        let found: Vec<_> = newest_first(dir.path())
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().to_path_buf())
            .collect();
        assert_eq!(
            found,
            [
                PathBuf::from("16.4.0/bin"),
                PathBuf::from("15/bin"),
                PathBuf::from("9/bin")
            ]
        );
    }
}
