//! Who is here, and how he looks at things.

use domain::projects::Project;
use domain::users::User;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::theme::Theme;

/// The signed-in person and the projects he may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub user: User,
    pub projects: Vec<Project>,
}

#[server(endpoint = "get_session")]
pub async fn get_session() -> Result<Session, AppError> {
    use domain::{Actor, Error};

    let (platform, actor) = crate::context::signed_in()?;
    let Actor::User { id, .. } = actor else {
        return Err(Error::Forbidden("only a person has a session: sign in".to_owned()).into());
    };
    Ok(Session {
        user: platform::users::get(&platform, id).await?,
        projects: platform::projects::list(&platform, &actor).await?,
    })
}

/// Whether this server waits for its first user. Public.
#[server(endpoint = "needs_setup")]
pub async fn needs_setup() -> Result<bool, AppError> {
    let request = use_context::<crate::context::RequestContext>().ok_or_else(|| {
        AppError::from(domain::Error::internal(
            "a server function ran without its request context",
        ))
    })?;
    Ok(platform::users::needs_setup(&request.platform).await?)
}

/// Keeps the reader's theme in a cookie. Nobody needs to be signed in for it.
#[server(endpoint = "set_theme")]
pub async fn set_theme(theme: Theme) -> Result<(), AppError> {
    use crate::theme::THEME_COOKIE;

    let year = 365 * 24 * 3600;
    let cookie = format!(
        "{THEME_COOKIE}={}; Path=/; Max-Age={year}; SameSite=Lax",
        theme.as_str()
    );
    crate::context::response_header(http::header::SET_COOKIE, &cookie);
    Ok(())
}

/// Makes a project, whose first admin is the person who asks.
#[server(endpoint = "create_project")]
pub async fn create_project(name: String) -> Result<(), AppError> {
    let (platform, actor) = crate::context::signed_in()?;
    let name =
        domain::Name::new(name).map_err(|expected| domain::Error::invalid("/name", expected))?;
    let project = platform::projects::create(&platform, &actor, &name).await?;
    leptos_axum::redirect(&format!("/p/{}", project.name));
    Ok(())
}
