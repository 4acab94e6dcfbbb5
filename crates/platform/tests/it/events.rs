use domain::events::Topic;
use platform::events::{self, CHANNEL};
use serde_json::json;
use testkit::TestPlatform;

async fn publish(kit: &TestPlatform, topic: &Topic, data: i32) {
    let mut tx = kit.store.begin().await.unwrap();
    let project = store::projects::id(&mut tx, &kit.project())
        .await
        .unwrap()
        .unwrap();
    events::publish(
        &mut tx,
        kit.clock.now(),
        project,
        topic,
        "changed",
        json!(data),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn readers_get_their_topics_in_order_from_where_they_were() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let mut heard = kit.store.listen(&[CHANNEL]).await.unwrap();
    let start = events::newest_id(&kit, &admin, &project).await.unwrap();
    publish(&kit, &Topic::Runs, 1).await;
    publish(&kit, &Topic::Datasets, 2).await;
    publish(&kit, &Topic::Runs, 3).await;
    assert_eq!(heard.recv().await.unwrap().unwrap().channel, CHANNEL);

    let read = async |last: i64, topics: &[Topic], limit| {
        events::after(&kit, &admin, &project, last, topics, limit)
            .await
            .unwrap()
    };
    let runs = read(start, &[Topic::Runs], 10).await;
    assert_eq!(
        runs.iter()
            .map(|event| event.data.clone())
            .collect::<Vec<_>>(),
        [json!(1), json!(3)]
    );
    assert_eq!(
        read(runs[0].id, &[Topic::Runs, Topic::Datasets], 10)
            .await
            .len(),
        2
    );
    assert_eq!(
        read(start, &[Topic::Runs, Topic::Datasets], 2).await.len(),
        2
    );
    assert_eq!(read(runs[1].id, &[Topic::Runs], 10).await, []);
    assert_eq!(read(start, &[Topic::Deployments], 10).await, []);

    let other = kit.new_project("other").await;
    let stranger = kit
        .member(&other, "eve@example.com", domain::Role::Admin)
        .await;
    let error = events::after(&kit, &stranger, &project, 0, &[Topic::Runs], 10)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not_found");

    assert_eq!(events::trim(&kit).await.unwrap(), 0);
    kit.clock.advance(24 * 3600 + 1);
    assert_eq!(events::trim(&kit).await.unwrap(), 3);
}

#[tokio::test]
async fn an_event_that_commits_late_is_not_passed_over() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let mut slow = kit.store.begin().await.unwrap();
    let project = store::projects::id(&mut slow, &kit.project())
        .await
        .unwrap()
        .unwrap();
    let now = kit.clock.now();
    events::publish(
        &mut slow,
        now,
        project,
        &Topic::Runs,
        "changed",
        json!("slow"),
    )
    .await
    .unwrap();
    let mut fast = std::pin::pin!(publish(&kit, &Topic::Runs, 2));
    // The second publisher waits for the first, so its event can not become visible before.
    let pending =
        std::future::poll_fn(|cx| std::task::Poll::Ready(fast.as_mut().poll(cx).is_pending()))
            .await;
    assert!(pending);
    slow.commit().await.unwrap();
    fast.await;
    let mut conn = kit.store.read().await.unwrap();
    let seen = store::events::after(&mut conn, project, 0, &["runs".to_owned()], 10)
        .await
        .unwrap();
    assert_eq!(
        seen.iter()
            .map(|event| event.data.clone())
            .collect::<Vec<_>>(),
        [json!("slow"), json!(2)]
    );
}

#[tokio::test]
async fn a_listener_says_when_it_may_have_missed_something() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let mut heard = kit.store.listen(&[CHANNEL]).await.unwrap();
    kit.database.set_reachable(false).await;
    kit.database.set_reachable(true).await;
    assert_eq!(heard.recv().await.unwrap(), None);
    testkit::until("the listener to hear again", async || {
        publish(&kit, &Topic::Runs, 1).await;
        heard.recv().await.ok().flatten()
    })
    .await;
}
