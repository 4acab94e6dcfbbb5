//! Tokens for programs: how they are asked for, what they open, and when they end.

mod hostile;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{Scope, signing_keys};
use platform::signing_keys::{keep, revoke};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json as body};
use testkit::{TestPlatform, until};

use crate::harness::{App, json, volary};
use crate::served::{Served, header, status};

fn token_request(app: &App, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    app.post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish())
}

/// What a request for a token is answered with, checked for what every answer has.
async fn answered(request: RequestBuilder, status: u16) -> (Response, String) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), status);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "pragma"), "no-cache");
    let media = header(&answer, "content-type").to_owned();
    (answer, media)
}

async fn token(app: &App, key: &str) -> String {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", domain::api_keys::prefix(key).unwrap()),
        ("client_secret", key),
    ];
    let answer = json(token_request(app, &fields).send().await.unwrap(), 200).await;
    answer["access_token"].as_str().unwrap().to_owned()
}

fn kid(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_that_works_until_the_key_ends() {
    let app = App::start().await;
    let (created, _) = app
        .platform
        .key(
            &app.platform.project(),
            &[Scope::Read, Scope::Predict(None)],
        )
        .await;
    let (prefix, key) = (created.api_key.prefix.as_str(), created.key.as_str());

    let form = token_request(
        &app,
        &[
            ("grant_type", "client_credentials"),
            ("client_id", prefix),
            ("client_secret", key),
        ],
    );
    let (answer, media) = answered(form, 200).await;
    assert_eq!(media, "application/json");
    let by_form = json(answer, 200).await;
    assert_eq!(
        (
            by_form["token_type"].as_str(),
            by_form["expires_in"].as_u64()
        ),
        (Some("Bearer"), Some(900))
    );
    assert_eq!(by_form["scope"], "predict:* read");

    let basic = token_request(
        &app,
        &[("grant_type", "client_credentials"), ("scope", "read")],
    )
    .basic_auth(prefix, Some(key));
    let by_basic = json(basic.send().await.unwrap(), 200).await;
    assert_eq!(by_basic["scope"], "read");

    let token = by_basic["access_token"].as_str().unwrap();
    let read = || {
        app.get("/api/v1/projects/default/datasets")
            .bearer_auth(token)
            .send()
    };
    assert_eq!(read().await.unwrap().status(), 200);
    let write = app
        .request(
            reqwest::Method::DELETE,
            "/api/v1/projects/default/deployments/x",
        )
        .bearer_auth(token);
    assert_eq!(write.send().await.unwrap().status(), 403);

    let system = domain::Actor::System { name: "test" };
    platform::api_keys::revoke(
        &app.platform,
        &system,
        &app.platform.project(),
        created.api_key.id,
    )
    .await
    .unwrap();
    assert_eq!(read().await.unwrap().status(), 401);
}

#[tokio::test]
async fn refusals_are_those_of_rfc_6749() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read, Scope::Predict(None)]).await;
    let other = app.key(&[Scope::Read]).await;
    let (prefix, other) = (
        domain::api_keys::prefix(&key).unwrap(),
        domain::api_keys::prefix(&other).unwrap(),
    );
    let grant = ("grant_type", "client_credentials");
    let (id, secret) = (("client_id", prefix), ("client_secret", key.as_str()));
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let by_form: [(Fields<'_>, &str); 24] = [
        (&[], "invalid_request"),
        (&[id, secret], "invalid_request"),
        (&[("grant_type", ""), id, secret], "invalid_request"),
        (&[grant, grant, id, secret], "invalid_request"),
        (&[grant, id, id, secret], "invalid_request"),
        (&[grant, id, secret, secret], "invalid_request"),
        (
            &[grant, id, secret, ("scope", "read"), ("scope", "read")],
            "invalid_request",
        ),
        (
            &[("grant_type", "password"), id, secret],
            "unsupported_grant_type",
        ),
        (
            &[("grant_type", "Client_Credentials"), id, secret],
            "unsupported_grant_type",
        ),
        (
            &[("grant_type", "authorization_code")],
            "unsupported_grant_type",
        ),
        (&[grant], "invalid_client"),
        (&[grant, id], "invalid_client"),
        (&[grant, secret], "invalid_client"),
        (&[grant, ("client_id", ""), secret], "invalid_client"),
        (&[grant, id, ("client_secret", "")], "invalid_client"),
        (&[grant, id, ("client_secret", "wrong")], "invalid_client"),
        (&[grant, ("client_id", other), secret], "invalid_client"),
        (
            &[grant, ("client_id", "vol_AAAAAAAA"), secret],
            "invalid_client",
        ),
        (&[grant, id, secret, ("scope", "admin")], "invalid_scope"),
        (
            &[grant, id, secret, ("scope", "read write")],
            "invalid_scope",
        ),
        (&[grant, id, secret, ("scope", "nonsense")], "invalid_scope"),
        (&[grant, id, secret, ("scope", " ")], "invalid_scope"),
        (
            &[grant, id, secret, ("scope", "read\tpredict:*")],
            "invalid_scope",
        ),
        (&[grant, id, secret, ("scope", "\"read\"")], "invalid_scope"),
    ];
    let by_form = by_form.map(|(fields, code)| (token_request(&app, fields), code));
    let granted = || token_request(&app, &[grant]);
    let others = [
        (
            granted().basic_auth(prefix, Some("wrong")),
            "invalid_client",
        ),
        (granted().basic_auth(other, Some(&key)), "invalid_client"),
        (granted().bearer_auth(&key), "invalid_client"),
        (granted().header("authorization", "Basic"), "invalid_client"),
        (
            granted().header("authorization", "Basic %%%"),
            "invalid_client",
        ),
        (
            granted()
                .basic_auth(prefix, Some(&key))
                .basic_auth(prefix, Some(&key)),
            "invalid_request",
        ),
        (
            token_request(&app, &[grant, secret]).basic_auth(prefix, Some(&key)),
            "invalid_request",
        ),
        (
            token_request(&app, &[grant, ("client_id", other)]).basic_auth(prefix, Some(&key)),
            "invalid_request",
        ),
        (
            app.post("/oauth/token")
                .json(&body!({"grant_type": "client_credentials"})),
            "invalid_request",
        ),
        (app.post("/oauth/token"), "invalid_request"),
    ];
    for (request, code) in by_form.into_iter().chain(others) {
        let about = format!("{:?}", request.try_clone().unwrap().build().unwrap().body());
        let is_client = code == "invalid_client";
        let (answer, media) = answered(request, if is_client { 401 } else { 400 }).await;
        assert_eq!(media, "application/json", "{about}");
        let challenge = answer.headers().get("www-authenticate");
        assert_eq!(
            challenge.map(|challenge| challenge.as_bytes().starts_with(b"Basic realm=\"volary\"")),
            is_client.then_some(true),
            "{about}"
        );
        let error: Value = answer.json().await.unwrap();
        let error = error.as_object().unwrap();
        assert_eq!(error["error"], code, "{about}");
        let description = error["error_description"].as_str().unwrap();
        let is_allowed = |char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\');
        assert!(description.chars().all(is_allowed), "{description}");
        assert_eq!(error.len(), 2, "{error:?}");
    }
}

#[tokio::test]
async fn what_rfc_6749_allows_is_granted() {
    let app = App::start().await;
    let key = app.key(&[Scope::Write, Scope::Predict(None)]).await;
    let prefix = domain::api_keys::prefix(&key).unwrap();
    let grant = ("grant_type", "client_credentials");
    let (id, secret) = (("client_id", prefix), ("client_secret", key.as_str()));
    let asked = |scope| {
        [
            grant,
            id,
            secret,
            ("scope", scope),
            ("state", "x"),
            ("state", "y"),
        ]
    };
    for (wanted, given) in [
        ("", "predict:* write"),
        ("read predict:price read", "predict:price read"),
    ] {
        let (answer, _) = answered(token_request(&app, &asked(wanted)), 200).await;
        assert_eq!(json(answer, 200).await["scope"], given);
    }
    let both = token_request(&app, &[grant, id, ("client_secret", "")]);
    answered(both.basic_auth(prefix, Some(&key)), 200).await;
}

#[tokio::test]
async fn the_signing_keys_are_public() {
    let app = App::start().await;
    let answer = app.get("/.well-known/jwks.json").send().await.unwrap();
    let cached = header(&answer, "cache-control").to_owned();
    let seconds = cached.strip_prefix("public, max-age=").unwrap();
    assert!(seconds.parse::<i64>().unwrap() * 2 <= signing_keys::PUBLISHED_BEFORE);
    let keys = json(answer, 200).await;
    let key = &keys["keys"][0];
    assert_eq!(
        (
            key["kty"].as_str(),
            key["crv"].as_str(),
            key["alg"].as_str()
        ),
        (Some("OKP"), Some("Ed25519"), Some("EdDSA"))
    );
    assert_eq!(key.get("d"), None::<&Value>, "the private part stays here");
    let key_of_program = app.key(&[Scope::Read]).await;
    assert_eq!(kid(&token(&app, &key_of_program).await), key["kid"]);
}

#[tokio::test]
async fn tokens_that_were_taken_before_end_with_the_key_that_signed_them() {
    let served = Served::on(App::start_with(TestPlatform::new().await, &[]).await).await;
    let app = &served.app;
    let token = token(app, &served.key).await;
    let ask = || {
        let ask = app.post("/predict/price").bearer_auth(&token);
        ask.json(&body!({"inputs": {"rooms": 3}}))
    };
    for _ in 0..3 {
        assert_eq!(status(ask()).await, 200);
    }
    revoke(&app.platform).await.unwrap();
    keep(&app.platform).await.unwrap();
    assert_eq!(status(ask()).await, 401);
}

#[tokio::test]
async fn a_server_replaces_its_keys_when_told_on_the_command_line() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read]).await;
    let old = token(&app, &key).await;
    let rotate = |options: &[&str]| {
        volary(app.platform.directory.path())
            .args(["signing-keys", "rotate"])
            .args(options)
            .env("DATABASE_URL", app.platform.database.url())
            .output()
            .unwrap()
    };
    let published = async || {
        let keys = json(app.get("/.well-known/jwks.json").send().await.unwrap(), 200).await;
        keys["keys"].as_array().unwrap().clone()
    };
    let read = |token: &str| {
        app.get("/api/v1/projects/default/datasets")
            .bearer_auth(token)
    };

    let told = rotate(&[]);
    assert!(told.status.success(), "{told:?}");
    until("the next key", async || {
        (published().await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(status(read(&old)).await, 200);
    assert_eq!(kid(&token(&app, &key).await), kid(&old), "for a while yet");

    let told = rotate(&["--leaked"]);
    assert!(told.status.success(), "{told:?}");
    until("the end of the token", async || {
        (status(read(&old)).await == 401).then_some(())
    })
    .await;
    until("a new key", async || {
        (published().await.len() == 1).then_some(())
    })
    .await;
    let new = token(&app, &key).await;
    assert_ne!(kid(&new), kid(&old));
    assert_eq!(status(read(&new)).await, 200);

    let given = volary(app.platform.directory.path())
        .args(["signing-keys", "rotate"])
        .env("DATABASE_URL", app.platform.database.url())
        .env("VOLARY_SIGNING_KEY", &app.platform.private_keys()[0])
        .output()
        .unwrap();
    assert!(!given.status.success());
    let error = String::from_utf8(given.stderr).unwrap();
    assert!(error.contains("VOLARY_SIGNING_KEY"), "{error}");
}
