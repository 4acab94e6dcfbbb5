use std::collections::BTreeMap;

use domain::Name;
use domain::ids::{ModelId, ModelVersionId};
use domain::models::{OutputField, Signature};
use serde_json::json;
use store::models::NewVersion;

use crate::TestPlatform;

/// # Panics
/// When the platform refuses what a test begins with: then that is what failed.
impl TestPlatform {
    /// The next version of a model, without a run that made it. The artifact is stored as it is; it need not be one.
    pub async fn version(
        &self,
        project: &Name,
        model: &Name,
        artifact: &[u8],
        signature: &Signature,
    ) -> i32 {
        let now = self.clock.now();
        let blob = self
            .blobs
            .put(artifact.to_vec())
            .await
            .expect("the directory is ours");
        let mut tx = self.store.begin().await.expect("the database is there");
        let project = store::projects::id(&mut tx, project)
            .await
            .expect("the database is there")
            .expect("the project is there");
        let bytes = i64::try_from(blob.bytes).expect("small");
        store::blobs::record(&mut tx, &blob.sha256, bytes, now)
            .await
            .expect("the database is there");
        let model = store::models::lock_or_create(&mut tx, project, model, ModelId::at(now), now)
            .await
            .expect("the database is there");
        let version = store::models::next_version(&mut tx, model)
            .await
            .expect("the database is there");
        let new = NewVersion {
            id: ModelVersionId::at(now),
            model,
            version,
            algorithm: "linear_regression",
            params: &json!({}),
            metrics: &BTreeMap::new(),
            signature,
            evaluation: None,
            dataset_version: None,
            training_run: None,
            sha256: &blob.sha256,
            created_by: "system:test",
            created_at: now,
        };
        store::models::insert_version(&mut tx, &new)
            .await
            .expect("the model has no such version yet");
        tx.commit().await.expect("the database is there");
        version
    }
}

/// Of a regression without inputs.
pub fn empty_signature() -> Signature {
    Signature {
        inputs: Vec::new(),
        output: OutputField::regression("y"),
    }
}
