//! The forms of people, as plain posts: they work before WebAssembly has loaded. Success goes on to a page, failure back
//! to the form with a code for the page to put into words; who asks for JSON gets the problem itself.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use domain::users::User;
use domain::{Actor, Error, FieldError};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use platform::{members, sessions, users};
use secrecy::SecretString;
use serde::Deserialize;
use tower_sessions::Session;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, ApiResult, accepts_html};
use crate::extract::actor::session_error;
use crate::extract::{Caller, ClientIp, Form, MaybeCaller};
use crate::openapi::Problems;
use crate::state::AppState;

/// Forms that try a password or a secret link: their tries are limited.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(set_up))
        .routes(routes!(sign_in))
        .routes(routes!(change_password))
        .routes(routes!(accept_invitation))
}

/// The form that tries nothing.
pub fn sign_out_router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sign_out))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// Of the one-time link.
    token: String,
    email: String,
    name: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Make the first account
#[utoipa::path(post, path = "/auth/set-up", operation_id = "auth_set_up", tag = "browser",
    request_body(content_type = "application/x-www-form-urlencoded", content = SetUp),
    responses((status = 303, description = "Signed in, or back to the form with an error code"), Problems))]
async fn set_up(
    State(state): State<AppState>,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<SetUp>,
) -> Response {
    let made = users::set_up(
        &state.platform,
        &form.token,
        &form.email,
        &form.name,
        &form.password,
    )
    .await;
    let done = async { start_session(&session, &made?).await }.await;
    answer(&headers, done, "/", "/setup", &[("token", &form.token)])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Where to go then: a path of this server.
    #[serde(default)]
    next: Option<String>,
}

/// Sign in
#[utoipa::path(post, path = "/auth/sign-in", operation_id = "auth_sign_in", tag = "browser",
    request_body(content_type = "application/x-www-form-urlencoded", content = SignIn),
    responses((status = 303, description = "Signed in, or back to the form with an error code"), Problems))]
async fn sign_in(
    State(state): State<AppState>,
    session: Session,
    client: ClientIp,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let signed_in = async {
        let user = users::sign_in(&state.platform, &form.email, &form.password).await?;
        state.login_limits.succeeded(&form.email, client.0);
        start_session(&session, &user).await
    }
    .await;
    let next = form.next.as_deref().filter(|next| is_local(next));
    answer(
        &headers,
        signed_in,
        next.unwrap_or("/"),
        "/login",
        &[("next", next.unwrap_or_default())],
    )
}

/// Sign out
#[utoipa::path(post, path = "/auth/sign-out", operation_id = "auth_sign_out", tag = "browser",
    responses((status = 303, description = "Signed out"), Problems))]
async fn sign_out(session: Session) -> ApiResult<Redirect> {
    session.flush().await.map_err(session_error)?;
    Ok(Redirect::to("/login"))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
    /// The page of the form, to come back to: a path of this server.
    #[serde(default)]
    next: Option<String>,
}

/// Change the password
///
/// Ends every session of the user; the one that asks goes on as a new one.
#[utoipa::path(post, path = "/auth/change-password", operation_id = "auth_change_password", tag = "browser",
    request_body(content_type = "application/x-www-form-urlencoded", content = ChangePassword),
    responses((status = 303, description = "Changed, or back to the form with an error code"), Problems))]
async fn change_password(
    State(state): State<AppState>,
    session: Session,
    caller: Caller,
    headers: HeaderMap,
    Form(form): Form<ChangePassword>,
) -> Response {
    let changed = async {
        let id = caller.user()?;
        users::change_password(
            &state.platform,
            id,
            &form.current_password,
            &form.new_password,
        )
        .await?;
        session.flush().await.map_err(session_error)?;
        start_session(&session, &users::get(&state.platform, id).await?).await
    }
    .await;
    let page = form
        .next
        .as_deref()
        .filter(|next| is_local(next))
        .unwrap_or("/p/default/settings/account");
    let (path, _) = page.split_once('?').unwrap_or((page, ""));
    answer(
        &headers,
        changed,
        &format!("{path}?done=password_changed"),
        path,
        &[],
    )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// Of the invitation's link.
    token: String,
    /// For a new account.
    #[serde(default)]
    name: String,
    /// A new one for a new account; the account's, unless its user is signed in.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// Become a member by an invitation
#[utoipa::path(post, path = "/auth/accept-invitation", operation_id = "auth_accept_invitation", tag = "browser",
    request_body(content_type = "application/x-www-form-urlencoded", content = AcceptInvitation),
    responses((status = 303, description = "Signed in, or back to the form with an error code"), Problems))]
async fn accept_invitation(
    State(state): State<AppState>,
    session: Session,
    MaybeCaller(caller): MaybeCaller,
    headers: HeaderMap,
    Form(form): Form<AcceptInvitation>,
) -> Response {
    let accepted = async {
        let project = members::preview_invitation(&state.platform, &form.token)
            .await?
            .project;
        let signed_in = caller.and_then(|caller| match caller.actor {
            Actor::User { id, .. } => Some(id),
            _ => None,
        });
        let password = form.password.as_ref();
        let user = members::accept_invitation(
            &state.platform,
            &form.token,
            signed_in,
            &form.name,
            password,
        )
        .await?;
        start_session(&session, &user).await?;
        Ok(project)
    }
    .await;
    let next = accepted
        .as_ref()
        .map_or_else(|_| "/".to_owned(), |project| format!("/p/{project}"));
    answer(
        &headers,
        accepted.map(drop),
        &next,
        "/invite",
        &[("token", &form.token)],
    )
}

/// Under a new id: one that was planted before is worth nothing afterwards.
async fn start_session(session: &Session, user: &User) -> Result<(), Error> {
    session.cycle_id().await.map_err(session_error)?;
    session
        .insert(sessions::USER_ID, user.id.to_string())
        .await
        .map_err(session_error)
}

fn answer(
    headers: &HeaderMap,
    done: Result<(), Error>,
    next: &str,
    form: &str,
    keep: &[(&str, &str)],
) -> Response {
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("application/json"))
    });
    match done.map_err(ApiError::from) {
        Ok(()) => Redirect::to(next).into_response(),
        Err(error) if wants_json || error.status().is_server_error() => error.into_response(),
        Err(error) => Redirect::to(&with_error(form, keep, &error)).into_response(),
    }
}

/// A page's address that carries the error's code, and the field it is about.
pub fn with_error(page: &str, keep: &[(&str, &str)], error: &ApiError) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(keep.iter().filter(|(_, value)| !value.is_empty()));
    query.append_pair("error", error.code());
    if let Some(FieldError { pointer, .. }) = error.fields().first() {
        query.append_pair("field", pointer.trim_start_matches('/'));
    }
    if let Some(seconds) = error.retry_after() {
        query.append_pair("retry_after", &seconds.to_string());
    }
    format!("{page}?{}", query.finish())
}

/// A refused form of a browser goes back to its page, whose countdown says when to try again.
pub async fn limited_to_page(request: Request, next: Next) -> Response {
    let page = match request.uri().path() {
        "/auth/set-up" => "/setup",
        "/auth/accept-invitation" => "/invite",
        "/auth/change-password" => "/p/default/settings/account",
        _ => "/login",
    };
    let shows_pages = accepts_html(request.headers());
    let response = next.run(request).await;
    if response.status() != StatusCode::TOO_MANY_REQUESTS || !shows_pages {
        return response;
    }
    let wait = response
        .headers()
        .get(http::header::RETRY_AFTER)
        .and_then(|wait| wait.to_str().ok())
        .and_then(|wait| wait.parse().ok());
    let error = ApiError::from(Error::RateLimited {
        retry_after: wait.unwrap_or(12),
    });
    Redirect::to(&with_error(page, &[], &error)).into_response()
}

/// Whether this leads to a page of ours, and nowhere else.
fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_followed() {
        for local in ["/", "/p/default/datasets?v=2", "/p/a%20b"] {
            assert!(is_local(local), "{local}");
        }
        for elsewhere in [
            "",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "/a b",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere:?}");
        }
    }

    #[test]
    fn a_failure_names_its_code_and_field_in_the_address() {
        let error = ApiError::from(Error::invalid("/password", "a longer one"));
        assert_eq!(
            with_error("/setup", &[("token", "a+b")], &error),
            "/setup?token=a%2Bb&error=invalid_input&field=password"
        );
        let error = ApiError::from(Error::RateLimited { retry_after: 7 });
        assert_eq!(
            with_error("/login", &[("next", "")], &error),
            "/login?error=rate_limited&retry_after=7"
        );
    }
}
