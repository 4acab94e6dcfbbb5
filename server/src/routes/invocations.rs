//! MLflow's door to a deployment: its scoring shape, and its errors. Keys, limits, canaries and the log are those of
//! `predict`.

mod errors;

use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serving::dialects::Invocations;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::predict::answer::{Call, Target, answer};
use super::predict::{XCanary, routed};
use crate::error::{ApiError, ApiResult};
use crate::extract::Path;
use crate::state::AppState;
use errors::InvocationsError;

pub use errors::{error_body, is_path, status};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(invoke))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfDeployment {
    /// The deployment's name.
    deployment: String,
}

/// A table in one of four notations. `null` and `NaN` are missing values. MLflow's `params` may stand beside it if they
/// are empty.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "documents what `serving::dialects::invocations` reads"
)]
enum InvocationsRequest {
    /// The columns' names, and an array for each row.
    DataframeSplit(DataframeSplit),
    /// An object for each row.
    DataframeRecords(Vec<serde_json::Map<String, Value>>),
    /// An object for each row, or an array for each with its values in the signature's order.
    Instances(Vec<Value>),
    /// As `instances`, or one object with an array for each column, or one object with the values of one row.
    Inputs(Value),
}

/// As pandas writes it with `to_dict(orient="split")`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "documents what `serving::dialects::invocations` reads"
)]
struct DataframeSplit {
    columns: Vec<String>,
    data: Vec<Vec<Value>>,
    /// Not looked at: predictions come in the order of the rows.
    index: Option<Value>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "documents what `serving::dialects::invocations` writes"
)]
enum InvocationsPrediction {
    Number(f64),
    Label(String),
}

#[derive(Serialize, ToSchema)]
struct InvocationsResponse {
    /// One a row, in their order: a number, or a classifier's label.
    predictions: Vec<InvocationsPrediction>,
}

/// Predict with a deployment as MLflow's scoring server does
///
/// For clients that speak MLflow: the same deployment, key, limit and canary as `/predict/{deployment}`. A CSV body has a
/// first line with the columns' names, and an empty cell is a missing value.
#[utoipa::path(post, path = "/deployments/{deployment}/invocations", operation_id = "invoke", tag = "predictions",
    params(OfDeployment,
        ("x-route-key" = Option<String>, Header, description = "Who the request is for; the same key goes to the same version"),
        ("x-canary" = inline(Option<XCanary>), Header, description = "`always` or `never`: forces the version; needs the scope write or admin")),
    request_body(content((InvocationsRequest = "application/json"), (String = "text/csv"))),
    responses((status = 200, description = "The predictions", body = InvocationsResponse, headers(
        ("x-model-version" = i32, description = "The version that answered"))),
        (status = "default", body = InvocationsError,
            description = "One of MLflow's codes: 400 for every body that is wrong, and BAD_REQUEST for what MLflow has no code for")))]
async fn invoke(
    State(state): State<AppState>,
    Path(path): Path<OfDeployment>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(&state, &parts, Target::Deployment(&path.deployment));
    routed(answer(&call, body, dialect).await)
}

/// By the content type. Before MLflow 2 its parameters named the notation; now the body does, and a client that still
/// sends them means another body, too.
fn dialect(headers: &HeaderMap) -> ApiResult<Invocations> {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = media.split(';').map(str::trim);
    let dialect = match parts.next().map(str::to_ascii_lowercase).as_deref() {
        Some("application/json") => Some(Invocations::Json),
        Some("text/csv") => Some(Invocations::Csv),
        _ => None,
    };
    dialect.filter(|_| parts.all(is_utf8)).ok_or_else(|| {
        let shown: String = media.chars().take(80).collect();
        let message = format!(
            "the content type {shown:?} is not taken: send application/json with a body such as \
             {{\"dataframe_split\": {{\"columns\": [...], \"data\": [...]}}}}, or text/csv; both in UTF-8"
        );
        ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
    })
}

fn is_utf8(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim().trim_matches('"');
    name.is_empty()
        || name.trim().eq_ignore_ascii_case("charset")
            && (value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8"))
}
