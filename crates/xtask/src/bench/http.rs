//! One HTTP connection, as plain as can be: what is measured is the other end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

/// `http://HOST:PORT/PATH`, taken apart.
pub(super) fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url
        .strip_prefix("http://")
        .with_context(|| format!("{url} is no http URL"))?;
    Ok(rest.find('/').map_or((rest, "/"), |at| rest.split_at(at)))
}

/// A request, ready to be sent any number of times.
pub(super) fn request(
    method: &str,
    url: &str,
    media: &str,
    secret: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>> {
    let (host, path) = split(url)?;
    let authorization = secret.map_or_else(String::new, |secret| {
        format!("Authorization: Bearer {secret}\r\n")
    });
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Type: {media}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Ok([head.as_bytes(), body].concat())
}

impl Connection {
    pub(super) fn open(url: &str) -> Result<Self> {
        let (host, _) = split(url)?;
        let stream =
            TcpStream::connect(host).with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            body: Vec::new(),
        })
    }

    /// The answer's status; its body stays in `self.body`.
    pub(super) fn send(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        let mut status = None;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the connection ended within an answer");
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status.is_none() {
                let code = text.split(' ').nth(1).and_then(|code| code.parse().ok());
                status = Some(code.with_context(|| format!("no status in {text:?}"))?);
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        status.context("an answer without a status")
    }

    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "the answer is no JSON: {}",
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}

/// Sends one request on a connection of its own; anything but success is an error.
pub(super) fn call(
    method: &str,
    url: &str,
    media: &str,
    secret: Option<&str>,
    body: &[u8],
) -> Result<Value> {
    let mut connection = Connection::open(url)?;
    let status = connection.send(&request(method, url, media, secret, body)?)?;
    if !(200..300).contains(&status) {
        let text = String::from_utf8_lossy(&connection.body);
        bail!("{method} {url} answered {status}: {text}");
    }
    connection.json()
}
