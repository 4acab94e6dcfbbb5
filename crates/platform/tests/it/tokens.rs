use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::api_keys::CreatedApiKey;
use domain::{Actor, Scope};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use platform::api_keys;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::{ISSUER, TestPlatform};

async fn key(kit: &TestPlatform) -> CreatedApiKey {
    kit.admin().await;
    kit.key(&kit.project(), &[Scope::Read, Scope::Predict(None)])
        .await
        .0
}

async fn issue(
    kit: &TestPlatform,
    key: &CreatedApiKey,
    scope: Option<&str>,
) -> domain::Result<String> {
    let secret = SecretString::from(key.key.as_str());
    api_keys::issue_token(kit, &key.api_key.prefix, &secret, scope)
        .await
        .map(|issued| issued.token)
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn own_key(kit: &TestPlatform) -> EncodingKey {
    let pem = kit.private_keys().remove(0);
    EncodingKey::from_ed_pem(pem.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_token_stands_for_its_key_for_a_quarter_of_an_hour() {
    let kit = TestPlatform::new().await;
    let key = key(&kit).await;
    let token = issue(&kit, &key, None).await.unwrap();
    let told = claims(&token);
    assert_eq!(
        (&told["iss"], &told["project"], &told["sub"]),
        (&json!(ISSUER), &json!("default"), &json!(key.api_key.id))
    );
    assert_eq!(
        told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(),
        900
    );

    let Some(Actor::Key { id, scopes, .. }) = api_keys::from_token(&kit, &token).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((id, &scopes), (key.api_key.id, &key.api_key.scopes));
    kit.clock.advance(900 + 5);
    assert!(
        kit.auth.verify(&token, kit.clock.now()).is_ok(),
        "within the leeway"
    );
    kit.clock.advance(1);
    assert_eq!(
        kit.auth.verify(&token, kit.clock.now()).unwrap_err().code(),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_token_ends_with_its_key() {
    let kit = TestPlatform::new().await;
    let key = key(&kit).await;
    let token = issue(&kit, &key, None).await.unwrap();
    api_keys::revoke(
        &kit,
        &Actor::System { name: "test" },
        &kit.project(),
        key.api_key.id,
    )
    .await
    .unwrap();
    assert_eq!(api_keys::from_token(&kit, &token).await.unwrap(), None);
    assert_eq!(
        issue(&kit, &key, None).await.unwrap_err().code(),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_token_may_ask_for_less_and_not_for_more() {
    let kit = TestPlatform::new().await;
    let key = key(&kit).await;
    let narrow = issue(&kit, &key, Some("predict:*")).await.unwrap();
    assert_eq!(claims(&narrow)["scopes"], json!(["predict:*"]));
    let deployment = issue(&kit, &key, Some("read predict:price read"))
        .await
        .unwrap();
    assert_eq!(
        claims(&deployment)["scopes"],
        json!(["predict:price", "read"])
    );
    for scope in [
        "write",
        "read nonsense",
        " ",
        "read\tpredict:*",
        "read,predict:*",
    ] {
        assert_eq!(
            issue(&kit, &key, Some(scope)).await.unwrap_err().code(),
            "invalid_input"
        );
    }
    let secret = SecretString::from(key.key.as_str());
    let error = api_keys::issue_token(&kit, "vol_00000000", &secret, None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "unauthenticated");
}

#[tokio::test]
async fn only_our_own_signature_over_whole_claims_is_taken() {
    let kit = TestPlatform::new().await;
    let key = key(&kit).await;
    let token = issue(&kit, &key, None).await.unwrap();
    let good = claims(&token);
    let now = kit.clock.now();
    let published = kit.auth.jwks(now)["keys"][0].clone();
    let eddsa = Header {
        kid: published["kid"].as_str().map(ToOwned::to_owned),
        ..Header::new(Algorithm::EdDSA)
    };
    let sign = |claims: &Value| encode(&eddsa, claims, &own_key(&kit)).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    assert!(kit.auth.verify(&sign(&good), now).is_ok(), "the control");

    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let public = published["x"].as_str().unwrap().to_owned();
    let raw_public = BASE64_URL_SAFE_NO_PAD.decode(&public).unwrap();
    let hs256 = |secret: &[u8]| {
        encode(
            &Header::new(Algorithm::HS256),
            &good,
            &EncodingKey::from_secret(secret),
        )
        .unwrap()
    };
    let other = TestPlatform::new().await;
    let signature = token.rsplit('.').next().unwrap();
    let forged = [
        (
            "alg none",
            format!("{}.{}.", part(&json!({"alg": "none"})), part(&good)),
        ),
        (
            "alg none, our signature",
            format!(
                "{}.{}.{signature}",
                part(&json!({"alg": "none"})),
                part(&good)
            ),
        ),
        ("HS256 with the public key", hs256(&raw_public)),
        ("HS256 with the public key's text", hs256(public.as_bytes())),
        (
            "another key",
            encode(&eddsa, &good, &own_key(&other)).unwrap(),
        ),
        ("other claims under our signature", {
            let head = token.split('.').next().unwrap();
            format!(
                "{head}.{}.{signature}",
                part(&with("scopes", json!(["admin"])))
            )
        }),
        ("wrong audience", sign(&with("aud", json!("elsewhere")))),
        (
            "wrong issuer",
            sign(&with("iss", json!("http://evil.test"))),
        ),
        ("no audience", sign(&without("aud"))),
        ("no issuer", sign(&without("iss"))),
        ("no expiry", sign(&without("exp"))),
        ("no subject", sign(&without("sub"))),
        ("an expiry in words", sign(&with("exp", json!("tomorrow")))),
        (
            "expired 6 s ago",
            sign(&with("exp", json!(now.unix_seconds() - 6))),
        ),
        (
            "an expiry as text",
            sign(&with(
                "exp",
                json!(now.plus_seconds(60).unix_seconds().to_string()),
            )),
        ),
        (
            "good only in 6 s",
            sign(&with("nbf", json!(now.unix_seconds() + 6))),
        ),
        ("no id", sign(&without("jti"))),
        (
            "no key id",
            encode(&Header::new(Algorithm::EdDSA), &good, &own_key(&kit)).unwrap(),
        ),
        (
            "issued in 6 s",
            sign(&with("iat", json!(now.unix_seconds() + 6))),
        ),
        (
            "good for longer than ours",
            sign(&with("exp", json!(now.unix_seconds() + 901))),
        ),
        (
            "another type",
            encode(
                &Header {
                    typ: Some("at+jwt".to_owned()),
                    ..eddsa.clone()
                },
                &good,
                &own_key(&kit),
            )
            .unwrap(),
        ),
        (
            "a key of its own choice",
            encode(
                &Header {
                    kid: Some("../../etc/passwd".to_owned()),
                    ..eddsa.clone()
                },
                &good,
                &own_key(&other),
            )
            .unwrap(),
        ),
        ("very long", format!("{token}{}", "A".repeat(1 << 20))),
        ("an unknown scope", sign(&with("scopes", json!(["root"])))),
        ("cut short", token[..token.len() - 4].to_owned()),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ];
    for (what, token) in forged {
        let error = kit.auth.verify(&token, now).expect_err(what);
        assert_eq!(error.code(), "unauthenticated", "{what}");
        assert_eq!(
            api_keys::from_token(&kit, &token).await.unwrap(),
            None,
            "{what}"
        );
    }
    let late = sign(&with("exp", json!(now.unix_seconds() - 5)));
    assert!(
        kit.auth.verify(&late, now).is_ok(),
        "expired 5 s ago is within the leeway"
    );
}
