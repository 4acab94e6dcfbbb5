//! HTTP/2 as such: other routes on it, and what one connection may do.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Channel;
use crate::harness::{ADMIN, App};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Long enough for the longest limit on a machine with much else to do.
const PATIENCE: Duration = Duration::from_mins(1);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [
        &length[1..],
        &[kind, flags],
        stream.to_be_bytes().as_slice(),
        payload,
    ]
    .concat()
}

/// The next frame's kind and payload; `None` when the connection has ended.
async fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}

/// A connection that has begun as it should.
async fn begun(app: &App) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let settings = frame(SETTINGS, 0, 0, &[]);
    stream
        .write_all(&[PREFACE, &settings].concat())
        .await
        .unwrap();
    stream
}

/// What `GOAWAY` said, once the connection has ended.
async fn farewell(mut stream: TcpStream) -> Option<u32> {
    let mut said = None;
    while let Some((kind, payload)) = next(&mut stream).await {
        if kind == GOAWAY {
            said = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    said
}

#[tokio::test]
async fn every_route_answers_over_http_2() {
    let channel = Channel::open().await;
    let (client, served) = (&channel.client, &channel.served);
    let empty = || Full::from(Bytes::new());
    let live = client.request("GET", "/livez").body(empty()).unwrap();
    let live = client.send(live).await.unwrap();
    assert_eq!(
        (live.status().as_u16(), live.version()),
        (200, Version::HTTP_2)
    );
    assert!(live.headers().contains_key("x-request-id"));

    let predict = client
        .request("POST", "/predict/price")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", served.key))
        .body(Full::from(r#"{"inputs":{"rooms":3}}"#))
        .unwrap();
    let answer = client.send(predict).await.unwrap();
    assert_eq!(answer.headers()["x-model-version"], "1");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"predictions\":[13"), "{body:?}");

    // Browsers send each cookie by itself.
    let session = served.app.sign_in(ADMIN).await;
    let projects = client
        .request("GET", "/api/v1/projects")
        .header("cookie", "theme=dark")
        .header("cookie", session)
        .body(empty())
        .unwrap();
    assert_eq!(client.send(projects).await.unwrap().status(), 200);

    let absent = client
        .request("GET", "/api/v1/absent")
        .body(empty())
        .unwrap();
    assert_eq!(client.send(absent).await.unwrap().status(), 404);
    let foreign = client.elsewhere("http://evil.example");
    let foreign = foreign.request("GET", "/livez").body(empty()).unwrap();
    assert_eq!(client.send(foreign).await.unwrap().status(), 421);
}

#[tokio::test]
async fn the_server_says_what_a_connection_may_hold() {
    let app = App::start().await;
    let mut stream = begun(&app).await;
    let (kind, settings) = next(&mut stream).await.unwrap();
    assert_eq!(kind, SETTINGS);
    let of = |wanted: u16| {
        let mut settings = settings.chunks(6);
        let found = settings.find(|setting| setting[..2] == wanted.to_be_bytes())?;
        Some(u32::from_be_bytes(found[2..].try_into().unwrap()))
    };
    let (streams, window, head) = (of(3), of(4), of(6));
    assert_eq!(
        (streams, window, head),
        (Some(100), Some(1 << 20), Some(64 << 10))
    );
}

#[tokio::test]
async fn whoever_takes_back_request_after_request_is_sent_away() {
    let app = App::start().await;
    let mut stream = begun(&app).await;
    // `GET /livez` by `http` of a host: three of the table's own, two with values.
    let head = [
        &[0x82, 0x86, 0x41, 9][..],
        b"127.0.0.1",
        &[0x44, 6],
        b"/livez",
    ]
    .concat();
    let taken_back = (0..400_u32).flat_map(|n| {
        let id = 2 * n + 1;
        let reset = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
        [frame(HEADERS, 5, id, &head), reset].concat()
    });
    let taken_back: Vec<u8> = taken_back.collect();
    // It may be sent away before all is written.
    stream.write_all(&taken_back).await.ok();
    let said = tokio::time::timeout(PATIENCE, farewell(stream))
        .await
        .unwrap();
    assert_eq!(said, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_ended() {
    let app = App::start().await;
    let silent = TcpStream::connect(app.address).await.unwrap();
    let mut cut_short = TcpStream::connect(app.address).await.unwrap();
    cut_short.write_all(b"PR").await.unwrap();
    let mut no_settings = TcpStream::connect(app.address).await.unwrap();
    no_settings.write_all(&PREFACE[..10]).await.unwrap();
    let no_request = begun(&app).await;
    let ended = async |stream| tokio::time::timeout(PATIENCE, farewell(stream)).await;
    let (silent, cut_short, no_settings, no_request) = tokio::join!(
        ended(silent),
        ended(cut_short),
        ended(no_settings),
        ended(no_request)
    );
    silent.unwrap();
    cut_short.unwrap();
    no_settings.unwrap();
    assert_eq!(
        no_request.unwrap(),
        Some(0),
        "told that it ends, and no fault of its own"
    );
}

#[tokio::test]
async fn a_first_word_that_comes_in_pieces_is_read_to_its_end() {
    let app = App::start().await;
    for (first, rest) in [
        (
            "P",
            "OST /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        ),
        (
            "PR",
            "OPFIND /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        ),
    ] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_under_way_when_the_server_stops_is_answered() {
    let channel = Channel::open().await;
    let app = &channel.served.app;
    let stream = TcpStream::connect(app.address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = |method: &str, path: &str, sent: mpsc::UnboundedReceiver<_>| {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", app.origin()))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", channel.served.key))
            .body(StreamBody::new(sent))
            .unwrap()
    };
    let part = |text: &'static str| Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
    // The server knows the connection.
    let (_, nothing) = mpsc::unbounded();
    let live = sender.send_request(request("GET", "/livez", nothing)).await;
    assert_eq!(live.unwrap().status(), 200);

    let (body, sent) = mpsc::unbounded();
    let answer = sender.send_request(request("POST", "/predict/price", sent));
    let answer = tokio::spawn(answer);
    body.unbounded_send(part("{\"inputs\"")).unwrap();
    app.state.shutdown.cancel();
    testkit::until("the port to be closed", async || {
        let refused = TcpStream::connect(app.address).await.is_err();
        refused.then_some(())
    })
    .await;
    body.unbounded_send(part(":{\"rooms\":3}}")).unwrap();
    drop(body);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(answer.starts_with(b"{\"predictions\":[13"), "{answer:?}");
    tokio::time::timeout(PATIENCE, app.stop()).await.unwrap();
    connection.await.unwrap().unwrap();
}
