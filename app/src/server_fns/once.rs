//! A secret that a plain form made is shown by the page that follows, and so is what was filled into one that was refused. It travels
//! in a cookie that lives for a minute, that scripts can not read, and that the page removes: never in a URL, never stored.

use leptos::prelude::use_context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{RequestContext, cookie, is_plain_form, response_header};

pub(super) const API_KEY: &str = "made_api_key";
pub(super) const REFUSED_API_KEY: &str = "refused_api_key";
pub(super) const INVITATION: &str = "made_invitation";
/// In bytes: in hexadecimal it takes twice as many, and browsers keep no cookie of more than 4 KiB.
const LONGEST: usize = 1900;

/// Only for a browser that can not show the answer itself.
pub(super) fn keep<T: Serialize>(name: &str, made: &T) {
    if is_plain_form()
        && let Ok(json) = serde_json::to_vec(made)
        && json.len() <= LONGEST
    {
        set(name, &hexadecimal(&json), 60);
    }
}

pub(super) fn take<T: DeserializeOwned>(name: &str) -> Option<T> {
    let text = cookie(name).filter(|text| !text.is_empty())?;
    set(name, "", 0);
    serde_json::from_slice(&bytes(&text)?).ok()
}

fn set(name: &str, value: &str, seconds: u32) {
    let is_secure = use_context::<RequestContext>()
        .is_some_and(|request| request.base_url.starts_with("https:"));
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/p/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    response_header(http::header::SET_COOKIE, &cookie);
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{bytes, hexadecimal};

    #[test]
    fn bytes_survive_the_cookie() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&hexadecimal(&all)), Some(all));
        assert_eq!(bytes("zz"), None);
    }
}
