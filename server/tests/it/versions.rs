//! What people do with versions and runs beside serving them: compare them, describe them, make them again.

mod cards;
mod comparisons;
mod reruns;

use domain::{Role, Scope};
use reqwest::{Method, Response};
use serde_json::{Value, json as body};
use testkit::until;

use crate::harness::{App, Process, ended, json};

const PROJECT: &str = "/api/v1/projects/default";
const PASSENGERS: &str = include_str!("../../../crates/trainer/tests/data/titanic.csv");
const FEATURES: [&str; 6] = ["Pclass", "Sex", "Age", "SibSp", "Parch", "Embarked"];

struct Ground {
    app: App,
    _worker: Process,
    key: String,
}

impl Ground {
    /// With the table of the Titanic's passengers.
    async fn new() -> Self {
        let app = App::start().await;
        let worker = app.worker();
        let key = app.key(&[Scope::Admin, Scope::Predict(None)]).await;
        let ground = Self {
            app,
            _worker: worker,
            key,
        };
        ground.upload(PASSENGERS).await;
        ground
    }

    async fn upload(&self, table: &str) {
        let upload = self
            .app
            .post(&format!("{PROJECT}/datasets?name=passengers"))
            .bearer_auth(&self.key)
            .header("content-type", "text/csv")
            .body(table.to_owned());
        json(upload.send().await.unwrap(), 201).await;
        until("the profile", async || {
            let found = self.get("/datasets/passengers").await;
            (found["status"] == "ready").then_some(())
        })
        .await;
    }

    async fn send(&self, method: Method, path: &str, send: Option<&Value>) -> Response {
        let path = format!("{PROJECT}{path}");
        let request = self.app.request(method, &path).bearer_auth(&self.key);
        let request = match send {
            Some(send) => request.json(send),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        json(self.send(Method::GET, path, None).await, 200).await
    }

    async fn ended(&self, run: &Value) -> Value {
        let path = format!("/training-runs/{}", run["id"].as_str().unwrap());
        ended(async || self.get(&path).await).await
    }

    async fn train(&self, spec: &Value) -> Value {
        let run = self.send(Method::POST, "/training-runs", Some(spec)).await;
        let run = self.ended(&json(run, 202).await).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        run
    }

    async fn session(&self, role: Role) -> String {
        let email = format!("{}@example.com", role.as_str());
        self.app.member(&email, role).await
    }

    async fn page(&self, session: &str, path: &str) -> String {
        let page = self.app.get(path).header("cookie", session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        let status = page.status();
        let text = page.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

fn fare(algorithm: &str, seed: u32) -> Value {
    body!({
        "dataset": "passengers", "target": "Fare", "model": "fare", "algorithm": algorithm, "features": FEATURES,
        "split": {"seed": seed},
    })
}

fn survival(algorithm: &str) -> Value {
    body!({
        "dataset": "passengers", "target": "Survived", "model": "survival", "algorithm": algorithm, "features": FEATURES,
    })
}

fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "the page lacks {part}");
    }
}
