//! Tokens for programs: OAuth 2.0 client credentials (RFC 6749), with its own error bodies.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::Error;
use http::header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::extract::{Form, Json};
use crate::state::AppState;

/// Limited by client address.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(token))
}

pub fn keys() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(jwks))
}

#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `client_credentials`
    #[serde(default)]
    grant_type: String,
    /// The key's public prefix; may come by HTTP Basic instead.
    #[serde(default)]
    client_id: Option<String>,
    /// The key; may come by HTTP Basic instead.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Option<SecretString>,
    /// Scopes separated by spaces; all of the key's unless told.
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    access_token: String,
    /// `Bearer`
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    scope: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TokenError {
    /// `invalid_request`, `invalid_client`, `invalid_scope` or `unsupported_grant_type`.
    error: &'static str,
    error_description: String,
}

/// Get a short-lived token for an API key
#[utoipa::path(post, path = "/oauth/token", operation_id = "oauth_token", tag = "tokens",
    request_body(content_type = "application/x-www-form-urlencoded", content = TokenRequest), security(()),
    responses((status = 200, body = TokenAnswer), (status = 400, body = TokenError), (status = 401, body = TokenError),
        crate::openapi::Problems))]
async fn token(State(state): State<AppState>, request: Request) -> Response {
    no_store(answer(&state, request).await.into_response())
}

async fn answer(state: &AppState, request: Request) -> Result<Json<TokenAnswer>, Failed> {
    use axum::extract::FromRequest as _;

    let basic = basic(request.headers())?;
    let form = match Form::<TokenRequest>::from_request(request, state).await {
        Ok(Form(form)) => form,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(Failed::Error(error));
        }
        // A form of texts can be wrong in one way.
        Err(error) if !error.fields().is_empty() => {
            return Err(Refused::new("invalid_request", "no parameter may be sent twice").into());
        }
        Err(error) => return Err(Refused::new("invalid_request", error.problem_text()).into()),
    };
    issue(state, form, basic).await.map(Json)
}

enum Failed {
    Refused(Refused),
    Error(ApiError),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refused) => refused.into_response(),
            Self::Error(error) => error.into_response(),
        }
    }
}

async fn issue(
    state: &AppState,
    form: TokenRequest,
    basic: Option<(String, SecretString)>,
) -> Result<TokenAnswer, Failed> {
    let refuse = |error, description: &str| Failed::from(Refused::new(error, description));
    if form.grant_type.is_empty() {
        return Err(refuse(
            "invalid_request",
            "grant_type is missing: send grant_type=client_credentials",
        ));
    }
    if form.grant_type != "client_credentials" {
        return Err(refuse(
            "unsupported_grant_type",
            "only client_credentials is supported",
        ));
    }
    // An empty parameter is one that is not there (RFC 6749, 3.2).
    let id = form.client_id.filter(|id| !id.is_empty());
    let secret = form
        .client_secret
        .filter(|secret| !secret.expose_secret().is_empty());
    let (id, secret) = match (basic, id, secret) {
        (Some(_), _, Some(_)) => {
            return Err(refuse(
                "invalid_request",
                "send the client's secret once: by Basic or in the form",
            ));
        }
        (Some((by_basic, _)), Some(by_form), None) if by_basic != by_form => {
            return Err(refuse(
                "invalid_request",
                "the client ids by Basic and in the form differ",
            ));
        }
        (Some(basic), _, None) => basic,
        (None, Some(id), Some(secret)) => (id, secret),
        _ => {
            return Err(refuse(
                "invalid_client",
                "the client's id and secret are missing",
            ));
        }
    };
    match platform::api_keys::issue_token(&state.platform, &id, &secret, form.scope.as_deref())
        .await
    {
        Ok(issued) => Ok(TokenAnswer {
            access_token: issued.token,
            token_type: "Bearer",
            expires_in: issued.expires_in,
            scope: issued
                .scopes
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        }),
        Err(Error::Unauthenticated(reason)) => Err(refuse("invalid_client", &reason)),
        Err(Error::Invalid(_)) => Err(refuse("invalid_scope", "the key does not have that scope")),
        Err(error) => Err(Failed::Error(error.into())),
    }
}

/// The client by HTTP Basic: both parts are form-encoded before (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, SecretString)>, Refused> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refused::new(
            "invalid_request",
            "there is more than one Authorization header",
        ));
    }
    let wrong = || {
        Refused::new(
            "invalid_client",
            "the Authorization header is not HTTP Basic with the client's id and secret",
        )
    };
    let (scheme, encoded) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = BASE64_STANDARD
        .decode(encoded.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(wrong)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(wrong)?;
    Ok(Some((
        form_decoded(id),
        SecretString::from(form_decoded(secret)),
    )))
}

fn form_decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(text, _)| text.into_owned())
        .unwrap_or_default()
}

#[derive(Debug)]
struct Refused(TokenError);

impl Refused {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self(TokenError {
            error,
            // All that RFC 6749, 5.2 leaves out of ASCII.
            error_description: description.into().replace(['"', '\\'], "'"),
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let is_client = self.0.error == "invalid_client";
        let status = if is_client {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        };
        let mut response = (status, Json(self.0)).into_response();
        if is_client {
            response.headers_mut().insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"volary\", charset=\"UTF-8\""),
            );
        }
        response
    }
}

fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Get the public keys that tokens are signed with
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "oauth_jwks", tag = "tokens", security(()),
    responses((status = 200, body = Object, description = "A JSON Web Key Set"), crate::openapi::Problems))]
async fn jwks(State(state): State<AppState>) -> Response {
    let now = state.platform.clock.now();
    let mut response = Json(state.platform.auth.jwks(now)).into_response();
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    response
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded() {
        let header = |text: &str| {
            let value = format!("Basic {}", BASE64_STANDARD.encode(text));
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
        };
        let (id, secret) = basic(&header("vol_a%2Bb:se%3Acret+x"))
            .ok()
            .flatten()
            .unwrap();
        assert_eq!(
            (id.as_str(), secret.expose_secret()),
            ("vol_a+b", "se:cret x")
        );
        assert!(basic(&header("nocolon")).is_err());
        assert!(basic(&HeaderMap::new()).is_ok_and(|none| none.is_none()));
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        assert!(basic(&bearer).is_err());
        let mut twice = header("a:b");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(basic(&twice).is_err_and(|refused| refused.0.error == "invalid_request"));
    }
}
