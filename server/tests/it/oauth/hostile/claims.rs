//! What is wrong with the claims.

use domain::ids::ApiKeyId;
use serde_json::json;
use testkit::ISSUER;

use super::{Hostile, Parts, twice, without};

pub(super) fn claims(good: &Parts, revoked: ApiKeyId) -> Hostile {
    let now = good.claims["iat"].as_i64().unwrap();
    let mut hostile = Hostile::new();
    for name in [
        "exp", "iat", "iss", "aud", "sub", "jti", "scopes", "project",
    ] {
        let claims = without(&good.claims, name).to_string();
        let token = good.texts(&good.header.to_string(), &claims);
        hostile.push((format!("no {name}"), token));
        hostile.push((format!("{name} null"), good.claim(name, json!(null))));
    }
    for name in ["exp", "nbf", "iat"] {
        for odd in [
            json!(now.to_string()),
            json!("tomorrow"),
            json!([now]),
            json!(now as f64 + 0.5),
            json!(true),
        ] {
            hostile.push((format!("{name} {odd}"), good.claim(name, odd)));
        }
        let huge = twice(&without(&good.claims, name), &format!("\"{name}\":1e400"));
        let token = good.texts(&good.header.to_string(), &huge);
        hostile.push((format!("{name} beyond all numbers"), token));
    }
    let times = [
        ("exp", -6),
        ("exp", -now),
        ("exp", 901),
        ("exp", i64::MAX - now),
        ("nbf", 6),
        ("iat", 6),
        ("iat", -1),
    ];
    for (name, seconds) in times {
        hostile.push((format!("{name} {seconds:+} s"), good.time(name, seconds)));
    }
    for aud in [
        json!("elsewhere"),
        json!("Volary"),
        json!("volary "),
        json!(""),
        json!(["elsewhere"]),
        json!(["volary"]),
        json!(["elsewhere", "volary"]),
        json!({"volary": true}),
    ] {
        hostile.push((format!("aud {aud}"), good.claim("aud", aud)));
    }
    for iss in [
        json!("http://evil.test"),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}.evil.test")),
        json!([ISSUER]),
        json!(""),
    ] {
        hostile.push((format!("iss {iss}"), good.claim("iss", iss)));
    }
    for sub in [
        json!(ApiKeyId::at(domain::Timestamp::UNIX_EPOCH)),
        json!(revoked),
        json!("../../etc/passwd"),
        json!("' OR 1=1 --"),
        json!(""),
        json!(1),
        json!([good.claims["sub"]]),
    ] {
        hostile.push((format!("sub {sub}"), good.claim("sub", sub)));
    }
    for scopes in [
        json!(["admin"]),
        json!(["predict:*", "read", "write"]),
        json!(["predict:*", "feedback"]),
        json!(["root"]),
        json!(["predict:*", "*"]),
        json!("predict:*"),
        json!({"0": "admin"}),
    ] {
        hostile.push((format!("scopes {scopes}"), good.claim("scopes", scopes)));
    }
    for first in [
        r#""sub":"0""#,
        r#""exp":9999999999"#,
        r#""aud":"elsewhere""#,
        r#""iss":"elsewhere""#,
        r#""scopes":["admin"]"#,
    ] {
        let token = good.texts(&good.header.to_string(), &twice(&good.claims, first));
        hostile.push((format!("{first} and again"), token));
    }
    hostile
}
