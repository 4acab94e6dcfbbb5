//! Models that are trained anew: by hand, at their times, and for new data; what the verdict is, and what becomes of it.

mod due;
mod pages;
mod policy;
mod trouble;

use domain::{Actor, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json as body};
use testkit::{TestPlatform, until};

use crate::harness::{App, Process, ended, json, problem};

const PROJECT: &str = "/api/v1/projects/default";
const RETRAINING: &str = "/models/price/retraining";

/// `y` follows from `x`; `noise` says nothing of it.
fn table(rows: u32, columns: &str) -> String {
    let row = |i: u32| {
        let (x, noise) = (i * 37 % 101, i * 53 % 97);
        let y = 3 * x + i % 7;
        match columns {
            "x,noise,y" => format!("{x},{noise},{y}\n"),
            _ => format!("{noise},{y}\n"),
        }
    };
    std::iter::once(format!("{columns}\n"))
        .chain((0..rows).map(row))
        .collect()
}

/// A dataset `homes`, and a server whose clock stands still. The worker has one of its own.
struct Ground {
    app: App,
    _worker: Process,
    key: String,
}

impl Ground {
    /// With version 1 of the model, of these features, live as `price`.
    async fn new(features: &[&str]) -> Self {
        Self::with(body!({ "features": features })).await
    }

    /// With a version 1 that takes all that later ones take, and is too cautious to say much of it.
    async fn cautious() -> Self {
        Self::with(body!({ "algorithm": "ridge", "params": { "penalty": 1_000_000.0 } })).await
    }

    /// With version 1 of the model, trained with this changed, live as `price`.
    async fn with(first: Value) -> Self {
        let app = App::start_with(TestPlatform::new().await, &[]).await;
        let key = app.key(&[Scope::Admin]).await;
        let ground = Self {
            _worker: app.worker(),
            app,
            key,
        };
        ground.upload(&table(400, "x,noise,y"), "ready").await;
        ground.train(first).await;
        ground.deploy("price").await;
        ground
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.app.request(method, &format!("{PROJECT}{path}"));
        request.bearer_auth(&self.key)
    }

    async fn get(&self, path: &str) -> Value {
        json(self.request(Method::GET, path).send().await.unwrap(), 200).await
    }

    async fn post(&self, path: &str, status: u16) -> Value {
        json(
            self.request(Method::POST, path).send().await.unwrap(),
            status,
        )
        .await
    }

    async fn refused(&self, path: &str, status: u16) -> Value {
        problem(
            self.request(Method::POST, path).send().await.unwrap(),
            status,
        )
        .await
    }

    async fn upload(&self, content: &str, becomes: &str) {
        let request = self.request(Method::POST, "/datasets?name=homes");
        let request = request
            .header("content-type", "text/csv")
            .body(content.to_owned());
        let made = json(request.send().await.unwrap(), 201).await;
        let path = format!("/datasets/homes/versions/{}", made["version"]);
        until("the profile", async || {
            (self.get(&path).await["status"] == becomes).then_some(())
        })
        .await;
    }

    /// A version of `price`, by hand.
    async fn train(&self, changed: Value) -> i64 {
        let request = self.request(Method::POST, "/training-runs");
        let run = json(request.json(&training(changed)).send().await.unwrap(), 202).await;
        let run = self.run_ended(run["id"].as_str().unwrap()).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        run["version"].as_i64().unwrap()
    }

    async fn run_ended(&self, id: &str) -> Value {
        let path = format!("/training-runs/{id}");
        ended(async || self.get(&path).await).await
    }

    async fn deploy(&self, name: &str) {
        let request = self.request(Method::PUT, &format!("/deployments/{name}"));
        let spec = body!({ "model": "price", "version": 1 });
        json(request.json(&spec).send().await.unwrap(), 200).await;
    }

    async fn ask_policy(&self, spec: &Value) -> reqwest::Response {
        let request = self.request(Method::PUT, RETRAINING);
        request.json(spec).send().await.unwrap()
    }

    async fn policy(&self, spec: Value) -> Value {
        json(self.ask_policy(&spec).await, 200).await
    }

    async fn attempts(&self) -> Vec<Value> {
        let page = self.get(&format!("{RETRAINING}/attempts")).await;
        page["items"].as_array().unwrap().clone()
    }

    async fn tick(&self) {
        platform::retraining::tick(&self.app.platform)
            .await
            .unwrap();
    }

    /// The newest attempt, once it has ended.
    async fn ended(&self) -> Value {
        let attempt = until("the verdict", async || {
            self.tick().await;
            let attempt = self.attempts().await.into_iter().next()?;
            (attempt["status"] != "training").then_some(attempt)
        })
        .await;
        // What comes next comes later: attempts are told in the order of their times.
        self.app.platform.clock.advance(1);
        attempt
    }

    /// The newest of more than `before` attempts, once it has ended.
    async fn ended_after(&self, before: usize) -> Value {
        until("an attempt", async || {
            self.tick().await;
            (self.attempts().await.len() > before).then_some(())
        })
        .await;
        self.ended().await
    }

    /// An attempt by hand, from its beginning to its end.
    async fn attempt(&self) -> Value {
        self.post(&format!("{RETRAINING}/run"), 202).await;
        self.ended().await
    }

    async fn ledger(&self, action: &str) -> Vec<String> {
        let page = self.get("/ledger?limit=200").await;
        let rows = page["items"].as_array().unwrap();
        rows.iter()
            .filter(|row| row["action"] == action)
            .map(|row| row["reason"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// What is trained; the model learns from everything.
fn training(changed: Value) -> Value {
    merged(
        body!({ "dataset": "homes", "target": "y", "model": "price", "algorithm": "linear_regression" }),
        changed,
    )
}

fn merged(mut whole: Value, changed: Value) -> Value {
    let Value::Object(changed) = changed else {
        panic!("{changed}")
    };
    whole.as_object_mut().unwrap().extend(changed);
    whole
}

/// By hand, compared with what is live as `price`.
fn policy(changed: Value) -> Value {
    merged(
        body!({ "training": training(body!({})), "deployment": "price", "on_better": "propose" }),
        changed,
    )
}

#[tokio::test]
async fn a_better_version_is_proposed_and_starts_when_somebody_accepts_it() {
    let ground = Ground::new(&["noise"]).await;
    ground.policy(policy(body!({}))).await;
    let begun = ground.post(&format!("{RETRAINING}/run"), 202).await;
    assert_eq!(
        (&begun["status"], &begun["trigger"]),
        (&body!("training"), &body!("manual"))
    );
    let run = begun["training_run"].as_str().unwrap();
    let refused = ground.refused(&format!("{RETRAINING}/run"), 409).await;
    assert_eq!(refused["error_code"], "retraining_active");

    let attempt = ground.ended().await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    assert_eq!(attempt["version"], 2);
    let verdict = &attempt["verdict"];
    assert_eq!(
        (&verdict["kind"], &verdict["live_version"]),
        (&body!("better"), &body!(1))
    );
    let sentence = verdict["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("beats v1: RMSE "), "{sentence}");
    // Both were held out of the same rows of the same version.
    assert!(sentence.ends_with(", on 80 held-out rows"), "{sentence}");
    let compared = &verdict["compared"];
    assert!(
        compared["difference"]["high"].as_f64().unwrap() < 0.0,
        "{compared}"
    );
    let run = ground.get(&format!("/training-runs/{run}")).await;
    assert_eq!(run["retraining"]["attempt"], attempt["id"]);
    let close = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9;
    assert!(
        close(&compared["challenger"], &run["metrics"]["rmse"]),
        "{compared} {run}"
    );
    let live = ground.get("/models/price/versions/1").await;
    assert!(
        close(&compared["live"], &live["metrics"]["rmse"]),
        "{compared}"
    );
    assert!(ground.get("/deployments/price").await["rollout"].is_null());
    assert_eq!(ground.ledger("retraining.proposed").await.len(), 1);

    let path = format!(
        "{RETRAINING}/attempts/{}/accept",
        attempt["id"].as_str().unwrap()
    );
    let (first, second) = tokio::join!(
        async { ground.request(Method::POST, &path).send().await.unwrap() },
        async { ground.request(Method::POST, &path).send().await.unwrap() },
    );
    let (won, lost) = match first.status().as_u16() {
        200 => (first, second),
        _ => (second, first),
    };
    let accepted = json(won, 200).await;
    assert_eq!(accepted["status"], "accepted", "{accepted}");
    let lost = problem(lost, 409).await;
    assert_eq!(lost["error_code"], "proposal_closed");
    let rollout = &ground.get("/deployments/price").await["rollout"];
    assert_eq!(rollout["id"], accepted["rollout"]);
    assert_eq!(
        (&rollout["canary_version"], &rollout["weight"]),
        (&body!(2), &body!(10.0))
    );
    assert_eq!(ground.ledger("retraining.accepted").await.len(), 1);
    assert_eq!(ground.ledger("rollout.started").await.len(), 1);
}

#[tokio::test]
async fn a_proposal_is_dismissed_or_gives_way_to_a_later_one() {
    let ground = Ground::new(&["noise"]).await;
    ground.policy(policy(body!({}))).await;
    let first = ground.attempt().await;
    let second = ground.attempt().await;
    assert_eq!(second["status"], "proposed", "{second}");
    let attempts = ground.attempts().await;
    assert_eq!(attempts[1]["id"], first["id"]);
    assert_eq!(attempts[1]["status"], "superseded");
    assert_eq!(attempts[1]["reason"], "v3 took its place");
    let decide = |attempt: &Value, what: &str| {
        format!(
            "{RETRAINING}/attempts/{}/{what}",
            attempt["id"].as_str().unwrap()
        )
    };
    let closed = ground.refused(&decide(&first, "accept"), 409).await;
    assert_eq!(closed["error_code"], "proposal_closed");
    let dismissed = ground.post(&decide(&second, "dismiss"), 200).await;
    assert_eq!(dismissed["status"], "dismissed");
    assert_eq!(dismissed["verdict"]["kind"], "better");
    assert!(dismissed["decided_by"].is_string());
    ground.refused(&decide(&second, "dismiss"), 409).await;
    assert!(ground.get("/deployments/price").await["rollout"].is_null());

    // What it beat is no longer live: it was not compared with what is.
    let third = ground.attempt().await;
    let rollouts = "/deployments/price/rollouts";
    let spec = body!({ "version": 2, "mode": "canary" });
    let request = ground.request(Method::POST, rollouts).json(&spec);
    let rollout = json(request.send().await.unwrap(), 201).await;
    let active = ground.refused(&decide(&third, "accept"), 409).await;
    assert_eq!(active["error_code"], "rollout_active");
    let promote = format!("{rollouts}/{}/promote", rollout["id"].as_str().unwrap());
    ground.post(&promote, 200).await;
    let stale = ground.refused(&decide(&third, "accept"), 409).await;
    assert_eq!(stale["error_code"], "proposal_stale");
}

#[tokio::test]
async fn a_worse_version_and_one_that_only_favours_itself_are_kept() {
    let ground = Ground::new(&["x", "noise"]).await;
    let worse = training(body!({ "features": ["noise"] }));
    let spec = policy(body!({ "training": worse, "on_better": "start_canary" }));
    ground.policy(spec).await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "kept", "{attempt}");
    assert_eq!(attempt["verdict"]["kind"], "worse");
    let sentence = attempt["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("does worse than v1: RMSE "),
        "{sentence}"
    );
    assert_eq!(
        attempt["reason"],
        "only a version that is better goes further"
    );

    // Of another split the live version may have learned from what is held out now.
    let other = training(body!({ "split": { "seed": 7 } }));
    ground.policy(policy(body!({ "training": other }))).await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "kept", "{attempt}");
    let sentence = attempt["verdict"]["sentence"].as_str().unwrap();
    assert!(
        sentence.ends_with("the live version may have learned from these rows, so this favours it"),
        "{sentence}"
    );
    assert!(ground.get("/deployments/price").await["rollout"].is_null());
}

#[tokio::test]
async fn what_can_not_be_compared_starts_nothing() {
    let ground = Ground::new(&["x"]).await;
    let other = training(body!({ "target": "noise" }));
    let spec = policy(body!({ "training": other, "on_better": "start_canary" }));
    ground.policy(spec).await;
    let attempt = ground.attempt().await;
    assert_eq!(attempt["status"], "kept", "{attempt}");
    assert_eq!(attempt["verdict"]["kind"], "not_comparable");
    assert_eq!(
        attempt["verdict"]["sentence"],
        "not comparable with v1: it predicts \"y\", and the new version \"noise\""
    );
    // Without a deployment nothing is compared at all.
    let spec = body!({ "training": training(body!({})) });
    ground.policy(spec).await;
    let attempt = ground.attempt().await;
    assert_eq!(
        (&attempt["status"], &attempt["version"]),
        (&body!("kept"), &body!(3))
    );
    assert!(attempt["verdict"].is_null(), "{attempt}");
}

/// The server stops once training has begun, and another one finds its end.
#[tokio::test]
async fn a_restart_between_training_and_verdict_loses_nothing() {
    let ground = Ground::new(&["noise"]).await;
    ground.policy(policy(body!({}))).await;
    let begun = ground.post(&format!("{RETRAINING}/run"), 202).await;
    ground.app.stop().await;
    let actor = Actor::System { name: "test" };
    let id = begun["training_run"].as_str().unwrap().parse().unwrap();
    let project = ground.app.platform.project();
    let platform = ground.app.platform.platform();
    until("training", async || {
        let run = platform::training_runs::get(&platform, &actor, &project, id);
        run.await.unwrap().status.is_final().then_some(())
    })
    .await;
    let again = Ground {
        app: ground.app.again(&[]).await,
        ..ground
    };
    let attempt = until("the verdict", async || {
        let attempt = again.attempts().await.into_iter().next()?;
        (attempt["status"] != "training").then_some(attempt)
    })
    .await;
    assert_eq!(attempt["status"], "proposed", "{attempt}");
    assert_eq!(again.attempts().await.len(), 1);
}
