//! A body of `{"inputs":...}` that may have a `callback_url` beside them. What the model reads is left as it was sent, so
//! that what is wrong with it is told as everywhere else.

use std::fmt;

use bytes::Bytes;
use domain::FieldError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const CALLBACK_URL: &str = "callback_url";

/// The parts of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The body without the callback.
    pub(super) rest: Bytes,
    pub(super) callback_url: Option<String>,
}

/// A body that can not be taken apart is left whole: the model's reader says what is wrong with it.
///
/// # Errors
/// A callback that is no text, or that comes twice.
pub(super) fn split(body: &Bytes) -> Result<Split, FieldError> {
    let Ok(Members(members)) = serde_json::from_slice::<Members<'_>>(body) else {
        return Ok(whole(body));
    };
    let mut callbacks = members.iter().filter(|(name, _)| name == CALLBACK_URL);
    let Some((_, callback)) = callbacks.next() else {
        return Ok(whole(body));
    };
    let pointer = format!("/{CALLBACK_URL}");
    if callbacks.next().is_some() {
        return Err(FieldError::new(pointer, "duplicate", "the member once"));
    }
    let callback_url = serde_json::from_str::<Option<String>>(callback.get()).map_err(|_| {
        FieldError::new(pointer, "wrong_type", "a URL as a string").got(callback.get())
    })?;
    let rest = members.iter().filter(|(name, _)| name != CALLBACK_URL);
    Ok(Split {
        rest: written(rest).into(),
        callback_url,
    })
}

fn whole(body: &Bytes) -> Split {
    Split {
        rest: body.clone(),
        callback_url: None,
    }
}

fn written<'a>(members: impl Iterator<Item = &'a (String, &'a RawValue)>) -> String {
    let members: Vec<String> = members
        .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// An object's members as they were written, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &'static str) -> (String, Option<String>) {
        let split = split(&Bytes::from_static(body.as_bytes())).unwrap();
        (
            String::from_utf8(split.rest.to_vec()).unwrap(),
            split.callback_url,
        )
    }

    #[test]
    fn the_callback_is_taken_out_and_the_rest_stays_as_it_was() {
        let body = r#"{"callback_url":"https://a.b/\u0063","inputs":{"x":1.50,"y":"\n"}}"#;
        let rest = r#"{"inputs":{"x":1.50,"y":"\n"}}"#;
        assert_eq!(
            parts(body),
            (rest.to_owned(), Some("https://a.b/c".to_owned()))
        );
        assert_eq!(
            parts(r#"{"inputs":[],"callback_url":null}"#),
            (r#"{"inputs":[]}"#.to_owned(), None)
        );
    }

    #[test]
    fn what_is_wrong_elsewhere_is_left_for_the_models_reader() {
        for body in [
            r#"{"inputs":{"x":1}}"#,
            r#"{"inputs":{},"inputs":{},"more":1}"#,
            "[1]",
            "{",
            "",
            "nothing",
        ] {
            assert_eq!(parts(body), (body.to_owned(), None));
        }
        let (rest, _) = parts(r#"{"inputs":1,"a\"b":2,"callback_url":"x","inputs":3}"#);
        assert_eq!(rest, r#"{"inputs":1,"a\"b":2,"inputs":3}"#);
    }

    #[test]
    fn a_callback_is_one_text() {
        for (body, code) in [
            (r#"{"callback_url":7}"#, "wrong_type"),
            (r#"{"callback_url":"a","callback_url":"b"}"#, "duplicate"),
        ] {
            let error = split(&Bytes::from_static(body.as_bytes())).unwrap_err();
            assert_eq!(
                (error.pointer.as_str(), error.code.as_str()),
                ("/callback_url", code)
            );
        }
    }
}
