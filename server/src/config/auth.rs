use std::path::PathBuf;

use anyhow::{Result, bail};
use secrecy::SecretString;

use super::secret;

/// The first admin, and the key that signs tokens.
#[derive(clap::Args, Clone, Debug)]
pub struct AuthConfig {
    /// E-mail address of the first admin, made when there is no user yet; without it a one-time link is printed
    #[arg(
        long,
        env = "VOLARY_BOOTSTRAP_ADMIN_EMAIL",
        value_name = "ADDRESS",
        help_heading = "Sign-in"
    )]
    bootstrap_admin_email: Option<String>,
    /// Password of the first admin
    #[arg(long, env = "VOLARY_BOOTSTRAP_ADMIN_PASSWORD", value_name = "PASSWORD", hide_env_values = true, value_parser = secret::parse, help_heading = "Sign-in")]
    bootstrap_admin_password: Option<SecretString>,
    /// File that holds the password of the first admin
    #[arg(
        long,
        env = "VOLARY_BOOTSTRAP_ADMIN_PASSWORD_FILE",
        value_name = "FILE",
        help_heading = "Sign-in"
    )]
    bootstrap_admin_password_file: Option<PathBuf>,
    /// Ed25519 private key (PKCS#8 PEM) that signs tokens; without it keys are made in the data directory, every 30 days a new one
    #[arg(long, env = "VOLARY_SIGNING_KEY", value_name = "PEM", hide_env_values = true, value_parser = secret::parse, help_heading = "Sign-in")]
    signing_key: Option<SecretString>,
    /// File that holds the signing key
    #[arg(
        long,
        env = "VOLARY_SIGNING_KEY_FILE",
        value_name = "FILE",
        help_heading = "Sign-in"
    )]
    signing_key_file: Option<PathBuf>,
}

/// The first admin, as the environment gives him.
#[derive(Clone, Debug)]
pub struct BootstrapAdmin {
    pub email: String,
    pub password: SecretString,
}

impl AuthConfig {
    /// # Errors
    /// Only one of address and password is set, or the password's file can not be read.
    pub fn bootstrap_admin(&self) -> Result<Option<BootstrapAdmin>> {
        let password = secret::either(
            "VOLARY_BOOTSTRAP_ADMIN_PASSWORD",
            self.bootstrap_admin_password.as_ref(),
            self.bootstrap_admin_password_file.as_deref(),
        )?;
        match (&self.bootstrap_admin_email, password) {
            (Some(email), Some(password)) => Ok(Some(BootstrapAdmin {
                email: email.clone(),
                password,
            })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!(
                "VOLARY_BOOTSTRAP_ADMIN_EMAIL is set without VOLARY_BOOTSTRAP_ADMIN_PASSWORD: set both or none"
            ),
            (None, Some(_)) => bail!(
                "VOLARY_BOOTSTRAP_ADMIN_PASSWORD is set without VOLARY_BOOTSTRAP_ADMIN_EMAIL: set both or none"
            ),
        }
    }

    /// # Errors
    /// The key's file can not be read.
    pub fn signing_key(&self) -> Result<Option<SecretString>> {
        secret::either(
            "VOLARY_SIGNING_KEY",
            self.signing_key.as_ref(),
            self.signing_key_file.as_deref(),
        )
    }
}
