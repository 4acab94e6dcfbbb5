use std::path::PathBuf;

use anyhow::Result;
use secrecy::SecretString;

use super::secret;

/// Which Postgres to use.
#[derive(clap::Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// Postgres to use, `postgres://user:password@host/name`; without it a private one runs in the data directory
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = secret::parse, help_heading = "Database")]
    database_url: Option<SecretString>,
    /// File that holds the address of the database
    #[arg(
        long,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        help_heading = "Database"
    )]
    database_url_file: Option<PathBuf>,
    /// Most connections of this process
    #[arg(long, env = "VOLARY_DATABASE_CONNECTIONS", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1000), help_heading = "Database")]
    pub database_connections: u32,
}

impl DatabaseConfig {
    /// `None`: run a private Postgres.
    ///
    /// # Errors
    /// The file can not be read, or both variables are set.
    pub fn url(&self) -> Result<Option<SecretString>> {
        secret::either(
            "DATABASE_URL",
            self.database_url.as_ref(),
            self.database_url_file.as_deref(),
        )
    }
}
