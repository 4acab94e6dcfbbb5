use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A checked name of a project, dataset, model, deployment or alias: 1 to 63 of `A-Z a-z 0-9 . _ -`,
/// the first a letter or digit. It is safe in a URL, and is never used as a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Longest name, in characters.
pub const MAX_NAME: usize = 63;

impl Name {
    /// # Errors
    /// A sentence with the value and the rule it breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let first_ok = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let rest_ok = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if first_ok && rest_ok && text.len() <= MAX_NAME {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(80).collect();
        Err(format!(
            "{shown:?} is not a name: use 1 to {MAX_NAME} letters, digits, dots, underscores or hyphens, the first a letter or digit"
        ))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest valid name to a file name or title: `Sales 2024 (final).csv` becomes `Sales-2024-final`.
    #[must_use]
    pub fn suggest(text: &str) -> Option<Self> {
        let stem = text.rsplit_once('.').map_or(text, |(stem, _)| stem);
        let mut name = String::new();
        for c in stem.chars() {
            if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
                name.push(c);
            } else if !name.ends_with('-') && !name.is_empty() {
                name.push('-');
            }
        }
        let trimmed = name.trim_matches(['-', '.', '_']);
        Self::new(trimmed.chars().take(MAX_NAME).collect::<String>()).ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(text)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(text)
    }
}
