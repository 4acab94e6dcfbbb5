use domain::projects::Project;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::calls::Reading;
use crate::components::icon::{Glyph, Icon, Logo};
use crate::components::loaded::loaded;
use crate::components::theme_switch::ThemeSwitch;
use crate::context::use_project;
use crate::server_fns::session::Session;

/// The side bar; on a narrow window a bar at the top that unfolds.
#[component]
pub(super) fn Navigation(session: Reading<Session>) -> impl IntoView {
    let project = use_project();
    let path = use_location().pathname;
    let (open, set_open) = signal(false);
    Effect::new(move |_| {
        let _ = path.get();
        set_open.set(false);
    });
    view! {
        <header class="topbar">
            <details prop:open=move || open.get() on:toggle=move |event| set_open.set(is_open(&event))>
                <summary>
                    <Logo/>
                    <strong>"Volary"</strong>
                    <span class="muted">{move || project.get().to_string()}</span>
                    <span class="visually-hidden">"Menu"</span>
                    <Icon glyph=Glyph::Menu/>
                </summary>
                <div class="topbar-body">
                    <Projects session/>
                    <Links label="Main, folded"/>
                    <Person session/>
                </div>
            </details>
        </header>
        <header class="sidebar">
            <a class="brand" href=move || format!("/p/{}", project.get())><Logo/>"Volary"</a>
            <Projects session/>
            <Links label="Main"/>
            <div class="sidebar-foot">
                <Person session/>
            </div>
        </header>
    }
    .into_any()
}

fn is_open(event: &leptos::ev::Event) -> bool {
    use leptos::wasm_bindgen::JsCast as _;

    event
        .target()
        .and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok())
        .is_some_and(|details| details.has_attribute("open"))
}

#[component]
fn Projects(session: Reading<Session>) -> impl IntoView {
    let project = use_project();
    let path = use_location().pathname;
    let (open, set_open) = signal(false);
    Effect::new(move |_| {
        let _ = path.get();
        set_open.set(false);
    });
    view! {
        <details class="menu" prop:open=move || open.get() on:toggle=move |event| set_open.set(is_open(&event))>
            <summary>
                <Icon glyph=Glyph::Dataset/>
                <span><span class="visually-hidden">"Project "</span>{move || project.get().to_string()}</span>
                <Icon glyph=Glyph::Down/>
            </summary>
            <div class="menu-body">
                {loaded(session, move |session| {
                    session.projects.into_iter().map(project_link).collect_view().into_any()
                })}
                <a class="nav-link" href=move || format!("/p/{}/settings/account", project.get())><Icon glyph=Glyph::Plus/>"New project"</a>
            </div>
        </details>
    }
    .into_any()
}

fn project_link(project: Project) -> impl IntoView {
    let current = use_project();
    let name = project.name.clone();
    view! {
        <a class="nav-link" href=format!("/p/{}", project.name) aria-current=move || (current.get() == name).then_some("page")>
            <span>{project.name.to_string()}</span>
            <span class="hint">{project.role.as_str()}</span>
        </a>
    }
}

#[component]
fn Links(label: &'static str) -> impl IntoView {
    view! {
        <nav aria-label=label>
            <div class="nav-group">
                <NavLink to="" glyph=Glyph::Overview label="Overview"/>
                <NavLink to="/datasets" glyph=Glyph::Dataset label="Datasets"/>
                <NavLink to="/training-runs" glyph=Glyph::Run label="Training runs"/>
                <NavLink to="/scoring-runs" glyph=Glyph::File label="Scoring runs"/>
                <NavLink to="/models" glyph=Glyph::Model label="Models"/>
                <NavLink to="/deployments" glyph=Glyph::Deployment label="Deployments"/>
            </div>
            <div class="nav-group">
                <NavLink to="/keys" glyph=Glyph::Key label="API keys"/>
                <NavLink to="/ledger" glyph=Glyph::Ledger label="Ledger"/>
                <NavLink to="/settings/members" glyph=Glyph::Members label="Members"/>
                <a class="nav-link" href="/api/docs" rel="external"><Icon glyph=Glyph::Book/>"API reference"</a>
            </div>
        </nav>
    }
    .into_any()
}

#[component]
fn NavLink(
    /// Below the project.
    to: &'static str,
    glyph: Glyph,
    label: &'static str,
) -> impl IntoView {
    let project = use_project();
    let path = use_location().pathname;
    let href = move || format!("/p/{}{to}", project.get());
    let is_current = move || {
        let (path, href) = (path.get(), href());
        let rest = path.strip_prefix(href.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || rest == "/" || (!to.is_empty() && rest.starts_with('/'))
        })
    };
    view! {
        <a class="nav-link" href=href aria-current=move || is_current().then_some("page")>
            <Icon glyph/>
            {label}
        </a>
    }
}

#[component]
fn Person(session: Reading<Session>) -> impl IntoView {
    let project = use_project();
    view! {
        <ThemeSwitch/>
        <div class="user">
            {loaded(session, move |session| view! {
                <a class="nav-link user-text" href=move || format!("/p/{}/settings/account", project.get()) title="Account">
                    <strong>{session.user.name}</strong>
                    <span class="hint">{session.user.email}</span>
                </a>
            }.into_any())}
            <form method="post" action="/auth/sign-out">
                <button type="submit" class="icon-button" aria-label="Sign out" title="Sign out"><Icon glyph=Glyph::SignOut/></button>
            </form>
        </div>
    }
    .into_any()
}
