//! Models that were trained elsewhere: an ONNX file with what is said of it, as `multipart/form-data`; or a model that an engine
//! elsewhere computes, as JSON.

use std::io;

use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::models::{
    GivenSignature, MAX_ONNX_BYTES, ModelVersion, NewRemote, NewRemoteVersion, RemoteProtocol,
};
use domain::{Error, FieldError, Name};
use futures::TryStreamExt as _;
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, StatusCode};
use platform::blobs::TempFile;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, Json, Path, json};
use crate::middleware::body_limit;
use crate::openapi::Problems;
use crate::routes::paths::{InProject, OfModel};
use crate::routes::uploads::{self, wants_json};
use crate::state::AppState;
use crate::{imports, remotes};

/// What the form adds around the file, at most, in bytes: the signature, for the most part.
const ENVELOPE: u64 = LONGEST_JSON as u64;
/// Longest body that is JSON, in bytes.
pub const LONGEST_JSON: usize = LONGEST_SIGNATURE + (64 << 10);
/// Longest signature that is read, in bytes.
const LONGEST_SIGNATURE: usize = 4 << 20;
/// Longest text of a field of the form, in bytes.
const LONGEST_FIELD: usize = 8 << 10;

/// Apart from other routes of models: a file takes as long as it takes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create))
}

/// The dashboard's form.
pub fn forms() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_from_form))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form to OpenAPI")]
pub struct NewModelVersion {
    /// An ONNX file of at most 64 MiB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// As JSON: what the file does not say of its inputs and its output, or says otherwise.
    signature: Option<GivenSignature>,
}

/// Import a model version: an ONNX file, or a model that another engine computes
///
/// The file is read and tried out before the answer comes; of an engine that speaks the Open Inference Protocol, as Triton, KServe,
/// MLServer and Ray Serve do, the model is asked for its inputs and tried out. The model is made if there is none of that name.
#[utoipa::path(post, path = "/api/v1/projects/{project}/models/{model}/versions", operation_id = "model_versions_create",
    tag = "models", params(OfModel),
    request_body(content((NewModelVersion = "multipart/form-data"), (NewRemoteVersion = "application/json"))),
    responses((status = 201, body = ModelVersion, headers(("location" = String, description = "The version"))), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModel>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<(StatusCode, [(HeaderName, String); 1], Json<ModelVersion>)> {
    if json::is_json(&headers) {
        let body = json::body_within(request.into_body(), LONGEST_JSON).await?;
        let new: NewRemoteVersion = json::parse(&body)?;
        let import = remotes::import(&state, &caller.actor, &path.project, &path.model, new);
        let version = Box::pin(import).await?;
        return Ok(created(&path.project, version));
    }
    let form = Multipart::from_request(request, &state).await;
    let sent = Box::pin(read(&state, &caller, &path.project, &headers, form)).await?;
    let version = Box::pin(sent.import(&state, &caller, &path.project, Some(path.model))).await?;
    Ok(created(&path.project, version))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form to OpenAPI")]
pub struct ImportForm {
    /// The file's name is taken when it is left out.
    model: Option<Name>,
    /// An ONNX file, unless an engine is named.
    #[schema(value_type = Option<String>, format = Binary)]
    file: Option<Vec<u8>>,
    /// Where an engine is that computes the model.
    url: Option<String>,
    /// The model's name there.
    remote_model: Option<String>,
    remote_version: Option<String>,
    token: Option<String>,
    timeout_ms: Option<u32>,
    /// As JSON.
    signature: Option<GivenSignature>,
}

/// Import an ONNX file, or a model of an engine, with a form
///
/// Goes to the version's page, or answers with the version when JSON is accepted.
#[utoipa::path(post, path = "/p/{project}/imports", operation_id = "model_versions_create_form", tag = "browser",
    params(InProject), request_body(content_type = "multipart/form-data", content = ImportForm),
    responses((status = 201, body = ModelVersion), (status = 303, description = "To the version's page"), Problems))]
async fn create_from_form(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> ApiResult<Response> {
    let sent = Box::pin(read(&state, &caller, &path.project, &headers, form)).await?;
    let version = Box::pin(sent.import(&state, &caller, &path.project, None)).await?;
    if wants_json(&headers) {
        return Ok(created(&path.project, version).into_response());
    }
    let page = format!(
        "/p/{}/models/{}/versions/{}",
        path.project, version.model, version.version
    );
    Ok(Redirect::to(&page).into_response())
}

fn created(
    project: &Name,
    version: ModelVersion,
) -> (StatusCode, [(HeaderName, String); 1], Json<ModelVersion>) {
    let location = format!(
        "/api/v1/projects/{project}/models/{}/versions/{}",
        version.model, version.version
    );
    (StatusCode::CREATED, [(LOCATION, location)], Json(version))
}

/// What a form carries.
#[derive(Default)]
struct Sent {
    model: Option<Name>,
    file: Option<(TempFile, String)>,
    signature: Option<GivenSignature>,
    remote: RemoteFields,
}

/// What a form says of an engine. It has no `Debug`, so that the token gets into no log.
#[derive(Default)]
struct RemoteFields {
    url: Option<String>,
    model: Option<String>,
    version: Option<String>,
    token: Option<String>,
    timeout_ms: Option<String>,
}

impl RemoteFields {
    fn place(&mut self, field: &str) -> Option<&mut Option<String>> {
        match field {
            "url" => Some(&mut self.url),
            "remote_model" => Some(&mut self.model),
            "remote_version" => Some(&mut self.version),
            "token" => Some(&mut self.token),
            "timeout_ms" => Some(&mut self.timeout_ms),
            _ => None,
        }
    }

    fn remote(self) -> Result<Option<NewRemote>, Error> {
        let others = [&self.model, &self.version, &self.token, &self.timeout_ms];
        let has_others = others.iter().any(|other| other.is_some());
        let Some(url) = self.url else {
            if has_others {
                return Err(missing("/remote/url", "where the engine is"));
            }
            return Ok(None);
        };
        let model = self.model.ok_or_else(|| {
            let expected = "the name of the model at the engine";
            missing("/remote/model", expected)
        })?;
        let timeout_ms = self.timeout_ms.map(|text| {
            let wrong = || Error::invalid("/remote/timeout_ms", "a whole number of milliseconds");
            text.parse().map_err(|_| wrong())
        });
        Ok(Some(NewRemote {
            protocol: RemoteProtocol::OipV2,
            url,
            model,
            version: self.version,
            timeout_ms: timeout_ms.transpose()?,
            token: self.token,
        }))
    }
}

impl Sent {
    /// `model` is the one that the path names.
    async fn import(
        self,
        state: &AppState,
        caller: &Caller,
        project: &Name,
        model: Option<Name>,
    ) -> ApiResult<ModelVersion> {
        if let Some(remote) = self.remote.remote()? {
            if self.file.is_some() {
                return Err(
                    missing("/file", "no file beside an engine that computes the model").into(),
                );
            }
            let model = model
                .or(self.model)
                .or_else(|| Name::suggest(&remote.model));
            let model = model.ok_or_else(|| missing("/model", "a name for the model"))?;
            let signature = self.signature.unwrap_or_default();
            let new = NewRemoteVersion { remote, signature };
            let import = remotes::import(state, &caller.actor, project, &model, new);
            return Ok(Box::pin(import).await?);
        }
        let Some((file, file_name)) = self.file else {
            return Err(missing("/file", "an ONNX file").into());
        };
        let model = model.or(self.model).or_else(|| Name::suggest(&file_name));
        let model = model.ok_or_else(|| missing("/model", "a name for the model"))?;
        let given = self.signature.unwrap_or_default();
        let import = imports::import(state, &caller.actor, project, &model, &file, given);
        Ok(Box::pin(import).await?)
    }
}

fn missing(pointer: &str, expected: &str) -> Error {
    Error::Invalid(vec![FieldError::new(pointer, "missing", expected)])
}

async fn read(
    state: &AppState,
    caller: &Caller,
    project: &Name,
    headers: &HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> ApiResult<Sent> {
    let mut form = form.map_err(|_| {
        ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send an ONNX file as the field file of multipart/form-data",
        )
    })?;
    platform::models::may_import(&state.platform, &caller.actor, project).await?;
    if body_limit::declared(headers).is_some_and(|bytes| bytes > MAX_ONNX_BYTES + ENVELOPE) {
        return Err(too_large().into());
    }
    let mut sent = Sent::default();
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| ApiError::bad_request(error.body_text()))?
    {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(place) = sent.remote.place(&name).filter(|place| place.is_none()) {
            let text = uploads::text(field, LONGEST_FIELD).await?;
            let text = String::from_utf8_lossy(&text);
            // An empty field of a form says nothing.
            *place = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            continue;
        }
        match name.as_str() {
            "file" if sent.file.is_none() => sent.file = Some(file(state, field).await?),
            "signature" if sent.signature.is_none() => {
                let text = uploads::text(field, LONGEST_SIGNATURE).await?;
                sent.signature = Some(signature(&text)?);
            }
            "model" if sent.model.is_none() => sent.model = uploads::name_field(field).await?,
            _ => {
                let expected = "the fields file and signature, or url and remote_model, each once";
                let error = FieldError::new("", "unknown_field", expected).got(name);
                return Err(Error::Invalid(vec![error]).into());
            }
        }
    }
    Ok(sent)
}

async fn file(state: &AppState, field: Field<'_>) -> ApiResult<(TempFile, String)> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let stream = field.map_err(|error| io::Error::other(error.body_text()));
    let received = state.platform.blobs.receive(stream, MAX_ONNX_BYTES).await;
    let (file, stored) = received.map_err(|error| match error {
        Error::TooLarge { .. } => too_large(),
        error => error,
    })?;
    if stored.bytes == 0 {
        return Err(missing("/file", "an ONNX file that is not empty").into());
    }
    Ok((file, name))
}

fn too_large() -> Error {
    Error::TooLarge {
        message: format!(
            "an ONNX file may have at most {MAX_ONNX_BYTES} bytes (64 MiB): export a smaller model"
        ),
    }
}

/// Nothing in it says nothing.
fn signature(text: &[u8]) -> ApiResult<GivenSignature> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(GivenSignature::default());
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let given: GivenSignature = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let mut error = json::field_error(&path, &error.into_inner().to_string());
        error.pointer = format!("/signature{}", error.pointer);
        Error::Invalid(vec![error])
    })?;
    reader
        .end()
        .map_err(|error| Error::invalid("/signature", format!("one JSON object: {error}")))?;
    given.check().map_err(Error::Invalid)?;
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> String {
        let refused = signature(text.as_bytes()).unwrap_err();
        refused.fields()[0].pointer.clone()
    }

    #[test]
    fn a_signature_names_the_field_that_is_wrong() {
        assert_eq!(signature(b" \n").unwrap(), GivenSignature::default());
        assert_eq!(signature(b"{}").unwrap(), GivenSignature::default());
        assert_eq!(pointer("{"), "/signature");
        assert_eq!(pointer("{} {}"), "/signature");
        assert_eq!(
            pointer(r#"{"inputs": [{"name": "a", "nullable": 1}]}"#),
            "/signature/inputs/0/nullable"
        );
        assert_eq!(
            pointer(r#"{"inputs": [{"name": ""}]}"#),
            "/signature/inputs/0/name"
        );
    }
}
