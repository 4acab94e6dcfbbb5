//! What Postgres can keep of a text: everything but the character NUL, which its `text` and `jsonb` refuse.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// The text with U+FFFD in place of every NUL, so that a hostile file can not make a write fail.
#[must_use]
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for every string and key within a JSON value.
#[must_use]
pub fn storable_json(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(storable(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(storable_json).collect()),
        Value::Object(members) => {
            let clean = members
                .into_iter()
                .map(|(key, value)| match storable(&key) {
                    Cow::Borrowed(_) => (key, storable_json(value)),
                    Cow::Owned(key) => (key, storable_json(value)),
                });
            Value::Object(clean.collect())
        }
        other => other,
    }
}

/// A stored word as the type that spells it so.
pub(crate) fn parse<T: DeserializeOwned>(column: &str, word: String) -> Result<T> {
    from_json(column, Value::String(word))
}

/// A stored JSON value as its type.
pub(crate) fn from_json<T: DeserializeOwned>(column: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::stored(column, error))
}

/// A stored name; every one was checked before it was stored.
pub(crate) fn name(column: &str, text: String) -> Result<domain::Name> {
    domain::Name::new(text).map_err(|error| Error::stored(column, error))
}

/// A value as JSON that Postgres takes.
pub(crate) fn to_json<T: serde::Serialize>(column: &str, value: &T) -> Result<Value> {
    serde_json::to_value(value)
        .map(storable_json)
        .map_err(|error| Error::stored(column, error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nul_is_replaced_at_every_depth() {
        let dirty = json!({"a\0": ["x\0y", 1, null, {"b": "\0"}], "c": "clean"});
        assert_eq!(
            storable_json(dirty),
            json!({"a\u{FFFD}": ["x\u{FFFD}y", 1, null, {"b": "\u{FFFD}"}], "c": "clean"})
        );
        assert!(matches!(storable("clean"), Cow::Borrowed(_)));
    }
}
