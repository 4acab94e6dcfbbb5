use domain::Scope;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::harness::{App, json};

fn token_request(app: &App, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    app.post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish())
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
    let answer = form.send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
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
    let (created, _) = app
        .platform
        .key(&app.platform.project(), &[Scope::Read])
        .await;
    let (prefix, key) = (created.api_key.prefix.as_str(), created.key.as_str());
    let grant = ("grant_type", "client_credentials");
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Fields<'_>, u16, &str); 7] = [
        (&[], 400, "invalid_request"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (&[grant], 401, "invalid_client"),
        (
            &[grant, ("client_id", prefix), ("client_secret", "wrong")],
            401,
            "invalid_client",
        ),
        (
            &[grant, ("client_id", "vol_AAAAAAAA"), ("client_secret", key)],
            401,
            "invalid_client",
        ),
        (
            &[
                grant,
                ("client_id", prefix),
                ("client_secret", key),
                ("scope", "admin"),
            ],
            400,
            "invalid_scope",
        ),
        (
            &[
                grant,
                ("client_id", prefix),
                ("client_secret", key),
                ("scope", "nonsense"),
            ],
            400,
            "invalid_scope",
        ),
    ];
    for (fields, status, code) in cases {
        let answer = token_request(&app, fields).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(
            answer.headers().contains_key("www-authenticate"),
            status == 401
        );
        let error = json(answer, status).await;
        assert_eq!(error["error"], code, "{fields:?}");
        assert!(error["error_description"].is_string());
    }
    let not_basic = token_request(&app, &[grant])
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    assert_eq!(json(not_basic, 401).await["error"], "invalid_client");
}

#[tokio::test]
async fn the_signing_keys_are_public() {
    let app = App::start().await;
    let keys = json(app.get("/.well-known/jwks.json").send().await.unwrap(), 200).await;
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
}
