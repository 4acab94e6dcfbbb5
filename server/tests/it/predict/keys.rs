use domain::Scope;
use domain::api_keys::{NewApiKey, RateLimit};
use platform::api_keys;
use serde_json::json;
use testkit::until;

use crate::harness::{json as body, name, problem};
use crate::served::{SYSTEM, Served, header, status};

#[tokio::test]
async fn only_a_good_key_with_the_scope_gets_an_answer() {
    let served = Served::start().await;
    let app = &served.app;
    let ask = || {
        app.post("/predict/price")
            .json(&json!({"inputs": {"rooms": 3}}))
    };
    assert_eq!(status(ask().header("x-api-key", &served.key)).await, 200);
    assert_eq!(
        status(ask().header("authorization", format!("bearer {}", served.key))).await,
        200
    );
    let mistyped = format!("{}0", &served.key[..served.key.len() - 1]);
    let unknown = domain::api_keys::from_random(&[9; 64]).unwrap();
    for bad in ["", "vol_", &mistyped, &unknown, "eyJhbGciOiJub25lIn0.e30."] {
        let answer = ask().bearer_auth(bad).send().await.unwrap();
        assert!(header(&answer, "www-authenticate").starts_with("Bearer"));
        problem(answer, 401).await;
    }
    problem(ask().send().await.unwrap(), 401).await;
    problem(
        ask()
            .header("authorization", format!("Basic {}", served.key))
            .send()
            .await
            .unwrap(),
        401,
    )
    .await;

    let own = app.key(&[Scope::Predict(Some(name("price")))]).await;
    assert_eq!(status(ask().bearer_auth(&own)).await, 200);
    problem(
        app.post("/predict/price/1")
            .bearer_auth(&own)
            .json(&json!({}))
            .send()
            .await
            .unwrap(),
        403,
    )
    .await;
    for scope in [
        Scope::Read,
        Scope::Write,
        Scope::Admin,
        Scope::Feedback,
        Scope::Predict(Some(name("other"))),
    ] {
        let refused = problem(
            ask()
                .bearer_auth(app.key(&[scope]).await)
                .send()
                .await
                .unwrap(),
            403,
        )
        .await;
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("predict:price"),
            "{refused}"
        );
    }
    let other = app.platform.new_project("other").await;
    let (foreign, _) = app.platform.key(&other, &[Scope::Predict(None)]).await;
    problem(ask().bearer_auth(&foreign.key).send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn a_revoked_key_and_its_tokens_are_refused_at_once() {
    let served = Served::start().await;
    let app = &served.app;
    let (key, _) = app
        .platform
        .key(&served.project, &[Scope::Predict(None)])
        .await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &key.api_key.prefix),
        ("client_secret", &key.key),
    ];
    let token = body(app.form("/oauth/token", &form).send().await.unwrap(), 200).await;
    let token = token["access_token"].as_str().unwrap();
    let ask = |secret: &str| {
        app.post("/predict/price")
            .bearer_auth(secret)
            .json(&json!({"inputs": {"rooms": 3}}))
    };
    for _ in 0..2 {
        assert_eq!(
            (status(ask(&key.key)).await, status(ask(token)).await),
            (200, 200)
        );
    }
    let forged = format!("{}x", &token[..token.len() - 1]);
    assert_eq!(status(ask(&forged)).await, 401);
    api_keys::revoke(&app.platform, &SYSTEM, &served.project, key.api_key.id)
        .await
        .unwrap();
    assert_eq!(
        (status(ask(&key.key)).await, status(ask(token)).await),
        (401, 401)
    );
}

/// Another process revokes: it changes the database and cannot reach into this one.
#[tokio::test]
async fn a_key_revoked_elsewhere_is_refused_within_moments() {
    let served = Served::start().await;
    let elsewhere = platform::Platform {
        live: platform::Live::default(),
        ..served.app.platform.platform()
    };
    let (key, _) = served
        .app
        .platform
        .key(&served.project, &[Scope::Predict(None)])
        .await;
    let ask = || {
        served
            .app
            .post("/predict/price")
            .bearer_auth(&key.key)
            .json(&json!({"inputs": {"rooms": 3}}))
    };
    assert_eq!(status(ask()).await, 200);
    let started = std::time::Instant::now();
    api_keys::revoke(&elsewhere, &SYSTEM, &served.project, key.api_key.id)
        .await
        .unwrap();
    until("the revocation", async || {
        (status(ask()).await == 401).then_some(())
    })
    .await;
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_key_has_its_quota_and_is_told_of_it() {
    let served = Served::start().await;
    let rate_limit = Some(RateLimit {
        requests: 20,
        per_seconds: 3600,
    });
    let new = NewApiKey {
        name: "small".to_owned(),
        scopes: vec![Scope::Predict(None)],
        expires_at: None,
        rate_limit,
    };
    let key = api_keys::create(&served.app.platform, &SYSTEM, &served.project, new)
        .await
        .unwrap()
        .key;
    let ask = || {
        served
            .app
            .post("/predict/price")
            .bearer_auth(&key)
            .json(&json!({"inputs": {"rooms": 3}}))
    };
    let clients = (0..20).map(|_| async { (status(ask()).await, status(ask()).await) });
    let answers: Vec<u16> = futures::future::join_all(clients)
        .await
        .into_iter()
        .flat_map(|(a, b)| [a, b])
        .collect();
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 20);
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 20);
    let answer = ask().send().await.unwrap();
    assert!(header(&answer, "ratelimit").starts_with("\"key\";r=0;t="));
    assert_eq!(header(&answer, "ratelimit-policy"), "\"key\";q=20;w=3600");
    let wait: u64 = header(&answer, "retry-after").parse().unwrap();
    assert!((1..=180).contains(&wait), "{wait}");
    problem(answer, 429).await;
    // A refused body carries the quota too.
    assert_eq!(
        header(&served.raw("{").send().await.unwrap(), "ratelimit-policy"),
        "\"key\";q=10000;w=10"
    );
}

#[tokio::test]
async fn what_was_asked_is_logged_and_a_keys_use_noted() {
    let served = Served::start().await;
    let key = served.app.key(&[Scope::Predict(None)]).await;
    assert_eq!(
        status(
            served
                .app
                .post("/predict/price")
                .bearer_auth(&key)
                .json(&json!({"inputs": {"rooms": 3}}))
        )
        .await,
        200
    );
    let prefix = domain::api_keys::prefix(&key).unwrap();
    let used = until("the key's use", async || {
        let keys = api_keys::list(&served.app.platform, &SYSTEM, &served.project)
            .await
            .unwrap();
        keys.into_iter()
            .find(|known| known.prefix == prefix)
            .filter(|known| known.last_used_at.is_some())
    })
    .await;
    assert_eq!(used.last_used_ip.as_deref(), Some("127.0.0.1"));
    until("the first prediction in the checklist", async || {
        let overview = platform::overview::get(&served.app.platform, &SYSTEM, &served.project)
            .await
            .unwrap();
        overview.checklist.predicted.then_some(())
    })
    .await;
}
