//! HTTPS through real sockets, with certificates of an authority that each test makes for itself.

mod client;
mod files;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

use platform::Clock;
use server::listen;
use serving::dialects::oip::messages::{ModelReadyRequest, ModelReadyResponse};
use testkit::{PASSWORD, TestDatabase, TestPlatform};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::grpc::client::Client;
use crate::harness::{ADMIN, App, Process, volary};
use crate::served::Served;
use client::{Answer, ask, connect, connect_speaking, connect_with};
use files::{Authority, Files};

const HSTS: &str = "strict-transport-security";

/// A server that speaks TLS.
struct Secure {
    app: App,
    authority: Authority,
    files: Files,
}

impl Secure {
    async fn start(more: &[&str]) -> Self {
        let platform = TestPlatform::with_clock(Clock::System).await;
        let authority = Authority::new();
        let files = Files::in_dir(platform.directory.path());
        files.write(&authority.certificate());
        let [cert, key] = files.paths();
        let options = [&["--tls-cert", cert, "--tls-key", key][..], more].concat();
        Self {
            app: App::start_with(platform, &options).await,
            authority,
            files,
        }
    }

    async fn ask(&self, head: &str, body: &str) -> Answer {
        let stream = connect(&self.authority, self.app.address).await.unwrap();
        ask(stream, head, body).await
    }

    /// The certificate that a new connection gets.
    async fn shown(&self) -> Vec<u8> {
        let stream = connect(&self.authority, self.app.address).await.unwrap();
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }
}

#[tokio::test]
async fn https_is_spoken_by_both_versions_and_says_so() {
    let secure = Secure::start(&[]).await;
    for version in [&TLS12, &TLS13] {
        let stream = connect_with(&secure.authority, secure.app.address, version)
            .await
            .unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let answer = ask(stream, "GET /livez HTTP/1.1\r\nhost: localhost", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
        assert_eq!(answer.header(HSTS), Some("max-age=31536000"));
    }
    assert_eq!(
        secure.app.state.base_url,
        format!("https://{}", secure.app.address)
    );
}

#[tokio::test]
async fn who_can_is_spoken_to_in_http_2_and_grpc() {
    let Secure { app, authority, .. } = Secure::start(&[]).await;
    let served = Served::on(app).await;
    let address = served.app.address;
    for (protocols, agreed) in [
        (&["h2", "http/1.1"][..], Some(b"h2".as_slice())),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = connect_speaking(&authority, address, &TLS13, protocols).await;
        let stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        if agreed != Some(b"h2") {
            let answer = ask(stream, "GET /livez HTTP/1.1\r\nhost: localhost", "").await;
            assert_eq!(answer.status, 200);
            continue;
        }
        let client = Client::on(stream, format!("https://{address}")).await;
        let asked = ModelReadyRequest {
            name: "price".to_owned(),
            version: String::new(),
        };
        let ready = client
            .call("ModelReady")
            .key(&served.key)
            .send(&asked)
            .await;
        assert!(ready.message::<ModelReadyResponse>().ready);
    }
}

#[tokio::test]
async fn the_session_and_the_origin_follow_the_scheme() {
    let secure = Secure::start(&[]).await;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("email", ADMIN)
        .append_pair("password", PASSWORD)
        .finish();
    let sign_in = async |scheme: &str| {
        let head = format!(
            "POST /auth/sign-in HTTP/1.1\r\nhost: {address}\r\norigin: {scheme}://{address}\r\n\
             content-type: application/x-www-form-urlencoded",
            address = secure.app.address
        );
        secure.ask(&head, &form).await
    };
    let answer = sign_in("https").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-volary=") && cookie.contains("Secure"),
        "{cookie}"
    );
    assert_eq!(sign_in("http").await.status, 403);
}

#[tokio::test]
async fn predictions_go_over_tls_with_the_limit_of_the_peer() {
    let Secure { app, authority, .. } = Secure::start(&["--ip-rate-limit", "2"]).await;
    let served = Served::on(app).await;
    let head = format!(
        "POST /predict/price HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {}",
        served.key
    );
    let predict = async || {
        let stream = connect(&authority, served.app.address).await.unwrap();
        ask(stream, &head, r#"{"inputs":{"rooms":3}}"#).await
    };
    let answer = predict().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("\"predictions\":[13"), "{answer:?}");
    assert!(answer.header(HSTS).is_some());
    assert_eq!([predict().await.status, predict().await.status], [200, 429]);
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_bad_one_is_not() {
    let secure = Secure::start(&[]).await;
    let renewed = secure.authority.certificate();
    assert_ne!(secure.shown().await, renewed.der);
    secure.files.write(&renewed);
    testkit::until("the renewed certificate", async || {
        (secure.shown().await == renewed.der).then_some(())
    })
    .await;

    let mut bad = secure.authority.certificate();
    bad.key = secure.authority.certificate().key;
    secure.files.write(&bad);
    // Whether the loop or this was first, it has been looked at now.
    let tls = secure.app.state.tls.as_ref().unwrap();
    tls.reload(Clock::System.now());
    assert_eq!(secure.shown().await, renewed.der);
}

#[tokio::test]
async fn plain_http_is_told_where_to_ask() {
    let secure = Secure::start(&[]).await;
    let stream = TcpStream::connect(secure.app.address).await.unwrap();
    let answer = ask(
        stream,
        "GET /api/v1/projects HTTP/1.1\r\nhost: localhost",
        "",
    )
    .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    for part in ["tls_required", "HTTPS", &secure.app.state.base_url] {
        assert!(answer.body.contains(part), "{answer:?}");
    }
    assert_eq!(
        answer.header(HSTS),
        None,
        "who is on the way could have written it"
    );
}

#[tokio::test]
async fn a_silent_client_holds_nobody_up() {
    let secure = Secure::start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(secure.app.address).await.unwrap());
    }
    let answer = secure
        .ask("GET /livez HTTP/1.1\r\nhost: localhost", "")
        .await;
    assert_eq!(answer.status, 200);
    drop(silent);
}

#[tokio::test]
async fn the_second_address_sends_on_to_https() {
    for public in [None, Some("https://volary.example.com")] {
        let more = public.map_or_else(Vec::new, |url| vec!["--public-url", url]);
        let secure = Secure::start(&more).await;
        let port = public.map_or_else(
            || format!(":{}", secure.app.address.port()),
            |_| String::new(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = secure.app.state.clone();
        state.tasks.spawn(listen::redirect(listener, state.clone()));
        let plain = async |head: &str| {
            let stream = TcpStream::connect(address).await.unwrap();
            ask(stream, head, "").await
        };
        for method in ["GET", "HEAD"] {
            let head = format!("{method} /p/default?tab=x HTTP/1.1\r\nhost: localhost:8080");
            let answer = plain(&head).await;
            assert_eq!(answer.status, 308, "{answer:?}");
            let expected = format!("https://localhost{port}/p/default?tab=x");
            assert_eq!(answer.header("location"), Some(expected.as_str()));
            assert_eq!(answer.header(HSTS), None);
        }
        let answer = plain("POST /oauth/token HTTP/1.1\r\nhost: localhost").await;
        assert_eq!(answer.status, 403);
        assert!(answer.body.contains("tls_required"), "{answer:?}");
        let answer = plain("GET / HTTP/1.1\r\nhost: evil.example").await;
        assert_eq!((answer.status, answer.header("location")), (421, None));
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_that_the_client_used_tls() {
    let platform = TestPlatform::with_clock(Clock::System).await;
    let app = App::start_with(platform, &["--trusted-proxies", "127.0.0.1"]).await;
    let hsts = async |app: &App, scheme: &str| {
        let request = app.get("/livez").header("x-forwarded-proto", scheme);
        request.send().await.unwrap().headers().contains_key(HSTS)
    };
    assert!(hsts(&app, "https").await);
    assert!(!hsts(&app, "http").await);
    let nobody_trusted = App::start().await;
    assert!(!hsts(&nobody_trusted, "https").await);
}

#[tokio::test]
async fn the_program_says_https_when_it_is_ready() {
    let database = TestDatabase::create().await;
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = Files::in_dir(dir.path());
    files.write(&authority.certificate());
    let [cert, key] = files.paths();
    let mut command = volary(dir.path());
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--tls-cert", cert, "--tls-key", key])
        .env("DATABASE_URL", database.url())
        .stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let ready = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap())
        .await
        .unwrap();
    let address: SocketAddr = ready
        .strip_prefix("volary ready on https://")
        .unwrap_or_else(|| panic!("{ready}"))
        .parse()
        .unwrap();
    let stream = connect(&authority, address).await.unwrap();
    let answer = ask(stream, "GET /livez HTTP/1.1\r\nhost: localhost", "").await;
    assert_eq!(answer.status, 200);
}

#[test]
fn plain_http_to_other_machines_has_to_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |options: &[&str]| {
        let mut command = volary(dir.path());
        command
            .args(["serve", "--listen", "0.0.0.0:0"])
            .args(options)
            // What comes after, so that nothing is really started.
            .env("DATABASE_URL", "mysql://nowhere");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused(&[]);
    assert!(
        error.contains("VOLARY_LISTEN is 0.0.0.0:0") && error.contains("VOLARY_TLS_CERT"),
        "{error}"
    );
    for allowed in [
        &["--insecure-http"][..],
        &["--trusted-proxies", "10.0.0.0/8"],
    ] {
        let error = refused(allowed);
        assert!(error.contains("DATABASE_URL"), "{error}");
    }
    let error = refused(&[
        "--tls-cert",
        "/nowhere/cert.pem",
        "--tls-key",
        "/nowhere/key.pem",
    ]);
    assert!(
        error.contains("VOLARY_TLS_CERT: /nowhere/cert.pem can not be read"),
        "{error}"
    );
}
