use std::net::Ipv6Addr;

use crate::{Error, FieldError, Result};

/// The web pages that may call a deployment from a browser, by their origins. None unless listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOrigins(Vec<String>);

impl CorsOrigins {
    pub const MOST: usize = 20;
    /// In place of a list: pages of every origin.
    pub const EVERY: &str = "*";

    /// # Errors
    /// `Invalid`, naming every origin that no browser would send, with the one that was probably meant.
    pub fn new(origins: Vec<String>) -> Result<Self> {
        if origins.len() > Self::MOST {
            let expected = format!("at most {} origins", Self::MOST);
            return Err(Error::Invalid(vec![
                FieldError::new("/cors_origins", "out_of_range", expected)
                    .got(origins.len().to_string()),
            ]));
        }
        let mut errors = Vec::new();
        for (index, origin) in origins.iter().enumerate() {
            if let Some(expected) = problem(&origins, index) {
                let pointer = format!("/cors_origins/{index}");
                errors.push(FieldError::new(pointer, "invalid", expected).got(origin.as_str()));
            }
        }
        if errors.is_empty() {
            Ok(Self(origins))
        } else {
            Err(Error::Invalid(errors))
        }
    }

    /// What allows a page of this origin, as listed: the origin itself or `*`.
    #[must_use]
    pub fn allowed(&self, origin: &str) -> Option<&str> {
        let mut listed = self.0.iter().map(String::as_str);
        listed.find(|listed| *listed == origin || *listed == Self::EVERY)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// What would have been right in place of the origin at `index`.
fn problem(origins: &[String], index: usize) -> Option<String> {
    let origin = origins.get(index)?;
    if origins.iter().take(index).any(|earlier| earlier == origin) {
        return Some("each origin once".to_owned());
    }
    if origin == CorsOrigins::EVERY {
        return (origins.len() > 1)
            .then(|| "* alone, for pages of every origin, or origins without it".to_owned());
    }
    match as_browsers_write(origin) {
        Some(written) if written == *origin => None,
        Some(written) => Some(format!("{written}, as browsers write it")),
        None => Some(
            "an origin such as https://app.example.com: http or https, a host, and its port if it is not the usual one"
                .to_owned(),
        ),
    }
}

/// The origin of an address, if it is one that a page can have.
fn as_browsers_write(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    // The colons of an IPv6 address stand within brackets.
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            let (host, port) = authority.split_at(colon);
            (host, Some(port.get(1..)?))
        }
        _ => (authority.as_str(), None),
    };
    let host = host_as_browsers_write(host)?;
    let port = match port {
        Some(port) => Some(port_number(port)?).filter(|port| *port != usual),
        None => None,
    };
    Some(match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn host_as_browsers_write(host: &str) -> Option<String> {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address: Ipv6Addr = address.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (host.len() <= 253 && host.split('.').all(is_label)).then(|| host.to_owned())
}

fn port_number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = text.parse().ok()?;
    (is_number && port > 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Result<CorsOrigins> {
        CorsOrigins::new(list.iter().map(|origin| (*origin).to_owned()).collect())
    }

    /// Pointer and what was expected, of each error.
    fn refused(list: &[&str]) -> Vec<(String, String)> {
        match origins(list) {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.pointer, error.expected))
                .collect(),
            other => panic!("{list:?}: {other:?}"),
        }
    }

    #[test]
    fn an_origin_is_taken_as_browsers_send_it() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "https://app.example.com:8443",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
            "*",
        ] {
            assert!(origins(&[good]).is_ok(), "{good}");
        }
        assert!(origins(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_was_probably_meant_is_named() {
        for (written, meant) in [
            ("https://app.example.com/", "https://app.example.com"),
            ("https://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:80/path?x", "http://localhost"),
            (" https://app.example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
        ] {
            let expected = format!("{meant}, as browsers write it");
            assert_eq!(
                refused(&[written]),
                [("/cors_origins/0".to_owned(), expected)]
            );
        }
        for bad in [
            "",
            "null",
            "app.example.com",
            "ftp://app.example.com",
            "https://",
            "https://*.example.com",
            "https://user@app.example.com",
            "https://app..example.com",
            "https://app.example.com:0",
            "https://app.example.com:65536",
            "https://app.example.com:+1",
            "https://b\u{fc}cher.example",
            "https://a b.example",
            "https://[::1",
            "https://[nowhere]",
        ] {
            let errors = refused(&[bad]);
            assert!(
                errors[0].1.starts_with("an origin such as"),
                "{bad}: {errors:?}"
            );
        }
    }

    #[test]
    fn every_bad_origin_is_named_at_once() {
        let errors = refused(&["https://a.example", "*", "https://a.example", "nothing"]);
        let pointers: Vec<&str> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/cors_origins/1", "/cors_origins/2", "/cors_origins/3"]
        );
        let many: Vec<String> = (0..=CorsOrigins::MOST)
            .map(|n| format!("https://{n}.example"))
            .collect();
        let Err(Error::Invalid(errors)) = CorsOrigins::new(many) else {
            panic!("too many were taken")
        };
        assert_eq!(
            (errors[0].pointer.as_str(), errors[0].expected.as_str()),
            ("/cors_origins", "at most 20 origins")
        );
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let listed = origins(&["https://a.example", "http://localhost:5173"]).unwrap();
        assert_eq!(
            listed.allowed("https://a.example"),
            Some("https://a.example")
        );
        for other in [
            "http://a.example",
            "https://a.example:8443",
            "https://a.example.evil.test",
            "https://evil.test",
            "null",
            "",
            "*",
        ] {
            assert_eq!(listed.allowed(other), None, "{other}");
        }
        assert_eq!(
            origins(&["*"]).unwrap().allowed("https://b.example"),
            Some("*")
        );
        assert_eq!(CorsOrigins::default().allowed("https://a.example"), None);
    }
}
