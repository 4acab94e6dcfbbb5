use axum::extract::State;
use domain::projects::Project;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openapi::Problems;
use crate::state::AppState;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Projects that the caller has a part in. There are few, so they come on one page.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Projects {
    items: Vec<ProjectItem>,
    next_cursor: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct ProjectItem {
    id: domain::ids::ProjectId,
    name: domain::Name,
    /// The caller's role.
    role: domain::Role,
    created_at: domain::Timestamp,
}

impl From<Project> for ProjectItem {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name,
            role: project.role,
            created_at: project.created_at,
        }
    }
}

/// List the caller's projects
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "projects_list", tag = "projects",
    responses((status = 200, body = Projects), Problems))]
async fn list(State(state): State<AppState>, caller: Caller) -> ApiResult<Json<Projects>> {
    let projects = platform::projects::list(&state.platform, &caller.actor).await?;
    Ok(Json(Projects {
        items: projects.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}
