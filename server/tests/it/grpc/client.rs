//! A client of gRPC that says what it sends and shows all that comes back.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    origin: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::on(stream, format!("http://{address}")).await
    }

    pub(crate) async fn on(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        origin: String,
    ) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self { sender, origin }
    }

    /// The same connection, with another name for the other end.
    pub(super) fn elsewhere(&self, origin: &str) -> Self {
        Self {
            sender: self.sender.clone(),
            origin: origin.to_owned(),
        }
    }

    pub(super) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
    }

    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let mut sender = self.sender.clone();
        sender.ready().await?;
        sender.send_request(request).await
    }

    pub(crate) fn call(&self, method: &str) -> Call<'_> {
        let path = format!("/inference.GRPCInferenceService/{method}");
        let request = self
            .request("POST", &path)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        Call {
            client: self,
            request,
        }
    }
}

/// A call that is not sent yet.
pub(crate) struct Call<'c> {
    client: &'c Client,
    request: http::request::Builder,
}

impl Call<'_> {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let headers = self.request.headers_mut().unwrap();
        headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    pub(crate) async fn send(self, message: &impl Message) -> Answer {
        self.send_raw(framed(0, &message.encode_to_vec())).await
    }

    pub(super) async fn send_raw(self, body: Vec<u8>) -> Answer {
        let request = self.request.body(Full::from(body)).unwrap();
        Answer::of(self.client.send(request).await.unwrap()).await
    }
}

/// A message behind its first five bytes.
pub(super) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    [&[flag], length.as_slice(), message].concat()
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// Of HTTP.
    http: u16,
    headers: HeaderMap,
    body: Bytes,
    /// Headers and trailers: what is known once the call has ended.
    ended: HeaderMap,
}

impl Answer {
    async fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let mut ended = parts.headers.clone();
        ended.extend(body.trailers().cloned().unwrap_or_default());
        Self {
            http: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes(),
            ended,
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// The message of a call that went well.
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        assert_eq!((self.http, self.status()), (200, 0), "{}", self.problem());
        assert!(
            !self.headers.contains_key("grpc-status"),
            "in the trailers alone"
        );
        let (prefix, message) = self.body.split_at(5);
        assert_eq!(prefix, framed(0, message).split_at(5).0);
        M::decode(message).unwrap()
    }

    pub(crate) fn status(&self) -> u16 {
        let status = self.ended.get("grpc-status");
        status.map_or(2, |status| status.to_str().unwrap().parse().unwrap())
    }

    fn problem(&self) -> String {
        let message = self.ended.get("grpc-message");
        let mut rest = message.map_or("", |text| text.to_str().unwrap());
        let mut bytes = Vec::new();
        while let Some((plain, escaped)) = rest.split_once('%') {
            bytes.extend_from_slice(plain.as_bytes());
            let (digits, after) = escaped.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = after;
        }
        bytes.extend_from_slice(rest.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    /// What a refused call was told, checked for its form.
    pub(super) fn refused(&self, status: u16) -> String {
        let problem = self.problem();
        assert_eq!((self.http, self.status()), (200, status), "{problem}");
        assert_eq!(self.header("content-type"), "application/grpc");
        assert!(!self.header("x-request-id").is_empty());
        assert!(self.headers.contains_key("grpc-status") && self.body.is_empty());
        assert!(!problem.is_empty());
        problem
    }
}
