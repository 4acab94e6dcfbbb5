use axum::extract::{RawQuery, State};
use domain::comparisons::{Asked, Comparison};
use domain::{Error, FieldError};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, Path};
use crate::openapi::Problems;
use crate::routes::paths::InProject;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(compare))
}

/// What is compared: 2 to 10 in all. A parameter that comes more than once is a further one.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "for the document alone: a query of repeated parameters is read by hand"
)]
struct CompareQuery {
    /// A model and the number or alias of its version: `price/3`, `price/@champion`.
    #[param(style = Form, explode, max_items = 10)]
    version: Option<Vec<String>>,
    /// The id of a training run.
    #[param(style = Form, explode, max_items = 10)]
    run: Option<Vec<String>>,
    /// Which of them the others are compared to, written as there; the first unless told.
    baseline: Option<String>,
    /// Of a classification, the class that curves are of; one that most have unless told.
    class: Option<String>,
}

/// Compare training runs and model versions
///
/// Metrics with what they differ from the baseline's, settings, inputs, what the models rely on, curves, and notes on what makes the
/// comparison unfair, such as other held-out rows. All are of one task.
#[utoipa::path(get, path = "/api/v1/projects/{project}/compare", operation_id = "models_compare", tag = "models",
    params(InProject, CompareQuery), responses((status = 200, body = Comparison), Problems))]
async fn compare(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Comparison>> {
    let asked = asked(query.as_deref().unwrap_or_default())?;
    let compared =
        platform::comparisons::compare(&state.platform, &caller.actor, &path.project, &asked);
    Ok(Json(compared.await?))
}

fn asked(query: &str) -> Result<Asked, Error> {
    let mut asked = Asked::default();
    let mut errors = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let once = match &*name {
            "version" => {
                asked.version.push(value.into_owned());
                continue;
            }
            "run" => {
                asked.run.push(value.into_owned());
                continue;
            }
            "baseline" => &mut asked.baseline,
            "class" => &mut asked.class,
            _ => {
                let expected = "one of version, run, baseline, class";
                errors.push(FieldError::new(
                    format!("/{name}"),
                    "unknown_field",
                    expected,
                ));
                continue;
            }
        };
        if once.replace(value.into_owned()).is_some() {
            errors.push(FieldError::new(format!("/{name}"), "invalid", "it once"));
        }
    }
    if errors.is_empty() {
        Ok(asked)
    } else {
        Err(Error::Invalid(errors))
    }
}
