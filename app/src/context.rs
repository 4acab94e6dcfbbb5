//! What pages and server functions know about the request around them.

use domain::{Name, Permission, Role};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map, use_url};
use serde::{Deserialize, Serialize};

use crate::calls::Reading;
#[cfg(not(feature = "ssr"))]
use crate::parts::Part;
use crate::server_fns::session::Session;
use crate::theme::Theme;

#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
pub use request::{
    PredictFn, RequestContext, is_plain_form, now, requested_theme, response_header, signed_in,
};
#[cfg(feature = "ssr")]
pub(crate) use request::{cookie, requested_part};

/// Facts about this server that never change while a page is open. The server writes them into the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Such as `https://volary.example.com`, without a slash at the end.
    pub base_url: String,
    pub max_upload_bytes: u64,
    pub theme: Theme,
    pub signed_in: bool,
}

impl Site {
    pub(crate) fn provide() {
        let site = SharedValue::new(Self::of_request).into_inner();
        provide_context(ThemeChoice(RwSignal::new(site.theme)));
        provide_context(site);
    }

    #[cfg(feature = "ssr")]
    fn of_request() -> Self {
        let request = use_context::<RequestContext>();
        Self {
            base_url: request
                .as_ref()
                .map(|request| request.base_url.clone())
                .unwrap_or_default(),
            max_upload_bytes: request
                .as_ref()
                .map_or(0, |request| request.platform.limits.max_upload_bytes),
            theme: requested_theme(),
            signed_in: request.is_some_and(|request| request.actor.is_some()),
        }
    }

    #[cfg(not(feature = "ssr"))]
    fn of_request() -> Self {
        Self {
            base_url: crate::browser::origin(),
            max_upload_bytes: 0,
            theme: Theme::System,
            signed_in: true,
        }
    }
}

/// The theme in use; every switch on the page follows it.
#[derive(Clone, Copy)]
pub(crate) struct ThemeChoice(pub(crate) RwSignal<Theme>);

/// Facts about this server.
#[must_use]
pub fn use_site() -> Site {
    expect_context()
}

#[cfg(not(feature = "ssr"))]
pub(crate) fn requested_theme() -> Theme {
    Theme::System
}

#[cfg(not(feature = "ssr"))]
pub(crate) fn requested_part() -> Option<Part> {
    None
}

/// The project whose page this is; provided by the project's layout.
#[derive(Clone, Copy)]
pub(crate) struct CurrentProject(pub(crate) Memo<Name>);

/// The signed-in person and his projects; provided by the project's layout.
#[derive(Clone, Copy)]
pub(crate) struct CurrentSession(pub(crate) Reading<Session>);

/// The reader's role in the project of the URL; `None` while the session is on its way. Call the function inside of a view
/// of [`crate::components::loaded`], where waiting for it is allowed.
pub fn use_role() -> impl Fn() -> Option<Role> + Copy + Send + Sync + 'static {
    let CurrentSession(session) = expect_context();
    let project = use_project();
    move || {
        let session = session.get()?.ok()?;
        let name = project.get();
        session
            .projects
            .into_iter()
            .find(|project| project.name == name)
            .map(|project| project.role)
    }
}

/// What the reader may do in the project of the URL, where [`use_role`] may be called. Where something is shown or left out,
/// [`crate::components::allowed`] says why, too.
pub fn use_permission(permission: Permission) -> impl Fn() -> bool + Copy + Send + Sync + 'static {
    let role = use_role();
    move || role().is_some_and(|role| role.allows(permission))
}

/// The project in the URL.
#[must_use]
pub fn use_project() -> Memo<Name> {
    expect_context::<CurrentProject>().0
}

/// Sends the reader to another page instead of this one: by the answer's status on the server, by the router here.
pub fn redirect_page(path: &str) {
    #[cfg(feature = "ssr")]
    request::redirect(path);
    #[cfg(not(feature = "ssr"))]
    {
        use leptos_router::NavigateOptions;
        use leptos_router::hooks::use_navigate;

        let path = path.to_owned();
        let navigate = use_navigate();
        Effect::new(move |_| {
            navigate(
                &path,
                NavigateOptions {
                    replace: true,
                    ..NavigateOptions::default()
                },
            );
        });
    }
}

/// Whether somebody is signed in; if not, he is sent to do so and back.
#[must_use]
pub fn require_sign_in() -> bool {
    let is_signed_in = use_site().signed_in;
    if !is_signed_in {
        redirect_page(&crate::components::error_panel::sign_in_href(&here()));
    }
    is_signed_in
}

/// The path and the query of the page.
pub(crate) fn here() -> String {
    let url = use_url().get_untracked();
    if url.search().is_empty() {
        url.path().to_owned()
    } else {
        format!("{}?{}", url.path(), url.search())
    }
}

/// A parameter of the path as a name. `None` when it can not be one: show [`crate::components::not_found`].
#[must_use]
pub fn use_name_param(key: &'static str) -> Memo<Option<Name>> {
    let params = use_params_map();
    Memo::new(move |_| {
        params
            .with(|params| params.get(key))
            .and_then(|text| Name::new(text).ok())
    })
}

/// A parameter of the path, as text.
#[must_use]
pub fn use_param(key: &'static str) -> Memo<String> {
    let params = use_params_map();
    Memo::new(move |_| params.with(|params| params.get(key)).unwrap_or_default())
}

/// A parameter of the query; `None` when it is absent or empty.
#[must_use]
pub fn use_query(key: &'static str) -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| {
        query
            .with(|query| query.get(key))
            .filter(|text| !text.is_empty())
    })
}
