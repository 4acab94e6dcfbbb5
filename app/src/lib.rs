//! The dashboard: one Leptos library, rendered by the server (`ssr`) and taken over by the browser (`hydrate`).
//!
//! Rules that keep the two in step: no clock, locale or random value in rendered markup ([`components::time`] adds
//! local time afterwards); everything a page shows comes from a resource over a server function; the URL is the state;
//! every change is a form that works before WebAssembly has loaded.

// Routes are one deep type; the views below them are erased at every page.
#![recursion_limit = "512"]
#![allow(
    clippy::unused_async,
    reason = "a server function is async by its contract, whether it waits or not"
)]
#![allow(
    unreachable_pub,
    reason = "the component macro makes public items in private modules"
)]

mod assets;
pub mod browser;
pub mod calls;
pub mod components;
pub mod context;
pub mod error;
pub mod live;
pub mod pages;
pub mod parts;
pub mod routes;
pub mod row;
pub mod server_fns;
pub mod theme;

use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, Title, provide_meta_context};
use leptos_router::components::Router;

use crate::components::toast::Toasts;
use crate::context::Site;
use crate::live::Live;

/// The document around the application. The body holds nothing but [`App`], or hydration fails.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = context::requested_theme();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.as_str()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="volary-echarts" content=assets::charts(&options)/>
                <link rel="preload" href="/fonts/inter-latin.woff2" r#as="font" type="font/woff2" crossorigin="anonymous"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <HashedStylesheet options=options.clone()/>
                <AutoReload options=options.clone()/>
                {assets::preload(&options)}
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The application: provides what every page may ask for, and the routes.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Site::provide();
    Toasts::provide();
    Live::provide();
    browser::clock::provide();
    Effect::new(|_| browser::set_root_data("live", ""));
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Volary".to_owned() } else { format!("{title} · Volary") }/>
        <Router>
            <routes::Pages/>
            <components::toast::ToastRegion/>
        </Router>
    }
}
