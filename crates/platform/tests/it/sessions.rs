use std::sync::Arc;

use domain::Actor;
use domain::ids::UserId;
use platform::sessions::{self, ABSOLUTE, IDLE, Sessions, USER_ID};
use testkit::TestPlatform;
use tower_sessions_core::{Session, SessionStore};

use crate::signed_in;

async fn user(kit: &TestPlatform) -> UserId {
    let Actor::User { id, .. } = kit.admin().await else {
        unreachable!()
    };
    id
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_without_a_request() {
    let kit = TestPlatform::new().await;
    let store = Sessions::new(&kit);
    let session = signed_in(&store, user(&kit).await).await;
    for _ in 0..4 {
        kit.clock.advance(IDLE - 1);
        assert!(store.load(&session.id).await.unwrap().is_some());
    }
    kit.clock.advance(IDLE);
    assert_eq!(store.load(&session.id).await.unwrap(), None);
    assert_eq!(sessions::delete_expired(&kit).await.unwrap(), 1);
    assert_eq!(sessions::delete_expired(&kit).await.unwrap(), 0);
}

#[tokio::test]
async fn a_busy_session_ends_after_twelve_hours() {
    let kit = TestPlatform::new().await;
    let store = Sessions::new(&kit);
    let session = signed_in(&store, user(&kit).await).await;
    let step = 20 * 60;
    for _ in 1..ABSOLUTE / step {
        kit.clock.advance(step);
        let loaded = store.load(&session.id).await.unwrap().unwrap();
        let left = domain::Timestamp::from(loaded.expiry_date).seconds_since(kit.clock.now());
        assert!(left > 0.0 && left <= IDLE as f64, "{left}");
    }
    kit.clock.advance(step);
    assert_eq!(store.load(&session.id).await.unwrap(), None);
}

#[tokio::test]
async fn rotation_keeps_the_data_under_a_new_id() {
    let kit = TestPlatform::new().await;
    let store = Arc::new(Sessions::new(&kit));
    let id = user(&kit).await;
    let session = Session::new(None, Arc::clone(&store), None);
    session.insert("theme", "dark").await.unwrap();
    session.save().await.unwrap();
    let before = session.id().unwrap();

    session.insert(USER_ID, id.to_string()).await.unwrap();
    session.cycle_id().await.unwrap();
    session.save().await.unwrap();
    let after = session.id().unwrap();
    assert_ne!(before, after);
    assert_eq!(store.load(&before).await.unwrap(), None);
    let kept = store.load(&after).await.unwrap().unwrap();
    assert_eq!(kept.data["theme"], "dark");
    assert_eq!(kept.data[USER_ID], id.to_string());

    session.flush().await.unwrap();
    assert_eq!(store.load(&after).await.unwrap(), None);
}

#[tokio::test]
async fn an_id_that_is_taken_is_replaced() {
    let kit = TestPlatform::new().await;
    let store = Sessions::new(&kit);
    let first = signed_in(&store, user(&kit).await).await;
    let mut second = first.clone();
    store.create(&mut second).await.unwrap();
    assert_ne!(first.id, second.id);
    assert!(store.load(&first.id).await.unwrap().is_some());
}

#[tokio::test]
async fn all_sessions_of_one_user_end_and_no_others() {
    let kit = TestPlatform::new().await;
    let store = Sessions::new(&kit);
    let ada = user(&kit).await;
    let Actor::User { id: bob, .. } = kit
        .member(&kit.project(), "bob@example.com", domain::Role::Viewer)
        .await
    else {
        unreachable!()
    };
    let (hers, his) = (signed_in(&store, ada).await, signed_in(&store, bob).await);
    sessions::end_all(&kit, ada).await.unwrap();
    assert_eq!(store.load(&hers.id).await.unwrap(), None);
    assert!(store.load(&his.id).await.unwrap().is_some());
}
