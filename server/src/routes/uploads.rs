//! The dashboard's upload form: what `POST /datasets` does, as `multipart/form-data` from a browser.

use std::io;

use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use axum::response::{IntoResponse, Redirect, Response};
use domain::datasets::{DataFormat, DatasetVersion};
use domain::{Error, FieldError, Name};
use futures::TryStreamExt as _;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderMap, StatusCode};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, Json, Path};
use crate::middleware::body_limit;
use crate::openapi::Problems;
use crate::routes::auth;
use crate::routes::paths::InProject;
use crate::state::AppState;

/// What the form adds around the file, at most, in bytes.
const ENVELOPE: u64 = 64 << 10;
/// Longest name field that is read.
const LONGEST_NAME: usize = 1024;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form to OpenAPI")]
pub struct UploadForm {
    /// Stands before the file; the file's name is taken when it is left out.
    name: Option<Name>,
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Upload a file with a form
///
/// Goes to the dataset's page, or answers with the dataset version when JSON is accepted.
#[utoipa::path(post, path = "/p/{project}/datasets/upload", operation_id = "datasets_upload_form", tag = "browser",
    params(InProject), request_body(content_type = "multipart/form-data", content = UploadForm),
    responses((status = 201, body = DatasetVersion), (status = 303, description = "To the dataset's page"), Problems))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let wants_json = wants_json(&headers);
    let uploaded = match form {
        Ok(form) => Box::pin(read(&state, &caller, &path.project, &headers, form)).await,
        Err(_) => Err(ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send the form as multipart/form-data",
        )),
    };
    match uploaded {
        Ok(version) if wants_json => {
            let location = format!(
                "/api/v1/projects/{}/datasets/{}/versions/{}",
                path.project, version.name, version.version
            );
            (StatusCode::CREATED, [(LOCATION, location)], Json(version)).into_response()
        }
        Ok(version) => Redirect::to(&format!(
            "/p/{}/datasets/{}?v={}",
            path.project, version.name, version.version
        ))
        .into_response(),
        Err(error) if wants_json || !crate::error::accepts_html(&headers) => error.into_response(),
        Err(error) => {
            let page = format!("/p/{}/datasets", path.project);
            Redirect::to(&auth::with_error(&page, &[], &error)).into_response()
        }
    }
}

async fn read(
    state: &AppState,
    caller: &Caller,
    project: &Name,
    headers: &HeaderMap,
    mut form: Multipart,
) -> ApiResult<DatasetVersion> {
    let limit = state.platform.limits.max_upload_bytes;
    if body_limit::declared(headers).is_some_and(|bytes| bytes > limit.saturating_add(ENVELOPE)) {
        return Err(Error::TooLarge {
            message: format!("the file is over the limit of {limit} bytes"),
        }
        .into());
    }
    let mut name: Option<Name> = None;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| ApiError::bad_request(error.body_text()))?
    {
        match field.name() {
            Some("name") => name = name_field(field).await?,
            Some("file") => return file(state, caller, project, name, field).await,
            _ => {
                let got = field.name().unwrap_or_default().to_owned();
                return Err(Error::Invalid(vec![
                    FieldError::new("", "unknown_field", "the fields name and file").got(got),
                ])
                .into());
            }
        }
    }
    Err(Error::Invalid(vec![FieldError::new(
        "/file",
        "missing",
        "a CSV or Parquet file",
    )])
    .into())
}

/// Whether the client reads the answer itself, instead of being led to a page.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("application/json"))
    })
}

/// A field of the form that is no file.
pub(super) async fn text(mut field: Field<'_>, longest: usize) -> ApiResult<Vec<u8>> {
    let pointer = pointer(&field);
    let mut text = Vec::new();
    while let Some(chunk) = field
        .chunk()
        .await
        .map_err(|error| ApiError::bad_request(error.body_text()))?
    {
        text.extend_from_slice(&chunk);
        if text.len() > longest {
            let expected = format!("at most {longest} bytes");
            return Err(
                Error::Invalid(vec![FieldError::new(pointer, "out_of_range", expected)]).into(),
            );
        }
    }
    Ok(text)
}

/// `None` for one that was left empty.
pub(super) async fn name_field(field: Field<'_>) -> ApiResult<Option<Name>> {
    let pointer = pointer(&field);
    let text = text(field, LONGEST_NAME).await?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() {
        return Ok(None);
    }
    Name::new(text)
        .map(Some)
        .map_err(|reason| Error::invalid(pointer, reason).into())
}

fn pointer(field: &Field<'_>) -> String {
    format!("/{}", field.name().unwrap_or_default())
}

async fn file(
    state: &AppState,
    caller: &Caller,
    project: &Name,
    name: Option<Name>,
    field: Field<'_>,
) -> ApiResult<DatasetVersion> {
    let file_name = field.file_name().unwrap_or_default().to_owned();
    if file_name.is_empty() {
        return Err(Error::Invalid(vec![FieldError::new(
            "/file",
            "missing",
            "a CSV or Parquet file: choose one",
        )])
        .into());
    }
    let format = DataFormat::from_file_name(&file_name)
        .or_else(|| DataFormat::from_media_type(field.content_type().unwrap_or_default()))
        .ok_or_else(|| {
            Error::Invalid(vec![
                FieldError::new("/file", "invalid", "a file that ends in .csv or .parquet")
                    .got(file_name.clone()),
            ])
        })?;
    let name = name.or_else(|| Name::suggest(&file_name)).ok_or_else(|| {
        Error::Invalid(vec![FieldError::new(
            "/name",
            "missing",
            "a name for the dataset",
        )])
    })?;
    let stream = field.map_err(|error| io::Error::other(error.body_text()));
    Ok(platform::datasets::upload(
        &state.platform,
        &caller.actor,
        project,
        &name,
        format,
        None,
        stream,
    )
    .await?)
}
