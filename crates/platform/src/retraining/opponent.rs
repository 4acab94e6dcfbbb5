use domain::Result;
use domain::ids::TrainingRunId;
use domain::models::REMOTE;
use store::Conn;

/// Whom a new version is compared with: what is live when its training begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opponent {
    pub version: Option<i32>,
    /// The hash of its artifact, or why there is nothing to compare with.
    pub artifact: std::result::Result<String, String>,
}

/// `None`: the run is of no attempt at retraining, or of one that is for no deployment.
pub(crate) async fn opponent(conn: &mut Conn, run: TrainingRunId) -> Result<Option<Opponent>> {
    let Some((project, model, name)) = store::retraining::purpose(conn, run).await? else {
        return Ok(None);
    };
    let none = |version, reason: String| {
        Ok(Some(Opponent {
            version,
            artifact: Err(reason),
        }))
    };
    let Some(deployment) = store::deployments::find(conn, project, &name).await? else {
        return none(None, format!("there is no deployment {name} any more"));
    };
    if deployment.model_id != model {
        let reason = format!(
            "the deployment {name} serves the model {} by now",
            deployment.model
        );
        return none(None, reason);
    }
    let stable = deployment.stable_version;
    let versions = store::models::versions(conn, model, Some(stable), false).await?;
    let Some(version) = versions.into_iter().next() else {
        return none(Some(stable), "it is gone".to_owned());
    };
    if version.algorithm == REMOTE {
        let reason = "it is computed by another engine, which training does not ask";
        return none(Some(stable), reason.to_owned());
    }
    Ok(Some(Opponent {
        version: Some(stable),
        artifact: Ok(version.sha256),
    }))
}
