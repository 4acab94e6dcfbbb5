use domain::page::PageRequest;
use domain::{Actor, Name};
use platform::ledger::{self, Entry, LiveState};
use serde_json::json;
use testkit::TestPlatform;

fn state(version: i32, canary: Option<(i32, f64)>) -> serde_json::Value {
    json!(LiveState {
        model: Name::new("m").unwrap(),
        stable_version: version,
        canary_version: canary.map(|(version, _)| version),
        canary_weight: canary.map(|(_, weight)| weight),
    })
}

async fn append(
    kit: &TestPlatform,
    actor: &Actor,
    subject: &str,
    after: impl Into<Option<serde_json::Value>>,
) {
    let mut tx = kit.store.begin().await.unwrap();
    let project = store::projects::id(&mut tx, &kit.project())
        .await
        .unwrap()
        .unwrap();
    let entry = Entry {
        action: "test.changed",
        subject,
        reason: "a test",
        before: None,
        after: after.into(),
    };
    ledger::append(&mut tx, kit.clock.now(), project, actor, entry)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn it_tells_what_was_live_at_a_moment() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let start = kit.clock.now();
    append(&kit, &admin, "deployment/price", state(1, None)).await;
    kit.clock.advance(10);
    append(&kit, &admin, "deployment/price", state(1, Some((2, 10.0)))).await;
    append(&kit, &admin, "deployment/churn", state(7, None)).await;
    kit.clock.advance(10);
    append(&kit, &admin, "deployment/price", state(2, None)).await;
    append(&kit, &admin, "deployment/churn", None).await;

    let live = async |deployment: Option<&str>, seconds: i64| {
        let deployment = deployment.map(|name| Name::new(name).unwrap());
        let at = Some(start.plus_seconds(seconds));
        let page = ledger::list(
            &kit,
            &admin,
            &project,
            deployment.as_ref(),
            at,
            &PageRequest::default(),
        )
        .await
        .unwrap();
        let live = page.live.unwrap();
        live.into_iter()
            .map(|l| (l.deployment.to_string(), l.stable_version, l.canary_version))
            .collect::<Vec<_>>()
    };
    assert_eq!(live(None, -1).await, []);
    assert_eq!(live(None, 9).await, [("price".to_owned(), 1, None)]);
    assert_eq!(
        live(None, 10).await,
        [
            ("churn".to_owned(), 7, None),
            ("price".to_owned(), 1, Some(2))
        ]
    );
    assert_eq!(
        live(Some("churn"), 10).await,
        [("churn".to_owned(), 7, None)]
    );
    assert_eq!(live(None, 20).await, [("price".to_owned(), 2, None)]);
    assert_eq!(live(Some("churn"), 20).await, []);
}

#[tokio::test]
async fn pages_hold_each_row_once() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    for i in 0..6 {
        append(&kit, &admin, &format!("thing/{i}"), None).await;
    }
    let mut page = PageRequest {
        cursor: None,
        limit: 3,
    };
    let mut subjects = Vec::new();
    loop {
        let found = ledger::list(&kit, &admin, &project, None, None, &page)
            .await
            .unwrap();
        assert_eq!(found.live, None);
        subjects.extend(found.items.into_iter().map(|row| row.subject));
        page.cursor = found.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(subjects.len(), 7);
    assert_eq!(subjects[0], "thing/5");
    assert_eq!(subjects[6], "project/default");
    page.cursor = Some("1; DROP TABLE ledger".to_owned());
    let error = ledger::list(&kit, &admin, &project, None, None, &page)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("/cursor"), "{error}");
}
