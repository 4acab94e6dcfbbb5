use domain::Scope;
use domain::api_keys::{CreatedApiKey, NewApiKey, RateLimit};
use domain::budgets::{Budget, BudgetPeriod};
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
    let (start, end) = served.key.split_at(served.key.len() - 1);
    let mistyped = format!("{start}{}", if end == "0" { "1" } else { "0" });
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
        budget: None,
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

async fn budgeted(served: &Served, requests: u64, hard: bool) -> CreatedApiKey {
    let new = NewApiKey {
        name: "budgeted".to_owned(),
        scopes: vec![Scope::Predict(None)],
        expires_at: None,
        rate_limit: None,
        budget: Some(Budget {
            requests,
            per: BudgetPeriod::Day,
            hard,
        }),
    };
    api_keys::create(&served.app.platform, &SYSTEM, &served.project, new)
        .await
        .unwrap()
}

fn ask_with(served: &Served, key: &str) -> reqwest::RequestBuilder {
    served
        .app
        .post("/predict/price")
        .bearer_auth(key)
        .json(&json!({"inputs": {"rooms": 3}}))
}

#[tokio::test]
async fn a_budget_ends_and_says_when_it_begins_anew() {
    let served = Served::start().await;
    let first = budgeted(&served, 20, true).await;
    let clients = (0..20).map(|_| async {
        let ask = || ask_with(&served, &first.key);
        (status(ask()).await, status(ask()).await)
    });
    let answers: Vec<u16> = futures::future::join_all(clients)
        .await
        .into_iter()
        .flat_map(|(a, b)| [a, b])
        .collect();
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 20);
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 20);
    let answer = ask_with(&served, &first.key).send().await.unwrap();
    let left = header(&answer, "ratelimit").to_owned();
    let wait: u64 = header(&answer, "retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert!(left.ends_with(&format!(", \"day\";r=0;t={wait}")), "{left}");
    assert_eq!(
        header(&answer, "ratelimit-policy"),
        "\"key\";q=10000;w=10, \"day\";q=20"
    );
    let refused = problem(answer, 429).await;
    assert_eq!(refused["error_code"], "budget_used_up");
    let told = until("what was sent", async || {
        let keys = api_keys::list(&served.app.platform, &SYSTEM, &served.project)
            .await
            .unwrap();
        let key = keys.into_iter().find(|key| key.id == first.api_key.id);
        key.filter(|key| key.requests_today > 0)
    })
    .await;
    assert_eq!((told.requests_today, told.requests_this_month), (20, 20));
    // Nobody gets a new budget by a new key of the same line, or by starting the server anew.
    let second = api_keys::rotate(
        &served.app.platform,
        &SYSTEM,
        &served.project,
        first.api_key.id,
        3600,
    )
    .await
    .unwrap();
    assert_eq!(status(ask_with(&served, &second.key)).await, 429);
}

#[tokio::test]
async fn a_soft_budget_refuses_nothing_and_counts_on() {
    let served = Served::start().await;
    let key = budgeted(&served, 2, false).await;
    for left in ["1", "0", "0", "0"] {
        let answer = ask_with(&served, &key.key).send().await.unwrap();
        let told = header(&answer, "ratelimit").to_owned();
        assert!(told.contains(&format!("\"day\";r={left};")), "{told}");
        body(answer, 200).await;
    }
}

/// What other processes count is in the database.
#[tokio::test]
async fn a_budget_holds_over_all_processes() {
    let served = Served::start().await;
    let key = budgeted(&served, 1000, true).await;
    let platform = &served.app.platform;
    api_keys::add_usage(platform, &[(key.api_key.id, 1000)], &[])
        .await
        .unwrap();
    until("the budget's end", async || {
        (status(ask_with(&served, &key.key)).await == 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_budget_that_can_not_be_is_refused_by_its_field() {
    let served = Served::start().await;
    let admin = served.app.key(&[Scope::Admin]).await;
    let create = |budget: serde_json::Value| {
        let new = json!({"name": "x", "scopes": ["predict:*"], "budget": budget});
        let path = format!("/api/v1/projects/{}/api-keys", served.project);
        served.app.post(&path).bearer_auth(&admin).json(&new).send()
    };
    for (budget, pointer) in [
        (json!({"requests": 0, "per": "day"}), "/budget/requests"),
        (
            json!({"requests": 2_000_000_000_000_u64, "per": "day"}),
            "/budget/requests",
        ),
        (json!({"requests": -1, "per": "day"}), "/budget/requests"),
        (json!({"requests": 5, "per": "week"}), "/budget/per"),
        (json!({"requests": 5}), "/budget/per"),
        (
            json!({"requests": 5, "per": "day", "cost": 1}),
            "/budget/cost",
        ),
    ] {
        let refused = problem(create(budget).await.unwrap(), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    let made = body(
        create(json!({"requests": 5, "per": "month"}))
            .await
            .unwrap(),
        201,
    )
    .await;
    assert_eq!(
        made["budget"],
        json!({"requests": 5, "per": "month", "hard": true})
    );
    assert_eq!(
        (&made["requests_today"], &made["requests_this_month"]),
        (&json!(0), &json!(0))
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
