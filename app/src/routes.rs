//! Every page and its path.

use leptos::children::ToChildren;
use leptos::prelude::*;
use leptos::tachys::view::iterators::StaticVec;
use leptos_router::any_nested_route::{AnyNestedRoute, IntoAnyNestedRoute};
use leptos_router::components::{RouteChildren, Routes, RoutesProps};
use leptos_router::{NestedRoute, PossibleRouteMatch, SsrMode, path};

use crate::components::not_found::NotFound;
use crate::pages;
use crate::parts::{self, Loading, Page, at_hand};

/// The page that the URL names.
#[component]
pub(crate) fn Pages() -> impl IntoView {
    Routes(
        RoutesProps::builder()
            .fallback(|| NotFound().into_any())
            .children(RouteChildren::to_children(routes))
            .build(),
    )
}

fn routes() -> StaticVec<AnyNestedRoute> {
    vec![
        page(path!("/"), || at_hand(pages::home::HomePage().into_any())),
        page(path!("/setup"), || {
            at_hand(pages::setup::SetupPage().into_any())
        }),
        page(path!("/login"), || {
            at_hand(pages::login::LoginPage().into_any())
        }),
        page(path!("/invite"), || {
            at_hand(pages::invite::InvitePage().into_any())
        }),
        NestedRoute::new(path!("/p/:project"), pages::project::ProjectLayout)
            .ssr_mode(SsrMode::Async)
            .child(project_routes())
            .into_any_nested_route(),
    ]
    .into()
}

/// Below `/p/{project}`. The first match wins.
fn project_routes() -> StaticVec<AnyNestedRoute> {
    vec![
        page(path!(""), || {
            at_hand(pages::overview::OverviewPage().into_any())
        }),
        page(path!("/datasets"), parts::datasets::list),
        page(path!("/datasets/:name"), parts::datasets::detail),
        page(path!("/training-runs"), parts::training_runs::list),
        page(path!("/training-runs/new"), parts::new_training_run::new),
        page(path!("/training-runs/:id"), parts::training_runs::detail),
        page(path!("/scoring-runs"), parts::scoring_runs::list),
        page(path!("/scoring-runs/:id"), parts::scoring_runs::detail),
        page(path!("/models"), parts::models::list),
        page(path!("/models/:name"), parts::models::detail),
        page(
            path!("/models/:name/versions/:version"),
            parts::model_versions::version,
        ),
        page(path!("/compare"), parts::comparisons::compare),
        page(path!("/deployments"), parts::deployments::list),
        page(path!("/deployments/new"), parts::deployments::new),
        page(path!("/deployments/:name"), parts::deployments::detail),
        page(
            path!("/deployments/:name/try"),
            parts::playground::playground,
        ),
        page(path!("/keys"), parts::administration::keys),
        page(path!("/settings/members"), parts::administration::members),
        page(path!("/settings/account"), parts::administration::account),
        page(path!("/ledger"), parts::administration::ledger),
    ]
    .into()
}

/// Rendered whole before anything is sent: the page needs no script to be complete, and its status can be right.
fn page<Path>(path: Path, view: fn() -> Loading) -> AnyNestedRoute
where
    Path: PossibleRouteMatch + std::fmt::Debug + Clone + Send + Sync + 'static,
{
    NestedRoute::new(path, Page(view))
        .ssr_mode(SsrMode::Async)
        .into_any_nested_route()
}
