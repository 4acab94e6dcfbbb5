//! Versions that another engine computes: made, asked through every door, and in trouble.

mod doors;
mod engine;
mod made;
mod trouble;
mod volary;

use domain::Scope;
use platform::Clock;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json as body};
use testkit::TestPlatform;

use crate::harness::{App, json, problem};
use engine::Engine;

const MODELS: &str = "/api/v1/projects/default/models";
const DEPLOYMENTS: &str = "/api/v1/projects/default/deployments";
/// That this machine may be called, without TLS.
const OPEN: [&str; 2] = ["--outbound-allow", "127.0.0.1"];

/// A server that may call engines on this machine, and a key of it.
struct Caller {
    app: App,
    key: String,
}

impl Caller {
    async fn start() -> Self {
        Self::start_with(&OPEN).await
    }

    async fn start_with(options: &[&str]) -> Self {
        let app = App::start_with(TestPlatform::with_clock(Clock::System).await, options).await;
        let scopes = [Scope::Write, Scope::Read, Scope::Predict(None)];
        let key = app.key(&scopes).await;
        Self { app, key }
    }

    fn at(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path).bearer_auth(&self.key)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.at(Method::POST, path)
    }

    async fn get(&self, path: &str) -> Value {
        json(self.at(Method::GET, path).send().await.unwrap(), 200).await
    }

    async fn make(&self, model: &str, new: &Value) -> Response {
        let post = self.post(&format!("{MODELS}/{model}/versions"));
        post.json(new).send().await.unwrap()
    }

    /// Makes the engine's model the next version of `price`.
    async fn connect(&self, engine: &Engine, more: Value) -> Value {
        let mut remote = body!({"protocol": "oip_v2", "url": engine.url(), "model": "m"});
        if let (Value::Object(remote), Value::Object(more)) = (&mut remote, more) {
            remote.extend(more);
        }
        json(self.make("price", &body!({ "remote": remote })).await, 201).await
    }

    async fn deploy(&self, version: i64) {
        self.deploy_as("price", version).await;
    }

    /// Under a name that no other test has: what a process counts, it counts for all of them.
    async fn deploy_as(&self, name: &str, version: i64) {
        let put = self.at(Method::PUT, &format!("{DEPLOYMENTS}/{name}"));
        let put = put.json(&body!({"model": "price", "version": version}));
        json(put.send().await.unwrap(), 200).await;
    }

    fn ask(&self, path: &str) -> RequestBuilder {
        self.post(path).json(&body!({ "inputs": row() }))
    }

    /// A canary of everything, which never ends.
    async fn canary(&self, name: &str, version: i64) -> String {
        let post = self.post(&format!("{DEPLOYMENTS}/{name}/rollouts"));
        let post = post.json(&body!({
            "version": version, "mode": "canary", "steps": [{"weight": 100, "seconds": 3600}],
        }));
        let rollout = json(post.send().await.unwrap(), 201).await;
        rollout["id"].as_str().unwrap().to_owned()
    }
}

fn row() -> Value {
    body!({"rooms": 3, "area": 1.5, "place": "NEAR BAY"})
}

/// What `row` is worth.
const PRICE: f64 = 1007.5;

/// The pointer, the code and the text of a refusal.
async fn refused(answer: Response) -> (String, String, String) {
    let problem = problem(answer, 422).await;
    let error = &problem["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&error["pointer"]),
        text(&error["code"]),
        text(&problem["detail"]),
    )
}
