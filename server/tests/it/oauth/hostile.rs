//! Tokens that nobody may take. Each is as near to a good one as it can be: where a header or a claim alone is wrong, it is
//! signed with our own key, so that nothing else refuses it.

mod claims;
mod headers;
mod shapes;

use std::io::ErrorKind;
use std::net::TcpListener;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::Scope;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use testkit::jsonwebtoken::crypto::sign;
use testkit::jsonwebtoken::{Algorithm, EncodingKey};
use testkit::{ISSUER, TestPlatform};

use crate::harness::{App, problem};
use crate::served::{SYSTEM, Served, header, status};

type Hostile = Vec<(String, String)>;

/// All that a token of ours is made from.
struct Parts {
    header: Value,
    claims: Value,
    /// The private key of this server, or of another.
    key: EncodingKey,
}

impl Parts {
    async fn of(platform: &TestPlatform) -> Self {
        let now = platform.clock.now();
        let project = platform.project();
        let (key, _) = platform
            .key(&project, &[Scope::Predict(None), Scope::Read])
            .await;
        let kid = platform.auth.jwks(now)["keys"][0]["kid"].clone();
        let claims = json!({
            "iss": ISSUER, "aud": "volary", "sub": key.api_key.id, "project": project, "scopes": ["predict:*", "read"],
            "exp": now.unix_seconds() + 900, "iat": now.unix_seconds(), "jti": "1",
        });
        let pem = platform.private_keys().remove(0);
        Self {
            header: json!({"typ": "JWT", "alg": "EdDSA", "kid": kid}),
            claims,
            key: EncodingKey::from_ed_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn token(&self) -> String {
        self.texts(&self.header.to_string(), &self.claims.to_string())
    }

    /// JSON as it stands, so that it may be odd.
    fn texts(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signature = sign(message.as_bytes(), &self.key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    fn header(&self, name: &str, value: Value) -> String {
        let header = with(&self.header, name, value);
        self.texts(&header.to_string(), &self.claims.to_string())
    }

    fn claim(&self, name: &str, value: Value) -> String {
        let claims = with(&self.claims, name, value);
        self.texts(&self.header.to_string(), &claims.to_string())
    }

    /// A claim the so many seconds from now.
    fn time(&self, name: &str, seconds: i64) -> String {
        let now = self.claims["iat"].as_i64().unwrap();
        self.claim(name, json!(now + seconds))
    }
}

fn part(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

/// The same object with this text before all else.
fn twice(object: &Value, first: &str) -> String {
    format!("{{{first},{}", &object.to_string()[1..])
}

fn bearer(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.header("authorization", format!("Bearer {token}"))
}

/// The ways in: one verifies against the snapshot, the other against the database.
fn doors(app: &App, token: &str) -> [RequestBuilder; 2] {
    let predict = app
        .post("/predict/price")
        .json(&json!({"inputs": {"rooms": 3}}));
    [predict, app.get("/api/v1/projects/default/datasets")].map(|request| bearer(request, token))
}

async fn assert_good(app: &App, what: &str, token: &str) {
    for request in doors(app, token) {
        assert_eq!(status(request).await, 200, "{what}");
    }
}

#[tokio::test]
async fn no_hostile_token_opens_anything() {
    let served = Served::on(App::start_with(TestPlatform::new().await, &[]).await).await;
    let (app, platform) = (&served.app, &served.app.platform);
    let stranger = TestPlatform::new().await;
    stranger.admin().await;
    let (good, other) = (Parts::of(platform).await, Parts::of(&stranger).await);
    let jwk = |kit: &TestPlatform| kit.auth.jwks(kit.clock.now())["keys"][0].clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (revoked, _) = platform
        .key(&served.project, &[Scope::Predict(None), Scope::Read])
        .await;
    let id = revoked.api_key.id;
    assert_good(app, "before it is revoked", &good.claim("sub", json!(id))).await;
    platform::api_keys::revoke(platform, &SYSTEM, &served.project, id)
        .await
        .unwrap();

    let controls = [
        ("as we make it", good.token()),
        (
            "in another order",
            good.texts(
                &twice(
                    &without(&good.header, "kid"),
                    &format!("\"kid\":{}", good.header["kid"]),
                ),
                &good.claims.to_string(),
            ),
        ),
        ("expired within the leeway", good.time("exp", -5)),
        ("good within the leeway", good.time("nbf", 5)),
        ("issued within the leeway", good.time("iat", 5)),
        ("with a claim we do not know", good.claim("x", json!(1))),
        (
            "with less than the key has",
            good.claim("scopes", json!(["predict:price", "read"])),
        ),
    ];
    for (what, token) in &controls {
        assert_good(app, what, token).await;
    }

    let hostile = [
        headers::algorithms(&good, &jwk(platform)),
        headers::headers(&good, &other, &jwk(&stranger), &url),
        claims::claims(&good, id),
        shapes::shapes(&good),
    ]
    .concat();
    assert!(hostile.len() >= 40, "{}", hostile.len());
    for (what, token) in &hostile {
        for request in doors(app, token) {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{what}");
            assert_eq!(
                header(&answer, "www-authenticate"),
                "Bearer realm=\"volary\", error=\"invalid_token\"",
                "{what}"
            );
            let problem = problem(answer, 401).await;
            assert_eq!(problem["error_code"], "unauthenticated", "{what}");
            assert_eq!(
                problem["detail"],
                "the API key or token is not valid: it may be mistyped, expired or revoked",
                "{what}: nobody is told how near it was"
            );
        }
    }
    for (what, token) in &controls {
        assert_good(app, what, token).await;
    }
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "nobody went where a token pointed"
    );
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_not_even_read() {
    let served = Served::start().await;
    for request in doors(&served.app, &"A".repeat(1 << 20)) {
        // The connection may be closed before all of it is sent.
        if let Ok(answer) = request.send().await {
            assert_eq!(answer.status(), 431);
        }
    }
    assert_eq!(status(served.ask()).await, 200);
}
