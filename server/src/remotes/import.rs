//! A model at an engine on its way to a version: the engine is asked what it takes and gives, and tried out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::models::{
    GivenSignature, ModelVersion, NewRemote, NewRemoteVersion, RemoteEndpoint, RemoteToken,
};
use domain::{Actor, Error, FieldError, Name, Result};
use model::Artifact;
use platform::models::{Imported, Origin};
use serde_json::{Map, Value};
use serving::remote::{Line, Trouble, probe, wire};

use super::line::RemoteLine;
use crate::state::AppState;

/// Longest time in which an engine must show that it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a model of an engine the next version of the model of this name.
///
/// # Errors
/// `Invalid` naming what is wrong with what was given, or with what the engine says and does. Of its answers no more is told than
/// names of tensors, their shapes, and the number of a status.
pub async fn import(
    state: &AppState,
    actor: &Actor,
    project: &Name,
    model: &Name,
    new: NewRemoteVersion,
) -> Result<ModelVersion> {
    let NewRemoteVersion { remote, signature } = new;
    platform::models::may_import(&state.platform, actor, project).await?;
    remote.check().map_err(Error::Invalid)?;
    signature.check().map_err(Error::Invalid)?;
    let endpoint = endpoint(state, &remote)?;
    let token = remote.token.map(RemoteToken::new);
    let artifact = inspect(state, endpoint, token.as_ref(), &signature).await?;
    let bytes = model::encode(&artifact).map_err(Error::internal)?;
    let stored = state.platform.blobs.put(bytes).await?;
    let imported = Imported {
        artifact: stored,
        params: Value::Object(artifact.params),
        signature: artifact.signature,
        origin: Origin::Remote { token },
    };
    platform::models::import(&state.platform, actor, project, model, imported).await
}

fn endpoint(state: &AppState, remote: &NewRemote) -> Result<RemoteEndpoint> {
    let wrong = |expected: &str| Error::invalid("/remote/url", expected);
    if url::Url::parse(&remote.url)
        .is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
    {
        return Err(wrong(
            "a URL without user name and password: what the engine asks for goes into token, where it is kept and never shown",
        ));
    }
    let url = state.outbound.check(&remote.url).map_err(wrong)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a URL without a query or a fragment"));
    }
    Ok(RemoteEndpoint {
        url: url.as_str().trim_end_matches('/').to_owned(),
        ..remote.endpoint()
    })
}

async fn inspect(
    state: &AppState,
    endpoint: RemoteEndpoint,
    token: Option<&RemoteToken>,
    given: &GivenSignature,
) -> Result<Artifact> {
    let line = RemoteLine::new(Arc::clone(&state.outbound), &endpoint, token);
    line.ready().await.map_err(|trouble| not_there(&trouble))?;
    let metadata = line
        .metadata()
        .await
        .map_err(|trouble| not_there(&trouble))?;
    let params = params(&endpoint, token.is_some());
    let artifact = wire(endpoint, params, &metadata, given).map_err(Error::Invalid)?;
    let line: Arc<dyn Line> = Arc::new(line);
    let patience = PATIENCE.min(state.config.http.request_timeout());
    probe(&line, &artifact, Instant::now() + patience)
        .await
        .map_err(|error| Error::Invalid(vec![error]))?;
    Ok(artifact)
}

fn not_there(trouble: &Trouble) -> Error {
    let (pointer, code, expected) = match trouble {
        Trouble::NotReached(_) | Trouble::Late | Trouble::Crowded | Trouble::Open { .. } => (
            "/remote/url",
            "not_reached",
            "an engine that can be reached",
        ),
        Trouble::Busy(_) => ("/remote/model", "not_ready", "a model that is ready"),
        Trouble::Status(401 | 403) => (
            "/remote/token",
            "not_allowed",
            "a token that the engine takes",
        ),
        Trouble::Status(400 | 404) => (
            "/remote/model",
            "not_found",
            "a model, and a version of it, that the engine has",
        ),
        Trouble::Status(_) | Trouble::Malformed(_) | Trouble::Unsaid { .. } => (
            "/remote/url",
            "not_the_protocol",
            "an engine that speaks the Open Inference Protocol, version 2",
        ),
    };
    let expected = format!("{expected}: {trouble}");
    Error::Invalid(vec![FieldError::new(pointer, code, expected)])
}

/// What everybody may know of where the version is computed.
fn params(endpoint: &RemoteEndpoint, has_token: bool) -> Map<String, Value> {
    let mut params = Map::new();
    params.insert("protocol".to_owned(), "oip_v2".into());
    params.insert("url".to_owned(), endpoint.url.clone().into());
    params.insert("model".to_owned(), endpoint.model.clone().into());
    if let Some(version) = &endpoint.version {
        params.insert("version".to_owned(), version.clone().into());
    }
    if let Some(timeout) = endpoint.timeout_ms {
        params.insert("timeout_ms".to_owned(), timeout.into());
    }
    params.insert("has_token".to_owned(), has_token.into());
    params
}
