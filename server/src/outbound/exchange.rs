use std::pin::pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Failure, Reply};

/// Largest head of a reply, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// How much of a reply's body is read, in bytes, so that most receivers see their answer taken.
const LARGEST_BODY: usize = 64 << 10;

/// One request and its reply over a connection that is made for it. Nothing runs on once this has ended or is dropped.
///
/// # Errors
/// [`Failure::Broken`].
pub(super) async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Reply, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD);
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::Broken)?;
    let conversation = async move {
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| Failure::Broken)?;
        Ok::<_, Failure>(read(response).await)
    };
    let mut connection = pin!(connection);
    let mut conversation = pin!(conversation);
    let mut is_open = true;
    loop {
        tokio::select! {
            done = &mut conversation => return done,
            // Whether it ended well, the conversation tells.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

/// The status says all: the body is read as far as it is short, and let go.
async fn read(response: Response<Incoming>) -> Reply {
    let (head, mut body) = response.into_parts();
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > LARGEST_BODY {
            break;
        }
    }
    Reply {
        status: head.status,
        headers: head.headers,
    }
}
