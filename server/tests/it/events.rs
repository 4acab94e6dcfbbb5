use std::time::Duration;

use domain::Scope;
use reqwest::{RequestBuilder, Response};
use testkit::until;

use crate::harness::{ADMIN, App, json, problem};

const TOPICS: &str = "/api/v1/projects/default/events?topics=datasets";

/// A stream, read event by event.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert!(!answer.headers().contains_key("content-encoding"));
        Self {
            answer,
            text: String::new(),
        }
    }

    /// `(event, id, data)`; `None` when the stream has ended.
    async fn next(&mut self) -> Option<(String, i64, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim().to_owned())
                };
                if let (Some(kind), Some(id), Some(data)) =
                    (field("event:"), field("id:"), field("data:"))
                {
                    return Some((kind, id.parse().unwrap(), data));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk())
                .await
                .expect("the stream stays silent");
            self.text
                .push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

async fn upload(app: &App, key: &str, name: &str) {
    let path = format!("/api/v1/projects/default/datasets?name={name}");
    json(
        app.post(&path)
            .bearer_auth(key)
            .header("content-type", "text/csv")
            .body("a,b\n1,2\n")
            .send()
            .await
            .unwrap(),
        201,
    )
    .await;
}

#[tokio::test]
async fn changes_arrive_and_what_was_missed_is_replayed() {
    let app = App::start().await;
    let key = app.key(&[Scope::Write]).await;
    let mut stream = Stream::open(app.get(TOPICS).bearer_auth(&key)).await;
    upload(&app, &key, "first").await;
    let (kind, first, data) = stream.next().await.unwrap();
    assert_eq!(kind, "changed");
    let event: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        (event["id"].as_i64(), event["topic"].as_str()),
        (Some(first), Some("datasets"))
    );

    drop(stream);
    upload(&app, &key, "second").await;
    let mut again = Stream::open(
        app.get(TOPICS)
            .bearer_auth(&key)
            .header("last-event-id", first),
    )
    .await;
    let (_, second, _) = again.next().await.unwrap();
    assert!(second > first);
}

#[tokio::test]
async fn after_too_long_a_gap_everything_is_to_be_read_anew() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read]).await;
    let project = platform::projects::list(&app.platform, &domain::Actor::System { name: "test" })
        .await
        .unwrap()[0]
        .id;
    let mut tx = app.platform.store.begin().await.unwrap();
    for _ in 0..1001 {
        let now = app.platform.clock.now();
        store::events::insert(
            &mut tx,
            now,
            project,
            &domain::events::Topic::Datasets,
            "changed",
            &serde_json::json!({}),
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let mut stream = Stream::open(
        app.get(TOPICS)
            .bearer_auth(&key)
            .header("last-event-id", "0"),
    )
    .await;
    let (kind, id, _) = stream.next().await.unwrap();
    assert_eq!(kind, "reset");
    assert!(id >= 1001);
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_caller_may_not_listen_any_more() {
    let app = App::start().await;
    let (created, _) = app
        .platform
        .key(&app.platform.project(), &[Scope::Read])
        .await;
    let by_key = Stream::open(app.get(TOPICS).bearer_auth(&created.key)).await;
    let session = app.sign_in(ADMIN).await;
    let by_session = Stream::open(app.get(TOPICS).header("cookie", &session)).await;

    let started = tokio::time::Instant::now();
    let system = domain::Actor::System { name: "test" };
    platform::api_keys::revoke(
        &app.platform,
        &system,
        &app.platform.project(),
        created.api_key.id,
    )
    .await
    .unwrap();
    app.form("/auth/sign-out", &[])
        .header("cookie", &session)
        .send()
        .await
        .unwrap();
    for mut stream in [by_key, by_session] {
        while stream.next().await.is_some() {}
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn only_known_topics_of_ones_own_projects_can_be_listened_to() {
    let app = App::start().await;
    let key = app.key(&[Scope::Read]).await;
    let get = |path: &str| app.get(path).bearer_auth(&key).send();
    problem(
        get("/api/v1/projects/default/events?topics=secrets")
            .await
            .unwrap(),
        422,
    )
    .await;
    problem(get("/api/v1/projects/default/events").await.unwrap(), 422).await;
    problem(
        get("/api/v1/projects/other/events?topics=datasets")
            .await
            .unwrap(),
        404,
    )
    .await;
    problem(app.get(TOPICS).send().await.unwrap(), 401).await;
}

#[tokio::test]
async fn a_stream_outlives_a_restart_of_the_database() {
    let app = App::start().await;
    let key = app.key(&[Scope::Write]).await;
    let mut stream = Stream::open(app.get(TOPICS).bearer_auth(&key)).await;
    app.platform.database.set_reachable(false).await;
    app.platform.database.set_reachable(true).await;
    until("the database to be back", async || {
        (app.get("/readyz").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    upload(&app, &key, "after").await;
    assert_eq!(stream.next().await.unwrap().0, "changed");
}
