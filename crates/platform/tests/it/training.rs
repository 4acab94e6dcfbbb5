//! What tests of datasets and runs begin with.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use domain::datasets::{ColumnProfile, ColumnType, DataFormat, DatasetVersion, Profile};
use domain::models::{Evaluation, OutputField, Signature};
use domain::training_runs::{Algorithm, TrainingSpec};
use domain::{Actor, Name};
use futures::stream;
use platform::training_runs::{Outcome, Trained};
use platform::{Platform, datasets, training_runs};
use serde_json::json;
use store::jobs::TakenJob;

fn column(name: &str, kind: ColumnType) -> ColumnProfile {
    ColumnProfile {
        name: name.to_owned(),
        kind,
        format: None,
        nullable: true,
        missing: 1,
        distinct: 3,
        min: Some(1.0),
        max: Some(1e300),
        mean: Some(0.1),
        std: None,
        histogram: Vec::new(),
        top_values: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Numbers `x` and `y`, and text.
pub(crate) fn profile() -> Profile {
    let row = |x: &str| vec![Some(x.to_owned()), None, Some("a\0".to_owned())];
    Profile {
        rows: 3,
        columns: vec![
            column("x", ColumnType::Integer),
            column("y", ColumnType::Float),
            column("label", ColumnType::String),
        ],
        preview: vec![row("1"), row("2"), row("3")],
    }
}

/// The job that has waited longest.
pub(crate) async fn take(platform: &Platform) -> TakenJob {
    let kinds = [
        datasets::PROFILE_JOB.to_owned(),
        training_runs::TRAIN_JOB.to_owned(),
    ];
    let mut conn = platform.store.read().await.unwrap();
    store::jobs::take(&mut conn, "test", &kinds, Duration::from_secs(30))
        .await
        .unwrap()
        .unwrap()
}

pub(crate) async fn ready_dataset(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &str,
) -> DatasetVersion {
    let name = Name::new(name).unwrap();
    let file = stream::iter([Ok(Bytes::from_static(b"x,y,label\n"))]);
    let made = datasets::upload(platform, actor, project, &name, DataFormat::Csv, None, file)
        .await
        .unwrap();
    let job = take(platform).await;
    datasets::profile_finished(platform, job.fence, made.id, Ok(profile()))
        .await
        .unwrap();
    datasets::get(platform, actor, project, &name)
        .await
        .unwrap()
}

/// Trains `m` on `t` to predict `y`.
pub(crate) fn spec() -> TrainingSpec {
    serde_json::from_value(
        json!({ "dataset": "t", "target": "y", "model": "m", "algorithm": "auto" }),
    )
    .unwrap()
}

/// A success, with an artifact of these bytes.
pub(crate) async fn trained(platform: &Platform, artifact: &'static str) -> Outcome {
    Outcome::Succeeded(Box::new(Trained {
        artifact: platform.blobs.put(artifact).await.unwrap(),
        trainer: "trainer 1".to_owned(),
        algorithm: Algorithm::LinearRegression,
        params: json!({}),
        metrics: BTreeMap::from([("r2".to_owned(), 0.6)]),
        signature: Signature {
            inputs: Vec::new(),
            output: OutputField::regression("y"),
        },
        evaluation: Evaluation::default(),
        comparison: None,
    }))
}
