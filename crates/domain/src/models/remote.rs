//! Models that another engine computes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::GivenSignature;
use crate::FieldError;

/// What versions of models that are computed elsewhere have as their algorithm.
pub const REMOTE: &str = "remote";
/// Longest name of a model, or of a version, at an engine, in characters.
pub const MAX_REMOTE_NAME: usize = 255;
/// Longest token that an engine may ask for, in bytes.
pub const MAX_REMOTE_TOKEN: usize = 4096;
/// The longest time that an engine may be given, in milliseconds.
pub const MAX_REMOTE_TIMEOUT: u32 = 60_000;

/// A new version that another engine computes.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRemoteVersion {
    pub remote: NewRemote,
    /// What the engine does not say of its inputs and its output, or says otherwise.
    #[serde(default)]
    pub signature: GivenSignature,
}

/// Where a model is computed, and what the engine asks for. It has no `Debug`, so that its token gets into no log.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRemote {
    pub protocol: RemoteProtocol,
    /// Where the engine is: `http://host:port`, with a path if the protocol's paths begin behind one. Neither user name nor password.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Its version there; the engine chooses when this is left out.
    #[serde(default)]
    pub version: Option<String>,
    /// How long the engine may take for a request, in milliseconds, up to 60,000; as long as any request may when this is left out.
    #[serde(default)]
    pub timeout_ms: Option<u32>,
    /// Sent as `Authorization: Bearer`. Kept, and never shown.
    #[serde(default)]
    pub token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RemoteProtocol {
    /// The Open Inference Protocol, version 2, over HTTP.
    OipV2,
}

/// Where a model is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteEndpoint {
    pub protocol: RemoteProtocol,
    pub url: String,
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

impl NewRemote {
    /// Checks what can be checked without a call. Whether the URL may be called is for who calls.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |member: &str, expected: String| {
            let pointer = format!("/remote/{member}");
            errors.push(FieldError::new(pointer, "invalid", expected));
        };
        let names = [
            ("model", Some(&self.model)),
            ("version", self.version.as_ref()),
        ];
        for (member, name) in names {
            if name.is_some_and(|name| !is_remote_name(name)) {
                wrong(
                    member,
                    format!("1 to {MAX_REMOTE_NAME} characters, none of which separates paths"),
                );
            }
        }
        if self
            .timeout_ms
            .is_some_and(|timeout| !(1..=MAX_REMOTE_TIMEOUT).contains(&timeout))
        {
            wrong(
                "timeout_ms",
                format!("1 to {MAX_REMOTE_TIMEOUT} milliseconds"),
            );
        }
        if self.token.as_deref().is_some_and(|token| !is_token(token)) {
            let expected =
                format!("1 to {MAX_REMOTE_TOKEN} visible characters of ASCII, without a space");
            wrong("token", expected);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    #[must_use]
    pub fn endpoint(&self) -> RemoteEndpoint {
        RemoteEndpoint {
            protocol: self.protocol,
            url: self.url.clone(),
            model: self.model.clone(),
            version: self.version.clone(),
            timeout_ms: self.timeout_ms,
        }
    }
}

/// It becomes a segment of a path.
fn is_remote_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=MAX_REMOTE_NAME).contains(&length)
        && !matches!(name, "." | "..")
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

/// It becomes a header.
fn is_token(token: &str) -> bool {
    (1..=MAX_REMOTE_TOKEN).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What an engine asks for. It tells itself to nobody but who sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteToken(String);

impl RemoteToken {
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token)
    }

    /// To send it, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RemoteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteToken")
    }
}

/// Whether an engine is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Every request goes there.
    #[default]
    Closed,
    /// None does, after failures in a row.
    Open,
    /// One goes there, to find out.
    HalfOpen,
}

impl Circuit {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// How an engine does, as the server that answers sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteHealth {
    pub circuit: Circuit,
    /// What is wrong, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> Vec<String> {
        let new: NewRemoteVersion = serde_json::from_str(json).unwrap();
        let errors = new.remote.check().err().unwrap_or_default();
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_name_is_one_segment_of_a_path_and_a_token_one_word() {
        let least = r#"{"remote": {"protocol": "oip_v2", "url": "http://a:1", "model": "m"}}"#;
        assert_eq!(refused(least), [""; 0]);
        for (member, bad) in [
            ("model", r#""""#),
            ("model", r#""..""#),
            ("model", r#""a/b""#),
            ("model", r#""a\\b""#),
            ("model", r#""a\nb""#),
            ("version", r#""1/2""#),
            ("timeout_ms", "0"),
            ("timeout_ms", "60001"),
            ("token", r#""a b""#),
            ("token", r#""a\r\nb""#),
            ("token", r#""""#),
        ] {
            let mut json: serde_json::Value = serde_json::from_str(least).unwrap();
            json["remote"][member] = serde_json::from_str(bad).unwrap();
            assert_eq!(
                refused(&json.to_string()),
                [format!("/remote/{member}")],
                "{bad}"
            );
        }
    }

    #[test]
    fn a_token_is_in_no_log() {
        let token = RemoteToken::new("secret".to_owned());
        assert_eq!(format!("{token:?}"), "RemoteToken");
    }
}
