//! The frame of every page of a project: navigation, live updates, the project itself.

mod navigation;

use domain::Name;
use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;

use crate::browser;
use crate::calls::read;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::not_found::NotFound;
use crate::context::{CurrentProject, CurrentSession, require_sign_in, use_name_param};
use crate::live::{Live, LiveState, use_live_state};
use crate::server_fns::session::GetSession;

use navigation::Navigation;

/// Provides the project in the URL to the pages below.
#[component]
pub fn ProjectLayout() -> impl IntoView {
    if !require_sign_in() {
        return ().into_any();
    }
    let named = use_name_param("project");
    let Some(first) = named.get_untracked() else {
        return NotFound().into_any();
    };
    let project = Memo::new(move |previous: Option<&Name>| {
        named
            .get()
            .unwrap_or_else(|| previous.unwrap_or(&first).clone())
    });
    provide_context(CurrentProject(project));
    expect_context::<Live>().follow(project);
    let session = read(|| GetSession {});
    provide_context(CurrentSession(session));
    let path = use_location().pathname;
    Effect::new(move |previous: Option<String>| {
        let path = path.get();
        if previous.is_some_and(|previous| previous != path) {
            browser::focus_main();
        }
        path
    });
    view! {
        <a class="skip-link" href="#main" rel="external">"Skip to the content"</a>
        <div class="app">
            <Navigation session/>
            <main id="main" tabindex="-1">
                <LiveNote/>
                <Outlet/>
            </main>
        </div>
    }
    .into_any()
}

/// Says so when what is shown may be old.
#[component]
fn LiveNote() -> impl IntoView {
    let state = use_live_state();
    move || match state.get() {
        LiveState::Waiting { seconds } => Some(view! {
            <div class="live-note">
                <Banner tone=Tone::Warn>{format!("Live updates paused, retrying in {seconds} s.")}</Banner>
            </div>
        }),
        LiveState::Idle | LiveState::Connecting | LiveState::Open => None,
    }
}
