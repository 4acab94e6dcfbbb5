//! The server's side: what `server` provides for every rendering and every server function.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use domain::predictions::{PredictRequest, PredictResponse, Route};
use domain::{Actor, Error, Name, Timestamp};
use http::header::{ACCEPT, COOKIE, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use platform::Platform;

use crate::error::AppError;
use crate::parts::Part;
use crate::theme::Theme;

/// A prediction by the in-memory snapshot: the playground's way to the hot path.
pub type PredictFn = Arc<
    dyn Fn(
            Actor,
            Name,
            Name,
            PredictRequest,
            Option<Route>,
            bool,
        ) -> Pin<Box<dyn Future<Output = domain::Result<PredictResponse>> + Send>>
        + Send
        + Sync,
>;

#[derive(Clone)]
pub struct RequestContext {
    pub platform: Platform,
    pub actor: Option<Actor>,
    pub request_id: String,
    /// Takes the actor, the project, the deployment, the input, the arm to force, if any, and whether to say what each input adds.
    pub predict: PredictFn,
    pub base_url: String,
}

/// The platform and who asks; the first line of every server function but those of the public pages.
///
/// # Errors
/// `Unauthenticated` without a session.
pub fn signed_in() -> Result<(Platform, Actor), AppError> {
    let request = use_context::<RequestContext>().ok_or_else(|| {
        AppError::from(Error::internal(
            "a server function ran without its request context",
        ))
    })?;
    let actor = request.actor.ok_or_else(|| {
        AppError::from(Error::Unauthenticated(
            "your session has ended: sign in again".to_owned(),
        ))
    })?;
    Ok((request.platform, actor))
}

/// The time by the platform's clock; the epoch outside a request.
pub fn now() -> Timestamp {
    use_context::<RequestContext>().map_or(Timestamp::UNIX_EPOCH, |request| {
        request.platform.clock.now()
    })
}

/// Whether a browser without WebAssembly posted this form: it is sent back to a page instead of getting JSON.
pub fn is_plain_form() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        parts
            .headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
    })
}

/// Adds a header to the answer; a value that no header can carry is left out.
pub fn response_header(name: HeaderName, value: &str) {
    if let (Some(options), Ok(value)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(value),
    ) {
        options.append_header(name, value);
    }
}

pub(super) fn redirect(path: &str) {
    if let (Some(options), Ok(location)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(path),
    ) {
        options.insert_header(LOCATION, location);
        options.set_status(StatusCode::SEE_OTHER);
    }
}

/// One cookie of the request.
pub(crate) fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let cookies = parts.headers.get(COOKIE)?.to_str().ok()?;
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The part with the page that is asked for.
pub(crate) fn requested_part() -> Option<Part> {
    use_context::<Parts>().and_then(|parts| Part::of(parts.uri.path()))
}

/// The reader's theme, by his cookie.
pub fn requested_theme() -> Theme {
    use_context::<Parts>()
        .and_then(|parts| {
            parts
                .headers
                .get(COOKIE)?
                .to_str()
                .ok()
                .map(Theme::from_cookies)
        })
        .unwrap_or_default()
}
