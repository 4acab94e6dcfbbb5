use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

/// Somebody on this machine who takes callbacks.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<Message>>,
}

type Answer = (u16, Option<(&'static str, String)>);

/// What was sent to him.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Receiver {
    /// Gives these answers, and 204 once there are no more.
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Message> {
        self.shared.seen.lock().unwrap().clone()
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message = Message {
        path: uri.to_string(),
        headers,
        body,
    };
    shared.seen.lock().unwrap().push(message);
    let (status, header) = shared
        .answers
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or((204, None));
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Message {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// As Standard Webhooks has receivers verify it: one of the signatures is that of the secret.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(self.header("webhook-id").as_bytes());
        mac.update(b".");
        mac.update(self.header("webhook-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        self.header("webhook-signature")
            .split(' ')
            .any(|signature| signature.strip_prefix("v1,") == Some(expected.as_str()))
    }
}
