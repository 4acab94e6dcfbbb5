use std::fmt;
use std::pin::{Pin, pin};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Failure;

/// Largest head of a reply, in bytes.
const LARGEST_HEAD: usize = 64 << 10;

/// Carries calls, one behind the other. Between them nothing runs: a connection that the other side has closed meanwhile is found
/// out by the next call.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves bytes while a call waits; `None` once the connection is closed.
    driver: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// What came back.
#[derive(Debug)]
pub struct Received {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Connection {
    pub(super) async fn open<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Broken)?;
        let driver = Box::pin(async move {
            // How it ended, the call tells.
            connection.await.ok();
        });
        Ok(Self {
            sender,
            driver: Some(driver),
        })
    }

    /// The reply to a request, of which no more than so many bytes are read. After an error the connection is of no use.
    ///
    /// # Errors
    /// [`Failure::Broken`] or [`Failure::TooLong`].
    pub async fn call(
        &mut self,
        request: Request<Full<Bytes>>,
        longest: usize,
    ) -> Result<Received, Failure> {
        let Self { sender, driver } = self;
        let conversation = async move {
            sender.ready().await.map_err(|_| Failure::Broken)?;
            let response = sender.send_request(request).await;
            let (head, body) = response.map_err(|_| Failure::Broken)?.into_parts();
            let body = Limited::new(body, longest).collect().await;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Failure::TooLong
                } else {
                    Failure::Broken
                }
            })?;
            Ok::<_, Failure>(Received {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let mut conversation = pin!(conversation);
        loop {
            let Some(running) = driver.as_mut() else {
                return conversation.await;
            };
            tokio::select! {
                done = &mut conversation => return done,
                () = running => *driver = None,
            }
        }
    }

    /// Whether another call may go over it, as far as is known.
    pub fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}
