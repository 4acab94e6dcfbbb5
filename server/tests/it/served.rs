//! A server with models that were made by hand, and a client of its predictions.

use domain::datasets::ColumnType;
use domain::deployments::DeploymentSpec;
use domain::ids::RolloutId;
use domain::models::{InputField, Signature};
use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutSpec, Step};
use domain::{Actor, Name, Scope};
use model::{Artifact, Transform};
use platform::{deployments, rollouts};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{App, name};

pub(crate) const SYSTEM: Actor = Actor::System { name: "test" };

/// What the model takes, and what deployment `price` serves.
pub(crate) struct Served {
    pub(crate) app: App,
    pub(crate) project: Name,
    pub(crate) price: Name,
    /// May predict everything.
    pub(crate) key: String,
}

impl Served {
    /// Model `price`: version 1 says `rooms + 10`, version 2 `rooms + 20`, version 3 fails on more than one room.
    /// Deployment `price` serves version 1.
    pub(crate) async fn start() -> Self {
        Self::on(App::start().await).await
    }

    pub(crate) async fn on(app: App) -> Self {
        let project = app.platform.project();
        let price = name("price");
        for artifact in [
            artifact(10.0, 1.0),
            artifact(20.0, 1.0),
            artifact(0.0, 1e308),
        ] {
            let bytes = model::encode(&artifact).unwrap();
            app.platform
                .version(&project, &price, &bytes, &artifact.signature)
                .await;
        }
        let spec = DeploymentSpec {
            model: price.clone(),
            version: 1,
        };
        deployments::put(&app.platform, &SYSTEM, &project, &price, spec, None)
            .await
            .unwrap();
        let key = app.key(&[Scope::Predict(None)]).await;
        Self {
            app,
            project,
            price,
            key,
        }
    }

    /// A canary of this version at this weight.
    pub(crate) async fn canary(&self, version: i32, weight: f64) -> RolloutId {
        let spec = RolloutSpec {
            version,
            mode: RolloutMode::Canary,
            steps: Some(vec![Step { weight, seconds: 0 }]),
            policy: RolloutPolicy::default(),
        };
        rollouts::start(
            &self.app.platform,
            &SYSTEM,
            &self.project,
            &self.price,
            spec,
        )
        .await
        .unwrap()
        .id
    }

    /// A row of three rooms, to be sent.
    pub(crate) fn ask(&self) -> RequestBuilder {
        self.row(json!({"rooms": 3}))
    }

    pub(crate) fn row(&self, inputs: Value) -> RequestBuilder {
        self.to("/predict/price", inputs)
    }

    pub(crate) fn to(&self, path: &str, inputs: Value) -> RequestBuilder {
        self.app
            .post(path)
            .bearer_auth(&self.key)
            .json(&json!({"inputs": inputs}))
    }

    /// Text as it is.
    pub(crate) fn raw(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.app
            .post("/predict/price")
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
            .body(body)
    }
}

pub(crate) async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .to_str()
        .unwrap()
}

fn artifact(intercept: f64, coefficient: f64) -> Artifact {
    let rooms = InputField {
        name: "rooms".to_owned(),
        kind: ColumnType::Float,
        nullable: false,
        categories: None,
        min: Some(0.0),
        max: Some(10.0),
        impute: None,
        example: Some(json!(1.0)),
    };
    let transform = Transform::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
        coefficient,
    };
    Artifact::linear("price", intercept, vec![(rooms, transform)])
}

/// The signature of all three.
pub(crate) fn signature() -> Signature {
    artifact(0.0, 0.0).signature
}
