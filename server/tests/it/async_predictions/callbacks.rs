use domain::{Scope, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::until;

use super::receiver::{Message, Receiver};
use super::{accepted, rooms, served};
use crate::harness::{json as body, problem};
use crate::served::Served;

const SECRET: &str = "/api/v1/projects/default/webhook-secret";

/// A server that may call this machine.
async fn allowing() -> Served {
    served(&["--outbound-allow", "127.0.0.1"]).await
}

impl Served {
    /// Where a prediction is that `url` is told of.
    async fn telling(&self, url: &str) -> String {
        let sent = json!({"inputs": {"rooms": 3}, "callback_url": url});
        accepted(self.later(&sent)).await
    }

    /// The callback of a prediction, once `is_there` says so.
    async fn callback(&self, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        until("the callback", async || {
            let callback = self.look(path).await["callback"].clone();
            is_there(&callback).then_some(callback)
        })
        .await
    }
}

async fn received(receiver: &Receiver, many: usize) -> Vec<Message> {
    until("the messages", async || {
        let seen = receiver.seen();
        (seen.len() >= many).then_some(seen)
    })
    .await
}

#[tokio::test]
async fn a_callback_tells_the_result_and_is_signed() {
    let served = allowing().await;
    let receiver = Receiver::start([]).await;
    let path = served.telling(&receiver.url()).await;
    let message = received(&receiver, 1).await.remove(0);
    let admin = served.app.key(&[Scope::Admin]).await;
    let secret = served.app.get(SECRET).bearer_auth(&admin);
    let secret = body(secret.send().await.unwrap(), 200).await;
    assert!(message.is_signed_with(secret["secret"].as_str().unwrap()));
    assert!(secret.get("previous").is_none());

    assert_eq!(message.path, "/hook?x=1");
    assert_eq!(message.header("content-type"), "application/json");
    assert_eq!(message.header("host"), receiver.address.to_string());
    assert!(message.header("webhook-id").starts_with("msg_"));
    let at: i64 = message.header("webhook-timestamp").parse().unwrap();
    let now = served.app.platform.clock.now().unix_seconds();
    assert!((now - 60..=now).contains(&at), "{at}");
    for ours in ["authorization", "x-api-key", "cookie", "x-request-id"] {
        assert!(!message.headers.contains_key(ours), "{ours}");
    }
    let event = message.event();
    assert_eq!(event["type"], "prediction.succeeded");
    let callback = served
        .callback(&path, |callback| callback["status"] == "delivered")
        .await;
    assert_eq!(
        (&callback["attempts"], &callback["url_host"]),
        (&json!(1), &json!("127.0.0.1"))
    );
    let mut shown = served.look(&path).await;
    shown.as_object_mut().unwrap().remove("callback");
    assert_eq!(event["data"], shown);
    assert_eq!(event["timestamp"], shown["finished_at"]);
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_message_again() {
    let served = allowing().await;
    let receiver = Receiver::start([
        (500, None),
        (302, Some(("location", "/elsewhere".to_owned()))),
    ])
    .await;
    let path = served.telling(&receiver.url()).await;
    let failed = served
        .callback(&path, |callback| callback["last_error"].is_string())
        .await;
    assert_eq!(failed["status"], "pending");
    let reason = failed["last_error"].as_str().unwrap();
    assert!(reason.starts_with("the receiver answered "), "{reason}");
    let delivered = until("the delivery", async || {
        served.app.platform.database.end_pauses().await;
        let callback = served.look(&path).await["callback"].clone();
        (callback["status"] == "delivered").then_some(callback)
    })
    .await;
    assert_eq!(delivered["attempts"], 3);
    assert!(delivered.get("last_error").is_none());
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    for message in &seen {
        // A redirect is not followed.
        assert_eq!(message.path, "/hook?x=1");
        assert_eq!(message.header("webhook-id"), seen[0].header("webhook-id"));
        assert_eq!(message.body, seen[0].body);
    }
}

#[tokio::test]
async fn a_receiver_says_when_to_come_back_or_that_it_wants_no_more() {
    let served = allowing().await;
    let busy = Receiver::start([(503, Some(("retry-after", "3600".to_owned())))]).await;
    let gone = Receiver::start([(410, None)]).await;
    let (waiting, ended) = (
        served.telling(&busy.url()).await,
        served.telling(&gone.url()).await,
    );
    let callback = served
        .callback(&waiting, |callback| callback["last_error"].is_string())
        .await;
    let next: Timestamp = callback["next_attempt_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let wait = next.seconds_since(served.app.platform.clock.now());
    assert!((3500.0..=3700.0).contains(&wait), "{wait}");
    let callback = served
        .callback(&ended, |callback| callback["status"] == "failed")
        .await;
    assert_eq!(callback["attempts"], 1);
    assert_eq!(gone.seen().len(), 1);
}

#[tokio::test]
async fn a_callback_comes_however_the_prediction_ends() {
    let served = allowing().await;
    let receiver = Receiver::start([]).await;
    served.put("fails", "price", 3).await;
    let sent = json!({"inputs": {"rooms": 3}, "callback_url": receiver.url()});
    let fails = served
        .app
        .post("/predict/fails/async")
        .bearer_auth(&served.key)
        .json(&sent);
    accepted(fails).await;
    received(&receiver, 1).await;
    served.hold(true).await;
    let waits = served.telling(&receiver.url()).await;
    assert_eq!(served.look(&waits).await["callback"]["status"], "waiting");
    body(served.cancel(&waits).await, 200).await;
    let events: Vec<_> = received(&receiver, 2)
        .await
        .iter()
        .map(|message| message.event()["type"].clone())
        .collect();
    assert_eq!(events, ["prediction.failed", "prediction.cancelled"]);
}

#[tokio::test]
async fn what_a_lost_server_was_sending_is_sent_again() {
    let served = allowing().await;
    let receiver = Receiver::start([]).await;
    served.hold(true).await;
    let path = served.telling(&receiver.url()).await;
    served.app.stop().await;

    let platform = &served.app.platform;
    served.hold(false).await;
    let (_, actor) = platform.key(&served.project, &[Scope::Predict(None)]).await;
    let request_id = path.rsplit('/').next().unwrap();
    platform::async_predictions::cancel(platform, &actor, request_id)
        .await
        .unwrap();
    let held = platform::callbacks::take(platform, 10).await.unwrap();
    assert_eq!((held.len(), held[0].fence.attempt), (1, 1));
    platform.database.expire_leases().await;
    let again = served.app.again(&["--outbound-allow", "127.0.0.1"]).await;
    let message = received(&receiver, 1).await.remove(0);
    assert_eq!(message.header("webhook-id"), held[0].id);
    until("the delivery", async || {
        let look = again.request(Method::GET, &path).bearer_auth(&served.key);
        let found = body(look.send().await.unwrap(), 200).await;
        (found["callback"]["status"] == "delivered").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_its_successor() {
    let served = allowing().await;
    let admin = served.app.key(&[Scope::Admin]).await;
    let get = || served.app.get(SECRET).bearer_auth(&admin);
    let rotate = |seconds: u32| {
        let request = served.app.post(&format!("{SECRET}/rotate"));
        request
            .bearer_auth(&admin)
            .json(&json!({"overlap_seconds": seconds}))
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let old = text(&body(get().send().await.unwrap(), 200).await["secret"]);
    assert_eq!(
        text(&body(get().send().await.unwrap(), 200).await["secret"]),
        old
    );
    let rotated = body(rotate(3600).send().await.unwrap(), 201).await;
    let new = text(&rotated["secret"]);
    assert_ne!(new, old);
    assert_eq!(rotated["previous"]["secret"], old.as_str());

    let receiver = Receiver::start([]).await;
    served.telling(&receiver.url()).await;
    let message = received(&receiver, 1).await.remove(0);
    assert!(message.is_signed_with(&old) && message.is_signed_with(&new));
    let newest = body(rotate(0).send().await.unwrap(), 201).await;
    assert!(newest.get("previous").is_none());
    served.telling(&receiver.url()).await;
    let message = received(&receiver, 2).await.remove(1);
    assert!(message.is_signed_with(newest["secret"].as_str().unwrap()));
    assert!(!message.is_signed_with(&old) && !message.is_signed_with(&new));
    problem(rotate(30 * 86_400 + 1).send().await.unwrap(), 422).await;
}

#[tokio::test]
async fn nobody_inside_is_called() {
    let served = served(&[]).await;
    let receiver = Receiver::start([]).await;
    let port = receiver.address.port();
    for inside in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://user:secret@example.com/".to_owned(),
        "ftp://example.com/".to_owned(),
    ] {
        let sent = json!({"inputs": {"rooms": 3}, "callback_url": inside});
        let refused = problem(served.later(&sent).send().await.unwrap(), 422).await;
        assert_eq!(refused["errors"][0]["pointer"], "/callback_url", "{inside}");
    }
    // A name is judged by where it leads when it is called.
    let path = served.telling(&format!("https://localhost:{port}/")).await;
    let callback = served
        .callback(&path, |callback| callback["last_error"].is_string())
        .await;
    assert_eq!(
        callback["last_error"],
        "the host has no address that may be called"
    );
    assert_eq!(callback["status"], "pending");
    assert!(receiver.seen().is_empty());
    // The prediction itself has nothing to do with it.
    assert_eq!(served.ended(&path).await["status"], "succeeded");
    let plain = accepted(served.later(&rooms(3.0))).await;
    served.ended(&plain).await;
}
