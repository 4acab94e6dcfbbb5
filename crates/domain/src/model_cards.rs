//! What people should know of a version before they use it: a text in Markdown.

use serde::{Deserialize, Serialize};

use crate::{Error, FieldError, Name, Result, Timestamp};

/// Longest text of a card, in bytes.
pub const MAX_CARD_BYTES: usize = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelCard {
    pub model: Name,
    pub version: i32,
    pub markdown: String,
    /// Grows with every edit; the `ETag`. 0 while nobody has edited the text that is made of what is known.
    pub revision: i64,
    pub updated_by: Option<String>,
    pub updated_at: Option<Timestamp>,
}

/// The text of a card, as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelCardText {
    /// Markdown, at most 65,536 bytes.
    pub markdown: String,
}

impl ModelCardText {
    /// The text as it is kept: lines end as on every machine, as forms of a page do not send them.
    ///
    /// # Errors
    /// It is empty, too long, or holds what is no text.
    pub fn checked(&self) -> Result<String> {
        let markdown = self.markdown.replace("\r\n", "\n").replace('\r', "\n");
        if markdown.trim().is_empty() {
            let expected = "some text: a card can not be empty";
            return Err(Error::Invalid(vec![FieldError::new(
                "/markdown",
                "missing",
                expected,
            )]));
        }
        if markdown.contains('\0') {
            return Err(Error::invalid(
                "/markdown",
                "text without the character NUL",
            ));
        }
        if markdown.len() > MAX_CARD_BYTES {
            return Err(Error::TooLarge {
                message: format!(
                    "/markdown: the text has {} bytes, and a card takes {MAX_CARD_BYTES} at most: shorten it, or link to the rest",
                    markdown.len()
                ),
            });
        }
        Ok(markdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(markdown: impl Into<String>) -> Result<String> {
        let markdown = markdown.into();
        ModelCardText { markdown }.checked()
    }

    #[test]
    fn lines_end_as_on_every_machine() {
        assert_eq!(checked("a\r\nb\rc\n").ok().as_deref(), Some("a\nb\nc\n"));
    }

    #[test]
    fn what_is_no_card_is_refused() {
        assert!(matches!(checked(" \r\n\t"), Err(Error::Invalid(_))));
        assert!(matches!(checked("a\0b"), Err(Error::Invalid(_))));
        assert!(checked("ü".repeat(MAX_CARD_BYTES / 2)).is_ok());
        let long = "ü".repeat(MAX_CARD_BYTES / 2) + "x";
        assert!(matches!(checked(long), Err(Error::TooLarge { .. })));
    }
}
