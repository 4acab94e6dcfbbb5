//! Which first steps a project has behind it.

use domain::ids::ProjectId;
use domain::overview::Checklist;

use crate::{Conn, Result};

pub async fn checklist(conn: &mut Conn, project: ProjectId) -> Result<Checklist> {
    let row = sqlx::query!(
        r#"SELECT
               EXISTS (SELECT FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id
                       WHERE d.project_id = $1 AND v.status = 'ready') AS "dataset_ready!",
               EXISTS (SELECT FROM training_runs WHERE project_id = $1 AND status = 'succeeded') AS "run_succeeded!",
               EXISTS (SELECT FROM model_versions v JOIN models m ON m.id = v.model_id WHERE m.project_id = $1) AS "version_made!",
               EXISTS (SELECT FROM deployments WHERE project_id = $1) AS "deployed!",
               EXISTS (SELECT FROM metric_rollups r JOIN deployments d ON d.id = r.deployment_id WHERE d.project_id = $1)
                   AS "predicted!",
               EXISTS (SELECT FROM api_keys WHERE project_id = $1) AS "key_created!""#,
        project.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(Checklist {
        dataset_ready: row.dataset_ready,
        run_succeeded: row.run_succeeded,
        version_made: row.version_made,
        deployed: row.deployed,
        predicted: row.predicted,
        key_created: row.key_created,
    })
}
