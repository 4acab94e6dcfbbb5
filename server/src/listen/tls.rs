use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::Peer;
use crate::tls::Tls;

/// Longest time until a connection is encrypted.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How every TLS connection begins: the type of a handshake record.
const HANDSHAKE: u8 = 0x16;

/// A connection that has said what it speaks.
pub(super) enum Opened {
    Tls(Box<TlsStream<TcpStream>>),
    /// Plain HTTP, by all appearance.
    Plain(TcpStream),
}

/// Whether that is what the client and we agreed on.
pub(super) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    let (_, session) = stream.get_ref();
    session.alpn_protocol() == Some(b"h2")
}

/// `None`: the client did not get that far, or the server stops.
pub(super) async fn open(
    tls: &Tls,
    stream: TcpStream,
    peer: Peer,
    shutdown: &CancellationToken,
) -> Option<Opened> {
    let opened = tokio::select! {
        () = shutdown.cancelled() => return None,
        opened = tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(tls, stream)) => opened,
    };
    let failure = match opened {
        Ok(Ok(opened)) => return Some(opened),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("took longer than {} s", HANDSHAKE_TIMEOUT.as_secs()),
    };
    // Anybody can cause as many as he likes, so they are counted and not logged.
    metrics::counter!("volary_tls_handshakes_failed_total").increment(1);
    tracing::debug!(peer = %peer.0, failure, "no TLS handshake");
    None
}

async fn shake_hands(tls: &Tls, stream: TcpStream) -> io::Result<Opened> {
    let mut first = [0];
    if stream.peek(&mut first).await? > 0 && first != [HANDSHAKE] {
        return Ok(Opened::Plain(stream));
    }
    let stream = tls.acceptor().accept(stream).await?;
    Ok(Opened::Tls(Box::new(stream)))
}
