use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::{Error, FieldError, Result, Timestamp};

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub created_at: Timestamp,
}

/// Shortest and longest password, in characters. Nothing else is asked of one but that it is not a common one.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// # Errors
/// A password that is too short, too long, common, or the e-mail address itself.
pub fn check_password(pointer: &str, password: &str, email: &str) -> Result<()> {
    let length = password.chars().count();
    let refuse = |expected: &str| {
        Err(Error::Invalid(vec![FieldError::new(
            pointer, "invalid", expected,
        )]))
    };
    if !PASSWORD_LENGTH.contains(&length) {
        return refuse("a password of 12 to 128 characters");
    }
    let lower = password.to_lowercase();
    let distinct = lower
        .chars()
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    if distinct < 5 || is_common(&lower) {
        return refuse("a password that is not among the common ones: try four unrelated words");
    }
    if lower == email.to_lowercase() {
        return refuse("a password that is not your e-mail address");
    }
    Ok(())
}

/// The common passwords of at least twelve characters are these roots, repeated, padded or joined.
fn is_common(lower: &str) -> bool {
    const ROOTS: [&str; 34] = [
        "password",
        "passw0rd",
        "p@ssw0rd",
        "p@ssword",
        "qwertyuiop",
        "qwerty",
        "asdfghjkl",
        "zxcvbnm",
        "1q2w3e4r5t6y",
        "1q2w3e4r",
        "1qaz2wsx",
        "letmein",
        "welcome",
        "iloveyou",
        "admin",
        "administrator",
        "changeme",
        "football",
        "baseball",
        "sunshine",
        "princess",
        "monkey",
        "dragon",
        "superman",
        "starwars",
        "volary",
        "secret",
        "default",
        "master",
        "michael",
        "abcdefghijklmnopqrstuvwxyz",
        "00112233445566778899",
        "01234567890123456789",
        "98765432109876543210",
    ];
    let mut rest = lower.to_owned();
    for root in ROOTS {
        rest = rest.replace(root, "");
    }
    let weak: String = rest
        .chars()
        .filter(|c| !c.is_ascii_digit() && !c.is_ascii_punctuation())
        .collect();
    let digits = lower.chars().filter(char::is_ascii_digit).count();
    (rest.len() < lower.len() && weak.chars().count() < 4) || digits == lower.chars().count()
}

/// The address in lower case.
///
/// # Errors
/// Text that can not be an e-mail address.
pub fn check_email(pointer: &str, email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let valid = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty()
                && !host.contains('@')
                && host.split('.').all(|label| !label.is_empty())
        });
    if valid {
        return Ok(email);
    }
    Err(Error::Invalid(vec![
        FieldError::new(
            pointer,
            "invalid",
            "an e-mail address such as ada@example.com",
        )
        .got(email),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused_and_phrases_pass() {
        for weak in [
            "password1234",
            "Password123!",
            "qwertyuiop123",
            "123456789012",
            "aaaaaaaaaaaa",
            "letmeinletmein",
            "short",
        ] {
            assert!(
                check_password("/password", weak, "a@b.c").is_err(),
                "{weak}"
            );
        }
        for strong in [
            "correct horse battery",
            "tulip-anvil-92-fjord",
            "Zr8!kPq2mWx9",
        ] {
            assert!(
                check_password("/password", strong, "a@b.c").is_ok(),
                "{strong}"
            );
        }
        assert!(check_password("/password", "someone@example.com", "Someone@example.com").is_err());
    }
}
