//! Versions as ONNX files.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::exports;
use crate::extract::{Caller, Path};
use crate::openapi::Problems;
use crate::routes::paths::OfModelVersion;
use crate::state::AppState;

/// Read from the disk at once.
const CHUNK: usize = 64 << 10;

/// Apart from other routes of models: a large file takes as long as it takes, and to compress it is not worth the time.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(onnx))
}

#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the file to OpenAPI")]
pub struct OnnxFile(Vec<u8>);

/// Download a model version as an ONNX file
///
/// With the preparation of its inputs, for onnxruntime and others. Of an imported version it is the file that was imported. A
/// version that has no such form is refused with the code `not_exportable` and the reason.
#[utoipa::path(get, path = "/api/v1/projects/{project}/models/{model}/versions/{version}/onnx", operation_id = "model_versions_onnx",
    tag = "models", params(OfModelVersion),
    responses((status = 200, description = "The file", body = OnnxFile, content_type = "application/octet-stream",
            headers(("etag" = String, description = "The file's SHA-256"), ("content-disposition" = String, description = "With a name for the file"))),
        (status = 304, description = "Unchanged since the file in If-None-Match"), Problems))]
async fn onnx(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<OfModelVersion>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (project, model, version) = (&path.project, &path.model, path.version);
    let exported = exports::onnx(&state, &caller.actor, project, model, version).await?;
    let tag = (ETAG, format!("\"{}\"", exported.sha256));
    let is_known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.1.as_bytes());
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    // A name has no character that means something in a header or a path.
    let disposition = format!("attachment; filename=\"{model}-v{version}.onnx\"");
    let headers = [
        tag,
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        // Whoever gets less of it, since the disk failed, is to know.
        (CONTENT_LENGTH, exported.bytes.to_string()),
    ];
    let file = tokio::fs::File::from_std(exported.file);
    let body = Body::from_stream(ReaderStream::with_capacity(file, CHUNK));
    Ok((headers, body).into_response())
}
