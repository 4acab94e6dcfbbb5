//! A served table and its artifacts, made by hand.

use std::collections::HashMap;
use std::time::Instant;

use domain::api_keys::RateLimit;
use domain::datasets::ColumnType;
use domain::deployments::{Capacity, CorsOrigins};
use domain::ids::{ApiKeyId, DeploymentId, ModelId, ModelVersionId, ProjectId, RolloutId};
use domain::models::InputField;
use domain::serving::{
    ServingAlias, ServingDeployment, ServingKey, ServingModel, ServingProject, ServingRollout,
    ServingTable, ServingVersion,
};
use domain::{Name, Scope, Timestamp};
use model::{Artifact, Transform};
use serving::dialects::Native;
use serving::predict::Request;
use serving::{Recorder, Snapshot};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn input(name: &str, kind: ColumnType, nullable: bool) -> InputField {
    let example = match kind {
        ColumnType::Integer => serde_json::json!(3),
        ColumnType::Float => serde_json::json!(1.5),
        ColumnType::Boolean => serde_json::json!(true),
        ColumnType::String => serde_json::json!("INLAND"),
    };
    let categories = match kind {
        ColumnType::String => Some(vec!["INLAND".to_owned(), "NEAR BAY".to_owned()]),
        ColumnType::Boolean => Some(vec!["false".to_owned(), "true".to_owned()]),
        _ => None,
    };
    InputField {
        name: name.to_owned(),
        kind,
        nullable,
        categories,
        min: None,
        max: None,
        format: None,
        impute: None,
        unseen: None,
        transform: None,
        example: Some(example),
    }
}

pub(crate) fn numeric(coefficient: f64) -> Transform {
    Transform::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
        coefficient,
    }
}

pub(crate) fn categorical(other: f64) -> Transform {
    Transform::Categorical {
        impute: 0,
        effects: vec![0.0, 1000.0],
        other,
    }
}

/// `intercept + 2 rooms + area + (1000 near the bay)`, and `flag`.
pub(crate) fn artifact(intercept: f64) -> Vec<u8> {
    let inputs = vec![
        (input("rooms", ColumnType::Integer, false), numeric(2.0)),
        (input("area", ColumnType::Float, true), numeric(1.0)),
        (input("place", ColumnType::String, false), categorical(-5.0)),
        (input("flag", ColumnType::Boolean, true), categorical(0.0)),
    ];
    model::encode(&Artifact::linear("price", intercept, inputs)).unwrap()
}

/// Loads and passes its probe, but makes infinity of every `x` above 2.
pub(crate) fn failing_artifact() -> Vec<u8> {
    let mut inputs = vec![
        (input("rooms", ColumnType::Integer, false), numeric(1e308)),
        (input("area", ColumnType::Float, true), numeric(1.0)),
        (input("place", ColumnType::String, false), categorical(-5.0)),
        (input("flag", ColumnType::Boolean, true), categorical(0.0)),
    ];
    inputs[0].0.example = Some(serde_json::json!(1));
    model::encode(&Artifact::linear("price", 0.0, inputs)).unwrap()
}

pub(crate) struct Built {
    pub(crate) table: ServingTable,
    pub(crate) artifacts: HashMap<String, Result<Vec<u8>, String>>,
    pub(crate) recorder: Recorder,
    pub(crate) project: ProjectId,
}

impl Built {
    /// Model `price` with two versions, deployment `price` of the first, alias `champion` on the second, one key.
    pub(crate) fn new(stable: Vec<u8>, canary: Vec<u8>) -> Self {
        let project = ProjectId::at(at(1));
        let model = ModelId::at(at(2));
        let versions = [ModelVersionId::at(at(3)), ModelVersionId::at(at(4))];
        let sha256 = ["a".repeat(64), "b".repeat(64)];
        let version = |index: usize| ServingVersion {
            id: versions[index],
            number: index as i32 + 1,
            sha256: sha256[index].clone(),
            remote_token: None,
        };
        let table = ServingTable {
            fingerprint: "1".to_owned(),
            projects: vec![ServingProject {
                id: project,
                name: name("default"),
            }],
            keys: vec![ServingKey {
                id: ApiKeyId::at(at(5)),
                project,
                name: "test".to_owned(),
                hash: [7; 32],
                scopes: vec![Scope::Predict(None)],
                rate: RateLimit {
                    requests: 3,
                    per_seconds: 60,
                },
                line: ApiKeyId::at(at(5)),
                budget: None,
                expires_at: Some(at(1000)),
            }],
            models: vec![ServingModel {
                id: model,
                project,
                name: name("price"),
                versions: vec![version(0), version(1)],
                aliases: vec![ServingAlias {
                    alias: name("champion"),
                    version: versions[1],
                }],
            }],
            deployments: vec![ServingDeployment {
                id: DeploymentId::at(at(6)),
                project,
                name: name("price"),
                model,
                stable: versions[0],
                rollout: None,
                cors_origins: CorsOrigins::default(),
                capacity: Capacity::default(),
            }],
        };
        let [a, b] = sha256;
        Self {
            table,
            artifacts: HashMap::from([(a, Ok(stable)), (b, Ok(canary))]),
            recorder: Recorder::new(0.0, Vec::new()),
            project,
        }
    }

    pub(crate) fn with_canary(mut self, weight: f64) -> Self {
        let canary = self.table.models[0].versions[1].id;
        self.table.deployments[0].rollout = Some(ServingRollout {
            id: RolloutId::at(at(7)),
            canary,
            weight,
        });
        self
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::default().next(self.table.clone(), &self.artifacts, &self.recorder)
    }
}

pub(crate) fn request(body: &str) -> Request<'_, Native> {
    Request {
        dialect: &Native,
        body: body.as_bytes(),
        request_id: "r1",
        routing_key: b"key",
        forced: None,
        now: at(500),
        arrived: Instant::now(),
    }
}

pub(crate) const ROW: &str = r#"{"inputs":{"rooms":3,"area":1.5,"place":"NEAR BAY","flag":false}}"#;
