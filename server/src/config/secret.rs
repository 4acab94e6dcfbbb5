//! A secret comes from its variable, or from the file that the variable's `_FILE` twin names.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use secrecy::SecretString;

/// # Errors
/// Both are given, or the file can not be read; the error names the variables.
pub(super) fn either(
    variable: &str,
    value: Option<&SecretString>,
    file: Option<&Path>,
) -> Result<Option<SecretString>> {
    match (value, file) {
        (Some(_), Some(_)) => bail!("{variable} and {variable}_FILE are both set: set one"),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| {
                format!(
                    "{variable}_FILE names {}, which can not be read",
                    file.display()
                )
            })?;
            Ok(Some(SecretString::from(
                text.trim_end_matches(['\r', '\n']),
            )))
        }
        (None, None) => Ok(None),
    }
}

/// For clap: takes any text, so that no error message ever shows it.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
pub(super) fn parse(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_read_from_its_file_without_the_last_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "tulip anvil\n").unwrap();
        let secret = either("VOLARY_X", None, Some(&file)).unwrap().unwrap();
        assert_eq!(secret.expose_secret(), "tulip anvil");
        let value = SecretString::from("direct");
        let error = either("VOLARY_X", Some(&value), Some(&file))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "VOLARY_X and VOLARY_X_FILE are both set: set one");
        let error = either("VOLARY_X", None, Some(&dir.path().join("absent")))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("VOLARY_X_FILE names "), "{error}");
    }
}
