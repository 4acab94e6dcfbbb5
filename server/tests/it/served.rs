//! A server with models that were made by hand, and a client of its predictions.

use std::iter::repeat_n;

use domain::datasets::ColumnType;
use domain::deployments::DeploymentSpec;
use domain::ids::RolloutId;
use domain::models::{InputField, Signature};
use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutSpec, Step};
use domain::{Actor, Name, Scope};
use model::{Artifact, Node, Split, Test, Transform, Tree, Trees};
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

    /// As [`Self::start`], with versions made of trees: they say the same, up to 32 rooms.
    pub(crate) async fn start_grown() -> Self {
        Self::with(App::start().await, grown).await
    }

    pub(crate) async fn on(app: App) -> Self {
        Self::with(app, artifact).await
    }

    async fn with(app: App, artifact: impl Fn(f64, f64) -> Artifact) -> Self {
        let project = app.platform.project();
        let price = name("price");
        for (intercept, coefficient) in [(10.0, 1.0), (20.0, 1.0), (0.0, 1e308)] {
            let artifact = artifact(intercept, coefficient);
            let bytes = model::encode(&artifact).unwrap();
            app.platform
                .version(&project, &price, &bytes, &artifact.signature)
                .await;
        }
        let key = app.key(&[Scope::Predict(None)]).await;
        let served = Self {
            app,
            project,
            price,
            key,
        };
        served.put("price", "price", 1).await;
        served
    }

    /// A model of this name with this as its one version, behind a deployment of the same name.
    pub(crate) async fn deploy(&self, model: &str, artifact: &Artifact) {
        let model = name(model);
        let bytes = model::encode(artifact).unwrap();
        let platform = &self.app.platform;
        platform
            .version(&self.project, &model, &bytes, &artifact.signature)
            .await;
        self.put(model.as_str(), model.as_str(), 1).await;
    }

    /// A deployment of this version.
    pub(crate) async fn put(&self, deployment: &str, model: &str, version: i32) {
        let spec = DeploymentSpec::new(name(model), version);
        let (platform, deployment) = (&self.app.platform, name(deployment));
        deployments::put(platform, &SYSTEM, &self.project, &deployment, spec, None)
            .await
            .unwrap();
    }

    /// Model and deployment `house`: `10 + 2 rooms + area`, 1000 more near the bay (-5 in a place it does not know) and
    /// 1000 more with the flag. What is missing adds nothing.
    pub(crate) async fn house(&self) -> Name {
        self.deploy("house", &house_artifact()).await;
        name("house")
    }

    /// Model and deployment `broken`, whose artifact can not be read.
    pub(crate) async fn broken(&self) -> Name {
        let broken = name("broken");
        let platform = &self.app.platform;
        platform
            .version(&self.project, &broken, b"not an artifact", &signature())
            .await;
        self.put("broken", "broken", 1).await;
        broken
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

fn rooms() -> InputField {
    InputField {
        min: Some(0.0),
        max: Some(10.0),
        ..input("rooms", ColumnType::Float, json!(1.0))
    }
}

fn artifact(intercept: f64, coefficient: f64) -> Artifact {
    Artifact::linear("price", intercept, vec![(rooms(), numeric(coefficient))])
}

/// A tree for each room that there may be: it adds `step` from that room on. And as many that add nothing as it takes until rows
/// are worth computing together.
fn grown(base: f64, step: f64) -> Artifact {
    let trees = (1..=32).map(|room| Tree {
        nodes: vec![
            Node::Split(Split {
                input: 0,
                test: Test::Below(f64::from(room)),
                missing_left: true,
                right: 2,
            }),
            Node::Leaf(0.0),
            Node::Leaf(step),
        ],
    });
    let nothing = Tree {
        nodes: vec![Node::Leaf(0.0)],
    };
    let trees = Trees {
        base,
        trees: trees.chain(repeat_n(nothing, 1000)).collect(),
    };
    Artifact::trees("price", vec![rooms()], trees)
}

fn house_artifact() -> Artifact {
    let categorical = |other| Transform::Categorical {
        impute: 0,
        effects: vec![0.0, 1000.0],
        other,
    };
    let categories = |names: [&str; 2]| Some(names.map(str::to_owned).to_vec());
    let area = InputField {
        nullable: true,
        min: Some(10.0),
        max: Some(400.0),
        impute: Some("median 0".to_owned()),
        ..input("area", ColumnType::Float, json!(1.5))
    };
    let place = InputField {
        categories: categories(["INLAND", "NEAR BAY"]),
        ..input("place", ColumnType::String, json!("INLAND"))
    };
    let flag = InputField {
        nullable: true,
        categories: categories(["false", "true"]),
        ..input("flag", ColumnType::Boolean, json!(true))
    };
    let inputs = vec![
        (input("rooms", ColumnType::Integer, json!(3)), numeric(2.0)),
        (area, numeric(1.0)),
        (place, categorical(-5.0)),
        (flag, categorical(0.0)),
    ];
    Artifact::linear("price", 10.0, inputs)
}

/// `2 rooms + area + (1000 near the bay, -5 elsewhere) + (7 with a flag)`; `area` and `flag` may be missing.
pub(crate) fn house() -> Artifact {
    let categories = |categories: [&str; 2]| Some(categories.map(str::to_owned).to_vec());
    let categorical = |effects: [f64; 2], other: f64| Transform::Categorical {
        impute: 0,
        effects: effects.to_vec(),
        other,
    };
    let rooms = input("rooms", ColumnType::Integer, json!(3));
    let area = InputField {
        nullable: true,
        ..input("area", ColumnType::Float, json!(1.5))
    };
    let place = InputField {
        categories: categories(["INLAND", "NEAR BAY"]),
        ..input("place", ColumnType::String, json!("INLAND"))
    };
    let flag = InputField {
        nullable: true,
        categories: categories(["false", "true"]),
        ..input("flag", ColumnType::Boolean, json!(true))
    };
    let inputs = vec![
        (rooms, numeric(2.0)),
        (area, numeric(1.0)),
        (place, categorical([0.0, 1000.0], -5.0)),
        (flag, categorical([0.0, 7.0], 0.0)),
    ];
    Artifact::linear("price", 0.0, inputs)
}

/// `width + 10 depth + 100 height`; `height` may be missing.
pub(crate) fn parcel() -> Artifact {
    let height = InputField {
        nullable: true,
        ..input("height", ColumnType::Float, json!(1.0))
    };
    let inputs = vec![
        (input("width", ColumnType::Float, json!(1.0)), numeric(1.0)),
        (input("depth", ColumnType::Integer, json!(1)), numeric(10.0)),
        (height, numeric(100.0)),
    ];
    Artifact::linear("weight", 0.0, inputs)
}

fn input(name: &str, kind: ColumnType, example: Value) -> InputField {
    InputField {
        name: name.to_owned(),
        kind,
        nullable: false,
        categories: None,
        min: None,
        max: None,
        format: None,
        impute: None,
        unseen: None,
        transform: None,
        example: Some(example),
    }
}

fn numeric(coefficient: f64) -> Transform {
    Transform::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
        coefficient,
    }
}

/// The signature of all three.
pub(crate) fn signature() -> Signature {
    artifact(0.0, 0.0).signature
}
