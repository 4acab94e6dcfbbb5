use domain::Name;
use domain::deployments::Deployment;
use domain::models::ModelVersion;
use domain::predictions::{PredictResponse, Route};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
#[cfg(feature = "ssr")]
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::context::{RequestContext, signed_in};
use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::row;
use crate::row::Entries;

/// A deployment and the version whose signature its callers meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Playground {
    pub deployment: Deployment,
    pub stable: ModelVersion,
    /// To what a plain form sent.
    pub answer: Option<Result<TriedPrediction, AppError>>,
}

/// With what a plain form sent, if it sent anything: a row as text in `entries`, or as `json`.
#[server(endpoint = "get_playground")]
pub async fn get_playground(
    project: Name,
    deployment: Name,
    #[server(default)] entries: Entries,
    json: Option<String>,
    arm: Option<Route>,
    #[server(default)] explain: bool,
) -> Result<Playground, AppError> {
    let (platform, actor) = signed_in()?;
    let deployment = platform::deployments::get(&platform, &actor, &project, &deployment).await?;
    let mut stable = platform::models::get_version(
        &platform,
        &actor,
        &project,
        &deployment.model,
        deployment.stable_version,
    )
    .await?;
    // The form needs the signature alone; the evaluation is a few hundred points.
    stable.evaluation = None;
    let inputs = match json {
        None if entries.is_empty() => None,
        None => Some(Value::Object(row::to_json(&stable.signature, &entries)).to_string()),
        json => json,
    };
    let answer = match inputs {
        Some(inputs) => {
            Some(try_prediction(project, deployment.name.clone(), inputs, arm, explain).await)
        }
        None => None,
    };
    Ok(Playground {
        deployment,
        stable,
        answer,
    })
}

/// An answer, and how long the server took for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedPrediction {
    pub response: PredictResponse,
    pub milliseconds: f64,
}

/// `inputs` is JSON: one row, or a list of rows. `arm` forces stable or canary; `explain` asks what each input adds.
#[server(endpoint = "try_prediction")]
pub async fn try_prediction(
    project: Name,
    deployment: Name,
    inputs: String,
    arm: Option<Route>,
    #[server(default)] explain: bool,
) -> Result<TriedPrediction, AppError> {
    let (_, actor) = signed_in()?;
    let context = use_context::<RequestContext>().ok_or_else(|| {
        domain::Error::internal("a server function ran without its request context")
    })?;
    let wrong = |got: String| {
        let error = domain::FieldError::new(
            "/inputs",
            "invalid",
            "one row as a JSON object, or a list of rows",
        );
        domain::Error::Invalid(vec![error.got(got)])
    };
    let inputs: serde_json::Value =
        serde_json::from_str(&inputs).map_err(|error| wrong(error.to_string()))?;
    let inputs = serde_json::from_value(inputs.clone()).map_err(|_| wrong(inputs.to_string()))?;
    let started = std::time::Instant::now();
    let request = domain::predictions::PredictRequest { inputs };
    let response = (context.predict)(actor, project, deployment, request, arm, explain).await?;
    Ok(TriedPrediction {
        response,
        milliseconds: started.elapsed().as_secs_f64() * 1000.0,
    })
}
