//! The header `Prefer`, as RFC 7240 has it. What it says and nobody here knows is passed over, as the RFC wants.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

pub(in crate::routes) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What a client would like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::routes) struct Prefer {
    pub(in crate::routes) respond_async: bool,
    /// How long it would wait.
    pub(super) wait: Option<Duration>,
}

impl Prefer {
    pub(in crate::routes) fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let lines = headers.get_all(PREFER).iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            for preference in split(line, ',') {
                prefer.read(preference);
            }
        }
        prefer
    }

    /// The first of a name counts.
    fn read(&mut self, preference: &str) {
        // Parameters of a preference stand after a semicolon; neither of these has any.
        let preference = split(preference, ';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("respond-async") {
            self.respond_async = true;
        } else if name.eq_ignore_ascii_case("wait") && self.wait.is_none() {
            self.wait = value.parse().ok().map(Duration::from_secs);
        }
    }
}

/// Not within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn prefer(lines: &[&'static str]) -> (bool, Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, HeaderValue::from_static(line));
        }
        let Prefer {
            respond_async,
            wait,
        } = Prefer::of(&headers);
        (respond_async, wait.map(|wait| wait.as_secs()))
    }

    #[test]
    fn preferences_are_read_as_the_rfc_has_them() {
        assert_eq!(prefer(&[]), (false, None));
        assert_eq!(prefer(&["respond-async"]), (true, None));
        assert_eq!(prefer(&["respond-async, wait=10"]), (true, Some(10)));
        assert_eq!(prefer(&["Respond-Async", "WAIT = \"7\""]), (true, Some(7)));
        assert_eq!(prefer(&["wait=3; x=y, wait=9"]), (false, Some(3)));
        assert_eq!(prefer(&["respond-async; foo=\"a, b\""]), (true, None));
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        assert_eq!(prefer(&["wait=soon"]), (false, None));
        assert_eq!(prefer(&["wait=-1, handling=lenient"]), (false, None));
        assert_eq!(prefer(&["x=\"a, respond-async\""]), (false, None));
        assert_eq!(prefer(&[",;=,\""]), (false, None));
    }
}
