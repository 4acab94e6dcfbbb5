use domain::models::REMOTE;
use domain::{Error, Result};
use store::Conn;
use store::retraining::PolicyRow;

use crate::{Platform, training_runs};

/// What would keep the next attempt from working, as things are now.
pub(super) async fn of(
    platform: &Platform,
    conn: &mut Conn,
    row: &PolicyRow,
) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    match training_runs::check(conn, &platform.limits, row.project, &row.training).await {
        Ok(_) => {}
        Err(Error::NotFound { .. }) => {
            problems.push(format!(
                "there is no dataset {} any more: choose another one",
                row.training.dataset
            ));
        }
        Err(error @ (Error::Invalid(_) | Error::Conflict { .. })) => {
            problems.push(format!("nothing can be trained: {error}"));
        }
        Err(error) => return Err(error),
    }
    let Some(name) = &row.deployment else {
        return Ok(problems);
    };
    let deployment = store::deployments::find(conn, row.project, name).await?;
    match deployment {
        None => problems.push(format!(
            "the deployment {name} is gone, so nothing is compared: choose another one, or none"
        )),
        Some(deployment) if deployment.model_id != row.model_id => problems.push(format!(
            "the deployment {name} serves the model {} by now, so nothing is compared: choose another one, or none",
            deployment.model
        )),
        Some(deployment) => {
            let stable = Some(deployment.stable_version);
            let versions = store::models::versions(conn, row.model_id, stable, false).await?;
            if versions.iter().any(|version| version.algorithm == REMOTE) {
                problems.push(format!(
                    "v{}, which is live on {name}, is computed by another engine, so nothing can be compared with it",
                    deployment.stable_version
                ));
            }
        }
    }
    Ok(problems)
}
