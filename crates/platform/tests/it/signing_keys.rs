use domain::Scope;
use domain::signing_keys::{PUBLISHED_BEFORE, TOKEN_LIFETIME};
use jsonwebtoken::decode_header;
use platform::auth::{AuthOptions, PrivateKeys};
use platform::signing_keys::{keep, retire, revoke};
use platform::{Auth, Platform, api_keys};
use secrecy::SecretString;
use serde_json::json;
use testkit::{ISSUER, TestPlatform};

const DAYS: i64 = 24 * 3600;

async fn api_key(kit: &TestPlatform) -> (String, SecretString) {
    kit.admin().await;
    let (created, _) = kit.key(&kit.project(), &[Scope::Read]).await;
    (created.api_key.prefix, SecretString::from(created.key))
}

async fn token(platform: &Platform, key: &(String, SecretString)) -> String {
    let issued = api_keys::issue_token(platform, &key.0, &key.1, None).await;
    issued.unwrap().token
}

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

/// What is published now, the newest first.
fn published(platform: &Platform) -> Vec<String> {
    let jwks = platform.auth.jwks(platform.clock.now());
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn is_good(platform: &Platform, token: &str) -> bool {
    platform.auth.verify(token, platform.clock.now()).is_ok()
}

#[tokio::test]
async fn what_is_published_is_the_public_half_alone() {
    let kit = TestPlatform::new().await;
    let jwks = kit.auth.jwks(kit.clock.now());
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
    let key = jwks["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (
            &json!("OKP"),
            &json!("Ed25519"),
            &json!("EdDSA"),
            &json!("sig")
        )
    );

    let directory = kit.directory.path().join("secrets/signing_keys");
    let path = directory.join(format!("{}.pem", published(&kit)[0]));
    let mode = |path| {
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions())
    };
    assert_eq!(
        (mode(&path) & 0o777, mode(&directory) & 0o777),
        (0o600, 0o700)
    );
}

#[tokio::test]
async fn a_new_key_follows_after_a_month_and_the_old_one_stays_for_its_tokens() {
    let kit = TestPlatform::new().await;
    let key = api_key(&kit).await;
    let first = kid(&token(&kit, &key).await);
    keep(&kit).await.unwrap();
    assert_eq!(published(&kit), [first.as_str()]);

    kit.clock.advance(30 * DAYS - PUBLISHED_BEFORE - 1);
    keep(&kit).await.unwrap();
    assert_eq!(published(&kit), [first.as_str()], "not yet");
    kit.clock.advance(1);
    keep(&kit).await.unwrap();
    keep(&kit).await.unwrap();
    let both = published(&kit);
    let [second, old] = both.as_slice() else {
        panic!("{both:?}")
    };
    assert_eq!(old, &first);
    assert_eq!(kid(&token(&kit, &key).await), first, "published, no more");

    kit.clock.advance(PUBLISHED_BEFORE - 1);
    let last = token(&kit, &key).await;
    assert_eq!(kid(&last), first);
    kit.clock.advance(1);
    assert_eq!(&kid(&token(&kit, &key).await), second);

    kit.clock.advance(TOKEN_LIFETIME + 4);
    keep(&kit).await.unwrap();
    assert!(is_good(&kit, &last));
    assert_eq!(published(&kit), both);
    assert_eq!(kit.private_keys().len(), 2);
    kit.clock.advance(2);
    assert!(!is_good(&kit, &last));
    keep(&kit).await.unwrap();
    keep(&kit).await.unwrap();
    assert_eq!(&published(&kit), std::slice::from_ref(second));
    assert_eq!(kit.private_keys().len(), 1, "the old private half is gone");
}

#[tokio::test]
async fn machines_with_keys_of_their_own_take_each_others_tokens() {
    let kit = TestPlatform::new().await;
    let key = api_key(&kit).await;
    let directory = kit.directory.path().join("elsewhere");
    let other = kit.elsewhere(PrivateKeys::Kept(directory));
    keep(&other).await.unwrap();
    keep(&kit).await.unwrap();
    assert_eq!(published(&kit), published(&other));
    let (here, there) = (token(&kit, &key).await, token(&other, &key).await);
    assert_ne!(kid(&here), kid(&there));
    for token in [&here, &there] {
        assert!(is_good(&kit, token) && is_good(&other, token));
    }
}

#[tokio::test]
async fn processes_that_share_their_files_make_one_key() {
    let kit = TestPlatform::new().await;
    let directory = kit.directory.path().join("secrets/signing_keys");
    let process = || kit.elsewhere(PrivateKeys::Kept(directory.clone()));
    let processes = [process(), process(), process(), process()];
    kit.clock.advance(30 * DAYS);
    let [a, b, c, d] = &processes;
    let (a, b, c, d) = tokio::join!(keep(a), keep(b), keep(c), keep(d));
    for kept in [a, b, c, d] {
        kept.unwrap();
    }
    keep(&kit).await.unwrap();
    assert_eq!(published(&kit).len(), 2);
    assert_eq!(kit.private_keys().len(), 2);
    let key = api_key(&kit).await;
    for process in &processes {
        keep(process).await.unwrap();
        assert_eq!(kid(&token(process, &key).await), published(&kit)[0]);
    }
}

#[tokio::test]
async fn a_given_key_signs_until_it_is_replaced_and_is_soon_forgotten_then() {
    let (kit, other) = (TestPlatform::new().await, TestPlatform::new().await);
    let key = api_key(&kit).await;
    let given =
        |kit: &TestPlatform| PrivateKeys::Given(SecretString::from(kit.private_keys().remove(0)));
    let spare = TestPlatform::new().await;
    let before = kit.elsewhere(given(&other));
    for _ in 0..100 {
        keep(&before).await.unwrap();
        kit.clock.advance(DAYS / 24);
    }
    keep(&before).await.unwrap();
    let old = token(&before, &key).await;
    assert_eq!(kid(&old), published(&other)[0]);

    let after = kit.elsewhere(given(&spare));
    keep(&after).await.unwrap();
    assert!(is_good(&after, &old), "what was given out is kept to");
    assert_eq!(kid(&token(&after, &key).await), published(&spare)[0]);
    assert_eq!(published(&after).len(), 3);
    kit.clock.advance(2 * DAYS / 24);
    keep(&after).await.unwrap();
    assert!(!published(&after).contains(&kid(&old)));

    let nonsense = PrivateKeys::Given(SecretString::from("nonsense"));
    assert!(Auth::new(AuthOptions::new(nonsense, ISSUER)).is_err());
}

#[tokio::test]
async fn keys_that_are_retired_are_followed_up_and_their_tokens_stay_good() {
    let kit = TestPlatform::new().await;
    let key = api_key(&kit).await;
    let old = token(&kit, &key).await;
    for _ in 0..2 {
        retire(&kit).await.unwrap();
        keep(&kit).await.unwrap();
        kit.clock.advance(60);
    }
    assert_eq!(published(&kit).len(), 2);
    assert_eq!(kid(&token(&kit, &key).await), kid(&old));
    kit.clock.advance(PUBLISHED_BEFORE);
    let new = token(&kit, &key).await;
    assert_ne!(kid(&new), kid(&old));
    assert!(is_good(&kit, &old) && is_good(&kit, &new));
}

#[tokio::test]
async fn keys_that_are_revoked_end_with_all_their_tokens() {
    let kit = TestPlatform::new().await;
    let key = api_key(&kit).await;
    let old = token(&kit, &key).await;
    let signed_by = kit.auth.verify(&old, kit.clock.now()).unwrap().signed_by;
    assert!(kit.auth.is_trusted(&signed_by, kit.clock.now()));
    revoke(&kit).await.unwrap();
    keep(&kit).await.unwrap();
    assert!(!is_good(&kit, &old));
    assert!(!kit.auth.is_trusted(&signed_by, kit.clock.now()));
    assert!(is_good(&kit, &token(&kit, &key).await), "a new key at once");
    assert_eq!(published(&kit).len(), 1);
    assert_eq!(kit.private_keys().len(), 1);
}

#[tokio::test]
async fn without_postgres_tokens_are_still_verified() {
    let kit = TestPlatform::new().await;
    let key = api_key(&kit).await;
    let token = token(&kit, &key).await;
    kit.database.set_reachable(false).await;
    assert_eq!(keep(&kit).await.unwrap_err().code(), "unavailable");
    assert!(is_good(&kit, &token));
    kit.database.set_reachable(true).await;
}
