//! Where the sources are and where what is built from them goes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The checkout and its target directory, both absolute.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace this program was built from. Its target directory is `CARGO_TARGET_DIR`, else one directory
    /// per user, so that a second clone on the same machine finds the dependencies already built.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .ancestors()
            .nth(2)
            .context("xtask does not lie in crates/xtask: run it as `cargo xtask`")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
            Some(dir) => env::current_dir()?.join(dir),
            None => shared_target(&root),
        };
        Ok(Self { root, target })
    }

    /// `cargo`, run at the root with our target directory and without what `cargo run` has told this program about
    /// itself.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let own = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_")
                    || name.starts_with("CARGO_MANIFEST_")
                    || name == "CARGO_PRIMARY_PACKAGE"
            });
            if own {
                cargo.env_remove(name);
            }
        }
        cargo.env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// `cargo` reading the queries' descriptions from `.sqlx/`, whatever database the caller's environment names.
    pub(crate) fn cargo_offline_queries(&self) -> Command {
        let mut cargo = self.cargo();
        cargo.env("SQLX_OFFLINE", "true").env_remove("DATABASE_URL");
        cargo
    }

    /// Where the built front end lies.
    pub(crate) fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The server's executable, as built with `profile`.
    pub(crate) fn server(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join("volary")
    }
}

fn shared_target(root: &Path) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|cache| cache.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(".cache")));
    match cache {
        Some(cache) => cache.join("volary/target"),
        None => root.join("target"),
    }
}
