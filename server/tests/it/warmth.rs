//! Deployments that are let go when nobody asks, and loaded again for the next request. The clock is set, and room is made
//! by hand: the loop that does it by itself finds the same.

use domain::Timestamp;
use domain::deployments::{DeploymentSpec, DeploymentState};
use domain::metrics::{LatencyHistogram, Rollup};
use domain::predictions::Route;
use platform::{deployments, metrics};
use reqwest::Response;
use serde_json::{Value, json};
use server::loops::{make_room, prewarm_deployments};
use testkit::{TestPlatform, until};

use crate::harness::{App, json as body, location, name, problem};
use crate::served::{SYSTEM, Served, header, parcel, signature};

/// What `parcel` says of [`row`].
const ANSWER: f64 = 21.0;

fn row() -> Value {
    json!({"width": 1, "depth": 2})
}

impl Served {
    /// At nine o'clock, with these options.
    pub(crate) async fn at_nine(options: &[&str]) -> Self {
        Self::on(App::start_with(TestPlatform::new().await, options).await).await
    }

    /// Model and deployment of this name, let go after a minute. It is loaded at first. A name that no other test has:
    /// what a process counts, it counts for all of them.
    pub(crate) async fn sleepy(&self, deployment: &str) {
        self.deploy(deployment, &parcel()).await;
        self.warm(deployment, deployment, 0).await;
    }

    async fn warm(&self, deployment: &str, model: &str, min_warm: i32) {
        let spec = DeploymentSpec {
            min_warm: Some(min_warm),
            idle_seconds: Some(60),
            ..DeploymentSpec::new(name(model), 1)
        };
        let (platform, deployment) = (&self.app.platform, name(deployment));
        deployments::put(platform, &SYSTEM, &self.project, &deployment, spec, None)
            .await
            .unwrap();
    }

    /// What a minute without requests does.
    pub(crate) fn sleep(&self) {
        self.pass(61);
    }

    fn pass(&self, seconds: i64) {
        self.app.platform.clock.advance(seconds);
        make_room(&self.app.state);
    }

    async fn predict(&self, deployment: &str) -> Response {
        let path = format!("/predict/{deployment}");
        self.to(&path, row()).send().await.unwrap()
    }

    /// Whether an answer that is right waited for a load.
    async fn waited(&self, deployment: &str) -> bool {
        let answer = self.predict(deployment).await;
        let waited = header(&answer, "server-timing").contains(", load;dur=");
        assert_eq!(body(answer, 200).await["predictions"], json!([ANSWER]));
        waited
    }

    fn is_loaded(&self, deployment: &str) -> bool {
        let snapshot = self.app.state.serving.snapshot_owned();
        let project = snapshot.project("default").unwrap();
        let deployment = snapshot.deployment(project, deployment).unwrap();
        deployment.stable.version.is_loaded()
    }

    async fn deployment(&self, deployment: &str) -> domain::deployments::Deployment {
        let (platform, deployment) = (&self.app.state.platform, name(deployment));
        deployments::get(platform, &SYSTEM, &self.project, &deployment)
            .await
            .unwrap()
    }

    /// What `/metrics` has of this name and this deployment.
    async fn counted(&self, metric: &str, deployment: &str) -> Option<String> {
        let text = self.app.metrics().await;
        let labels = format!(r#"{metric}{{project="default",deployment="{deployment}"}} "#);
        let found = text.lines().find_map(|line| line.strip_prefix(&labels));
        found.map(str::to_owned)
    }
}

#[tokio::test]
async fn it_is_let_go_when_nobody_asks_and_loaded_for_who_does() {
    let served = Served::at_nine(&[]).await;
    served.sleepy("sleepy").await;
    assert!(
        !served.waited("sleepy").await,
        "it was loaded to begin with"
    );
    served.pass(60);
    assert!(served.is_loaded("sleepy"), "a minute is not over");
    served.pass(1);
    assert!(!served.is_loaded("sleepy"));
    let cold = served.deployment("sleepy").await;
    assert_eq!(cold.state, DeploymentState::Cold, "{}", cold.reason);
    assert_eq!(cold.last_cold_start_seconds, None);

    assert!(served.waited("sleepy").await);
    assert!(!served.waited("sleepy").await);
    let ready = served.deployment("sleepy").await;
    assert_eq!(ready.state, DeploymentState::Ready, "{}", ready.reason);
    assert!(ready.last_cold_start_seconds.unwrap() > 0.0);
    let counted = served.counted("volary_cold_starts_total", "sleepy").await;
    assert_eq!(counted.as_deref(), Some("1"));
    let measured = served.counted("volary_cold_start_seconds_count", "sleepy");
    assert_eq!(measured.await.as_deref(), Some("1"));
    // Others are kept.
    assert!(served.is_loaded("price"));
}

#[tokio::test]
async fn who_asks_meanwhile_shares_the_load() {
    let served = Served::at_nine(&[]).await;
    served.sleepy("shared").await;
    served.sleep();
    let asked = (0..16).map(|_| served.waited("shared"));
    futures::future::join_all(asked).await;
    let counted = served.counted("volary_cold_starts_total", "shared").await;
    assert_eq!(counted.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_version_that_another_deployment_keeps_stays() {
    let served = Served::at_nine(&[]).await;
    served.sleepy("thrifty").await;
    served.warm("eager", "thrifty", 1).await;
    served.sleep();
    assert!(served.is_loaded("thrifty") && !served.waited("thrifty").await);
    served.warm("eager", "thrifty", 0).await;
    assert!(served.is_loaded("thrifty"), "its minute begins now");
    served.sleep();
    assert!(!served.is_loaded("thrifty"));
    // It is loaded as soon as it is to be kept.
    served.warm("eager", "thrifty", 1).await;
    assert!(served.is_loaded("thrifty"));
}

#[tokio::test]
async fn without_room_the_last_one_stays_and_all_are_answered() {
    let served = Served::at_nine(&["--model-cache-mb", "0"]).await;
    served.sleepy("one").await;
    served.sleepy("another").await;
    served.sleep();
    for _ in 0..2 {
        for (asked, other) in [("one", "another"), ("another", "one")] {
            served.pass(1);
            assert!(served.waited(asked).await);
            assert!(served.is_loaded(asked) && !served.is_loaded(other));
        }
    }
}

#[tokio::test]
async fn what_can_not_be_loaded_is_told_when_somebody_asks() {
    let served = Served::at_nine(&[]).await;
    let doubtful = name("doubtful");
    let (platform, bytes) = (&served.app.platform, b"not an artifact");
    platform
        .version(&served.project, &doubtful, bytes, &signature())
        .await;
    served.warm("doubtful", "doubtful", 0).await;
    assert_eq!(
        served.deployment("doubtful").await.state,
        DeploymentState::Cold
    );
    let refused = served
        .to("/predict/doubtful", json!({"rooms": 3}))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&refused, "retry-after"), "5");
    let refused = problem(refused, 503).await;
    assert_eq!(refused["error_code"], "unavailable");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("doubtful is not ready"), "{message}");
    let state = served.deployment("doubtful").await.state;
    assert_eq!(state, DeploymentState::Degraded);
}

#[tokio::test]
async fn every_door_loads_what_it_asks() {
    let served = Served::at_nine(&[]).await;
    served.sleepy("doors").await;
    for path in [
        "/v2/models/doors",
        "/v2/models/doors/ready",
        "/predict/doors/openapi.json",
    ] {
        served.sleep();
        let request = served.app.get(path).bearer_auth(&served.key);
        body(request.send().await.unwrap(), 200).await;
        assert!(served.is_loaded("doors"), "{path}");
    }
    let tensor = |name: &str, value: f64| json!({"name": name, "shape": [1], "datatype": "FP64", "data": [value]});
    let tensors = json!({"inputs": [tensor("width", 1.0), tensor("depth", 2.0)]});
    let records = json!({"dataframe_records": [row()]});
    for (path, sent) in [
        ("/v2/models/doors/infer", tensors),
        ("/deployments/doors/invocations", records),
        // By the router, which has names that are written in another way.
        ("/predict/door%73", json!({"inputs": row()})),
    ] {
        served.sleep();
        let request = served.app.post(path).bearer_auth(&served.key).json(&sent);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let timing = header(&answer, "server-timing");
        assert!(timing.contains(", load;dur="), "{path}: {timing}");
    }
    served.sleep();
    let bad = served.to("/predict/doors/async", json!({"width": 1}));
    problem(bad.send().await.unwrap(), 422).await;
    let later = served
        .to("/predict/doors/async", row())
        .send()
        .await
        .unwrap();
    let path = location(&later).to_owned();
    let result = until("the answer", async || {
        let request = served.app.get(&path).bearer_auth(&served.key);
        let found = body(request.send().await.unwrap(), 200).await;
        found.get("result").cloned()
    })
    .await;
    assert_eq!(result["predictions"], json!([ANSWER]));
}

#[tokio::test]
async fn a_canary_is_loaded_in_the_same_way() {
    let served = Served::at_nine(&[]).await;
    served.warm("price", "price", 0).await;
    served.canary(2, 50.0).await;
    served.sleep();
    let mut routes = [false, false];
    for caller in 0..40 {
        let asked = served.ask().header("x-route-key", caller.to_string());
        let answer = body(asked.send().await.unwrap(), 200).await;
        let is_canary = answer["route"] == "canary";
        let expected = if is_canary { 23.0 } else { 13.0 };
        assert_eq!(answer["predictions"], json!([expected]));
        routes[usize::from(is_canary)] = true;
    }
    assert_eq!(routes, [true, true]);
}

/// Requests in the minute of a moment.
async fn busy(served: &Served, deployment: &str, moment: &str) {
    let moment: Timestamp = moment.parse().unwrap();
    let rollup = Rollup {
        deployment: served.deployment(deployment).await.id,
        version: 1,
        route: Route::Stable,
        minute: moment.unix_seconds(),
        requests: 3,
        errors: 0,
        latency: LatencyHistogram::default(),
    };
    metrics::add(&served.app.platform, &[rollup], &[], Vec::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn it_is_loaded_ahead_of_the_hour_that_mostly_has_requests() {
    const DAY: i64 = 86_400;
    let served = Served::at_nine(&[]).await;
    let state = &served.app.state;
    for deployment in ["habitual", "erratic"] {
        served.sleepy(deployment).await;
    }
    // Of the three weeks that both have been there.
    busy(&served, "habitual", "2026-01-22T10:15:00Z").await;
    busy(&served, "habitual", "2026-01-29T10:59:00Z").await;
    busy(&served, "erratic", "2026-01-22T10:00:00Z").await;
    busy(&served, "erratic", "2026-01-29T11:00:00Z").await;

    // 09:54 on 2026-02-05.
    served.pass(21 * DAY + 54 * 60);
    prewarm_deployments(state).await.unwrap();
    assert!(!served.is_loaded("habitual"), "it is too early");
    served.pass(60);
    prewarm_deployments(state).await.unwrap();
    assert!(served.is_loaded("habitual") && !served.is_loaded("erratic"));
    let counted = served.counted("volary_prewarms_total", "habitual").await;
    assert_eq!(counted.as_deref(), Some("1"));
    let cold = served.counted("volary_cold_starts_total", "habitual");
    assert_eq!(cold.await, None, "nobody waited");
    // Until the hour has begun, and its minute is over.
    served.pass(5 * 60 + 60);
    assert!(served.is_loaded("habitual"));
    served.pass(1);
    assert!(!served.is_loaded("habitual"));
}
