use domain::api_keys::{ApiKeyStatus, NewApiKey, RateLimit};
use domain::budgets::{Budget, BudgetPeriod, Usage};
use domain::{Actor, Error, Scope};
use platform::events::SERVING_CHANNEL;
use platform::{api_keys, ledger};
use secrecy::SecretString;
use testkit::TestPlatform;

fn new(name: &str, scopes: &[Scope]) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        expires_at: None,
        rate_limit: None,
        budget: None,
    }
}

async fn presented(kit: &TestPlatform, key: &str) -> Option<Actor> {
    api_keys::find(kit, &SecretString::from(key)).await.unwrap()
}

#[tokio::test]
async fn a_key_opens_until_it_is_revoked() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let mut heard = kit.store.listen(&[SERVING_CHANNEL]).await.unwrap();
    let scopes = [Scope::Read, Scope::Predict(None), Scope::Read];
    let created = api_keys::create(&kit, &admin, &project, new(" ci ", &scopes))
        .await
        .unwrap();
    assert_eq!(
        heard.recv().await.unwrap().unwrap().channel,
        SERVING_CHANNEL
    );
    let key = &created.api_key;
    assert!(created.key.starts_with(&key.prefix));
    assert_eq!(
        (key.name.as_str(), key.scopes.len(), key.status),
        ("ci", 2, ApiKeyStatus::Active)
    );
    assert_eq!(key.rate_limit, RateLimit::default());
    assert_eq!(
        api_keys::list(&kit, &admin, &project).await.unwrap(),
        std::slice::from_ref(key)
    );

    let Some(Actor::Key {
        id, name, scopes, ..
    }) = presented(&kit, &created.key).await
    else {
        panic!("not found")
    };
    assert_eq!((id, name.as_str(), &scopes), (key.id, "ci", &key.scopes));
    let mut changed = created.key.clone().into_bytes();
    changed[10] = if changed[10] == b'a' { b'b' } else { b'a' };
    assert_eq!(
        presented(&kit, &String::from_utf8(changed).unwrap()).await,
        None
    );

    kit.clock.advance(60);
    api_keys::revoke(&kit, &admin, &project, id).await.unwrap();
    assert!(heard.recv().await.unwrap().is_some());
    assert_eq!(presented(&kit, &created.key).await, None);
    api_keys::revoke(&kit, &admin, &project, id).await.unwrap();
    let listed = api_keys::list(&kit, &admin, &project).await.unwrap();
    assert_eq!(listed[0].status, ApiKeyStatus::Revoked);
    let refused = api_keys::rotate(&kit, &admin, &project, id, 60)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "key_not_active");

    let rows = ledger::list(
        &kit,
        &admin,
        &project,
        None,
        None,
        &domain::page::PageRequest::default(),
    )
    .await
    .unwrap()
    .items;
    let actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(
        actions,
        ["api_key.revoked", "api_key.created", "project.created"]
    );
    assert_eq!(rows[0].subject, format!("api-key/{}", key.prefix));
    assert!(
        !format!("{rows:?}").contains(&created.key),
        "the ledger holds no secret"
    );
}

#[tokio::test]
async fn a_malformed_key_never_reaches_the_database() {
    let kit = TestPlatform::new().await;
    kit.database.set_reachable(false).await;
    for text in [
        "",
        "vol_",
        "x",
        &"é".repeat(60),
        "vol_000000000000000000000000000000_000000",
    ] {
        assert_eq!(presented(&kit, text).await, None, "{text}");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let expires_at = Some(kit.clock.now().plus_seconds(3600));
    let short = NewApiKey {
        expires_at,
        ..new("short", &[Scope::Read])
    };
    let created = api_keys::create(&kit, &admin, &project, short)
        .await
        .unwrap();
    kit.clock.advance(3599);
    assert!(presented(&kit, &created.key).await.is_some());
    kit.clock.advance(1);
    assert_eq!(presented(&kit, &created.key).await, None);
    assert_eq!(
        api_keys::list(&kit, &admin, &project).await.unwrap()[0].status,
        ApiKeyStatus::Expired
    );
}

#[tokio::test]
async fn rotation_overlaps_as_long_as_told() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let rate_limit = RateLimit {
        requests: 7,
        per_seconds: 3,
    };
    let day = 24 * 3600;
    let expires_at = Some(kit.clock.now().plus_seconds(10 * day));
    let first = NewApiKey {
        rate_limit: Some(rate_limit),
        expires_at,
        ..new("app", &[Scope::Predict(None)])
    };
    let first = api_keys::create(&kit, &admin, &project, first)
        .await
        .unwrap();
    kit.clock.advance(day);
    let second = api_keys::rotate(&kit, &admin, &project, first.api_key.id, 3600)
        .await
        .unwrap();
    let next = &second.api_key;
    assert_eq!(
        (next.rotated_from, next.rate_limit),
        (Some(first.api_key.id), rate_limit)
    );
    assert_eq!(
        (&next.name, &next.scopes),
        (&first.api_key.name, &first.api_key.scopes)
    );
    assert_eq!(
        next.expires_at,
        Some(kit.clock.now().plus_seconds(10 * day)),
        "the same length of life"
    );
    assert!(
        presented(&kit, &first.key).await.is_some() && presented(&kit, &second.key).await.is_some()
    );
    let listed = api_keys::list(&kit, &admin, &project).await.unwrap();
    assert_eq!(
        listed.iter().map(|key| key.status).collect::<Vec<_>>(),
        [ApiKeyStatus::Active, ApiKeyStatus::Rotating]
    );
    let twice = api_keys::rotate(&kit, &admin, &project, first.api_key.id, 3600)
        .await
        .unwrap_err();
    assert_eq!(twice.code(), "key_not_active");
    kit.clock.advance(3600);
    assert_eq!(presented(&kit, &first.key).await, None);

    let third = api_keys::rotate(&kit, &admin, &project, next.id, 0)
        .await
        .unwrap();
    assert_eq!(presented(&kit, &second.key).await, None);
    assert!(presented(&kit, &third.key).await.is_some());
    let listed = api_keys::list(&kit, &admin, &project).await.unwrap();
    assert_eq!(listed[1].status, ApiKeyStatus::Revoked);
}

#[tokio::test]
async fn a_line_of_keys_shares_what_it_has_sent_for_a_day_and_a_month() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let budget = Some(Budget {
        requests: 1000,
        per: BudgetPeriod::Month,
        hard: false,
    });
    let first = NewApiKey {
        budget,
        ..new("app", &[Scope::Predict(None)])
    };
    let first = api_keys::create(&kit, &admin, &project, first)
        .await
        .unwrap()
        .api_key;
    assert_eq!((first.budget, first.requests_today), (budget, 0));
    let other = api_keys::create(&kit, &admin, &project, new("other", &[Scope::Read]))
        .await
        .unwrap()
        .api_key;
    let add = async |sent: &[_]| {
        api_keys::add_usage(&kit, sent, &[first.id, other.id])
            .await
            .unwrap()
    };
    add(&[(first.id, 30), (other.id, 1)]).await;
    // To the middle of the next month, and on to its next day.
    let next_month = BudgetPeriod::Month
        .end(kit.clock.now())
        .plus_seconds(14 * 86_400);
    kit.clock
        .advance(next_month.seconds_since(kit.clock.now()) as i64);
    add(&[(first.id, 5)]).await;
    kit.clock.advance(86_400);
    let all = add(&[(first.id, 2)]).await;
    let expected = Usage {
        today: 2,
        this_month: 7,
    };
    assert_eq!(
        (all.get(&first.id), all.get(&other.id)),
        (Some(&expected), None)
    );
    let second = api_keys::rotate(&kit, &admin, &project, first.id, 3600)
        .await
        .unwrap()
        .api_key;
    assert_eq!(second.budget, budget);
    let third = api_keys::rotate(&kit, &admin, &project, second.id, 0)
        .await
        .unwrap()
        .api_key;
    let listed = api_keys::list(&kit, &admin, &project).await.unwrap();
    let usage = |id| {
        let key = listed.iter().find(|key| key.id == id).unwrap();
        Usage {
            today: key.requests_today,
            this_month: key.requests_this_month,
        }
    };
    for id in [first.id, second.id, third.id] {
        assert_eq!(usage(id), expected);
    }
    assert_eq!(usage(other.id), Usage::default());
}

#[tokio::test]
async fn wrong_fields_are_all_told() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let wrong = NewApiKey {
        name: " ".to_owned(),
        scopes: Vec::new(),
        expires_at: Some(kit.clock.now()),
        rate_limit: Some(RateLimit {
            requests: 0,
            per_seconds: 0,
        }),
        budget: Some(Budget {
            requests: 0,
            per: BudgetPeriod::Month,
            hard: true,
        }),
    };
    let Error::Invalid(fields) = api_keys::create(&kit, &admin, &project, wrong)
        .await
        .unwrap_err()
    else {
        panic!()
    };
    let pointers: Vec<_> = fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/scopes",
            "/expires_at",
            "/rate_limit/requests",
            "/rate_limit/per_seconds",
            "/budget/requests"
        ]
    );
    assert_eq!(api_keys::list(&kit, &admin, &project).await.unwrap(), []);
}

#[tokio::test]
async fn another_projects_key_is_not_found() {
    let kit = TestPlatform::new().await;
    let admin = kit.admin().await;
    let other = kit.new_project("other").await;
    let (key, _) = kit.key(&other, &[Scope::Read]).await;
    for id in [key.api_key.id, domain::ids::ApiKeyId::at(kit.clock.now())] {
        let error = api_keys::revoke(&kit, &admin, &kit.project(), id)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "API key not found");
    }
    assert!(presented(&kit, &key.key).await.is_some());
}

#[tokio::test]
async fn the_latest_use_is_kept() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let (key, _) = kit.key(&project, &[Scope::Read]).await;
    let (id, now) = (key.api_key.id, kit.clock.now());
    let uses = [
        (id, now, "10.0.0.1".to_owned()),
        (id, now.plus_seconds(2), "10.0.0.2".to_owned()),
        (id, now.plus_seconds(1), "10.0.0.3".to_owned()),
    ];
    api_keys::touch_used(&kit, &uses).await.unwrap();
    api_keys::touch_used(&kit, &uses[..1]).await.unwrap();
    api_keys::touch_used(&kit, &[]).await.unwrap();
    let listed = api_keys::list(&kit, &admin, &project).await.unwrap();
    assert_eq!(listed[0].last_used_at, Some(now.plus_seconds(2)));
    assert_eq!(listed[0].last_used_ip.as_deref(), Some("10.0.0.2"));
}
