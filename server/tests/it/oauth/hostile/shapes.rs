//! What is wrong with the text itself: its parts, its signature, its encoding.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Hostile, Parts, part, twice, with};

pub(super) fn shapes(good: &Parts) -> Hostile {
    let token = good.token();
    let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    let second = good.claim("jti", json!("2"));
    let other_signature = second.rsplit('.').next().unwrap();
    let admin = part(&with(&good.claims, "scopes", json!(["admin"])).to_string());
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let zeros = BASE64_URL_SAFE_NO_PAD.encode([0; 64]);
    let (r, s) = bytes.split_at(32);
    let malleable = BASE64_URL_SAFE_NO_PAD.encode([r, &plus_order(s)].concat());
    // The last character has four bits that no byte needs.
    let last = signature.chars().last().unwrap() as u8;
    let spare = format!("{}{}", &signature[..85], char::from(last + 1));
    let standard = (0..100)
        .map(|jti| good.claim("jti", json!(jti.to_string())))
        .find(|token| token.contains(['-', '_']))
        .unwrap()
        .replace('-', "+")
        .replace('_', "/");
    let (header, claims) = (good.header.to_string(), good.claims.to_string());
    let flat = json!({"protected": head, "payload": body, "signature": signature});
    let general =
        json!({"payload": body, "signatures": [{"protected": head, "signature": signature}]});
    let deep = "[".repeat(3000);
    [
        ("stripped signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("one part", body.to_owned()),
        ("no header", format!(".{body}.{signature}")),
        ("no claims", format!("{head}..{signature}")),
        ("dots", "..".to_owned()),
        ("four parts", format!("{token}.{signature}")),
        (
            "five parts",
            format!("{head}.{body}.{signature}.{body}.{signature}"),
        ),
        ("a leading dot", format!(".{token}")),
        (
            "signature of another",
            format!("{head}.{body}.{other_signature}"),
        ),
        ("other claims", format!("{head}.{admin}.{signature}")),
        (
            "header and claims swapped",
            format!("{body}.{head}.{signature}"),
        ),
        ("signature cut short", token[..token.len() - 4].to_owned()),
        ("signature made longer", format!("{token}AAAA")),
        ("signature of zeros", format!("{head}.{body}.{zeros}")),
        (
            "signature with the order added",
            format!("{head}.{body}.{malleable}"),
        ),
        (
            "signature with spare bits",
            format!("{head}.{body}.{spare}"),
        ),
        ("padded signature", format!("{token}==")),
        ("padded header", format!("{head}=.{body}.{signature}")),
        ("standard base64", standard),
        (
            "a space after the header",
            format!("{head} .{body}.{signature}"),
        ),
        (
            "a space in the claims",
            format!("{head}.{} {}.{signature}", &body[..8], &body[8..]),
        ),
        (
            "a tab before the signature",
            format!("{head}.{body}.\t{signature}"),
        ),
        ("the token twice", format!("{token} {token}")),
        ("a list of tokens", format!("{token},{second}")),
        ("in quotes", format!("\"{token}\"")),
        ("the scheme twice", format!("Bearer {token}")),
        ("percent-encoded", token.replace('.', "%2e")),
        ("JSON, flattened", flat.to_string()),
        ("JSON, general", general.to_string()),
        (
            "alg twice",
            good.texts(&twice(&good.header, r#""alg":"none""#), &claims),
        ),
        (
            "kid twice",
            good.texts(&twice(&good.header, r#""kid":"x""#), &claims),
        ),
        (
            "header with a tail",
            good.texts(&format!("{header}x"), &claims),
        ),
        (
            "claims with a tail",
            good.texts(&header, &format!("{claims}x")),
        ),
        (
            "claims after a byte order mark",
            good.texts(&header, &format!("\u{feff}{claims}")),
        ),
        (
            "claims in a list",
            good.texts(&header, &format!("[{claims}]")),
        ),
        ("claims null", good.texts(&header, "null")),
        ("claims empty", good.texts(&header, "")),
        (
            "header in a list",
            good.texts(&format!("[{header}]"), &claims),
        ),
        ("a deep header", good.texts(&deep, &claims)),
        ("deep claims", good.texts(&header, &deep)),
        (
            "long, and ours",
            good.claim("jti", json!("j".repeat(20_000))),
        ),
        ("long", format!("{token}{}", "A".repeat(40_000))),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .into()
}

/// The number, of 32 little-endian bytes, plus the order of Ed25519's group: the same to whoever does not reduce it.
fn plus_order(number: &[u8]) -> [u8; 32] {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut sum = [0; 32];
    let mut carry = 0;
    for ((sum, a), b) in sum.iter_mut().zip(number).zip(order.unwrap()) {
        carry += u16::from(*a) + u16::from(b);
        *sum = carry as u8;
        carry >>= 8;
    }
    sum
}
