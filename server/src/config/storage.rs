use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// What lies on disk, and how much of it may be sent.
#[derive(clap::Args, Clone, Debug)]
pub struct StorageConfig {
    /// Directory for files and, without DATABASE_URL, the database [default: ./data, for root /var/lib/volary]
    #[arg(
        long,
        env = "VOLARY_DATA_DIR",
        value_name = "DIR",
        help_heading = "Storage"
    )]
    data_dir: Option<PathBuf>,
    /// Largest dataset file, in bytes
    #[arg(long, env = "VOLARY_MAX_UPLOAD_BYTES", value_name = "BYTES", default_value_t = 5 << 30, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Storage")]
    pub max_upload_bytes: u64,
}

impl StorageConfig {
    /// The data directory as an absolute path; made by whoever writes into it.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn data_dir(&self) -> Result<PathBuf> {
        // An unprivileged account must reach the private Postgres inside it, and root's own directories are closed.
        let fallback = if rustix::process::geteuid().is_root() {
            "/var/lib/volary"
        } else {
            "data"
        };
        let dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(fallback));
        std::path::absolute(&dir)
            .with_context(|| format!("VOLARY_DATA_DIR: {} is not a usable path", dir.display()))
    }
}
