//! What is wrong with the header: the algorithm, the key it names, what it brings along.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::jsonwebtoken::crypto::sign;
use testkit::jsonwebtoken::{Algorithm, EncodingKey};

use super::{Hostile, Parts, part, with, without};

pub(super) fn algorithms(good: &Parts, jwk: &Value) -> Hostile {
    let claims = part(&good.claims.to_string());
    let mut hostile = Hostile::new();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = part(&with(&good.header, "alg", json!(none)).to_string());
        hostile.push((format!("alg {none:?}"), format!("{header}.{claims}.")));
    }
    // The signature is right for whoever does not look at what the header says.
    for other in [
        "none", "eddsa", "EDDSA", "Ed25519", "Ed448", "HS256", "RS256", "PS256", "ES256", "ES384",
        "ES256K",
    ] {
        let token = good.header("alg", json!(other));
        hostile.push((format!("alg {other}, our signature"), token));
    }
    for odd in [json!(null), json!(["EdDSA"]), json!({"EdDSA": 1}), json!(8)] {
        hostile.push((format!("alg {odd}"), good.header("alg", odd)));
    }
    let absent = without(&good.header, "alg").to_string();
    hostile.push((
        "no alg".to_owned(),
        good.texts(&absent, &good.claims.to_string()),
    ));

    let x = jwk["x"].as_str().unwrap();
    let raw = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    let der = [
        &[
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ][..],
        raw.as_slice(),
    ]
    .concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(&der)
    );
    let published = jwk.to_string();
    let secrets = [
        ("the public key", raw.as_slice()),
        ("its text", x.as_bytes()),
        ("its DER", der.as_slice()),
        ("its PEM", pem.as_bytes()),
        ("its JWK", published.as_bytes()),
        ("nothing", b"".as_slice()),
    ];
    for (name, algorithm) in [
        ("HS256", Algorithm::HS256),
        ("HS384", Algorithm::HS384),
        ("HS512", Algorithm::HS512),
    ] {
        let header = with(&good.header, "alg", json!(name)).to_string();
        let message = format!("{}.{claims}", part(&header));
        for (what, secret) in secrets {
            let secret = EncodingKey::from_secret(secret);
            let signature = sign(message.as_bytes(), &secret, algorithm).unwrap();
            hostile.push((
                format!("{name} keyed with {what}"),
                format!("{message}.{signature}"),
            ));
        }
    }
    hostile
}

pub(super) fn headers(good: &Parts, other: &Parts, other_jwk: &Value, url: &str) -> Hostile {
    let kid = good.header["kid"].as_str().unwrap();
    let kids = [
        json!("../../../../../../dev/null"),
        json!("/etc/passwd"),
        json!(format!("{kid}.pem")),
        json!(format!("./{kid}")),
        json!("x' UNION SELECT 'AAAA' --"),
        json!("$(touch /tmp/kid)"),
        json!(url),
        json!(format!("{kid}\0")),
        json!(format!(" {kid}")),
        json!(kid.to_uppercase()),
        json!("k".repeat(6000)),
        json!(""),
        json!([kid]),
        json!({"$ne": null}),
        json!(0),
        json!(null),
    ];
    let mut hostile: Hostile = kids
        .into_iter()
        .map(|kid| (format!("kid {kid}"), good.header("kid", kid)))
        .collect();
    let mut says = |name: &str, value: Value| {
        hostile.push((format!("{name} {value}"), good.header(name, value)));
    };
    for name in ["jku", "x5u"] {
        says(name, json!(url));
        says(name, json!("file:///etc/passwd"));
    }
    says("jwk", other_jwk.clone());
    says("x5c", json!(["MAo="]));
    says("x5t", json!("x"));
    says("x5t#S256", json!("x"));
    says("crit", json!(["exp"]));
    says("crit", json!([]));
    says("b64", json!(false));
    says("zip", json!("DEF"));
    says("enc", json!("A256GCM"));
    says("cty", json!("JWT"));
    says("x", json!(1));
    for typ in [
        json!("at+jwt"),
        json!("JWE"),
        json!("jwt"),
        json!(null),
        json!(["JWT"]),
    ] {
        says("typ", typ);
    }
    for name in ["kid", "typ"] {
        let header = without(&good.header, name).to_string();
        let token = good.texts(&header, &good.claims.to_string());
        hostile.push((format!("no {name}"), token));
    }

    // Another's key, brought along in every way there is.
    let theirs = |header: &Value| other.texts(&header.to_string(), &good.claims.to_string());
    let brought = [
        ("another key", good.header.clone()),
        ("another key by its own kid", other.header.clone()),
        (
            "another key as jwk",
            with(&good.header, "jwk", other_jwk.clone()),
        ),
        ("another key at jku", with(&other.header, "jku", json!(url))),
        ("another key at x5u", with(&other.header, "x5u", json!(url))),
        (
            "another key as kid",
            with(&good.header, "kid", other_jwk["x"].clone()),
        ),
    ];
    hostile.extend(brought.map(|(what, header)| (what.to_owned(), theirs(&header))));
    hostile
}
