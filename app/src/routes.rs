//! Every page and its path.

use leptos::children::ToChildren;
use leptos::prelude::*;
use leptos::tachys::view::iterators::StaticVec;
use leptos_router::any_nested_route::{AnyNestedRoute, IntoAnyNestedRoute};
use leptos_router::components::{RouteChildren, Routes, RoutesProps};
use leptos_router::{NestedRoute, PossibleRouteMatch, SsrMode, path};

use crate::components::not_found::NotFound;
use crate::pages;

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
        page(path!("/"), || pages::home::HomePage().into_any()),
        page(path!("/setup"), || pages::setup::SetupPage().into_any()),
        page(path!("/login"), || pages::login::LoginPage().into_any()),
        page(path!("/invite"), || pages::invite::InvitePage().into_any()),
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
        page(path!(""), || pages::overview::OverviewPage().into_any()),
        page(path!("/datasets"), || {
            pages::datasets::list::DatasetsPage().into_any()
        }),
        page(path!("/datasets/:name"), || {
            pages::datasets::detail::DatasetPage().into_any()
        }),
        page(path!("/training-runs"), || {
            pages::training_runs::list::TrainingRunsPage().into_any()
        }),
        page(path!("/training-runs/new"), || {
            pages::training_runs::new::NewTrainingRunPage().into_any()
        }),
        page(path!("/training-runs/:id"), || {
            pages::training_runs::detail::TrainingRunPage().into_any()
        }),
        page(path!("/scoring-runs"), || {
            pages::scoring_runs::list::ScoringRunsPage().into_any()
        }),
        page(path!("/scoring-runs/:id"), || {
            pages::scoring_runs::detail::ScoringRunPage().into_any()
        }),
        page(path!("/models"), || {
            pages::models::list::ModelsPage().into_any()
        }),
        page(path!("/models/:name"), || {
            pages::models::detail::ModelPage().into_any()
        }),
        page(path!("/models/:name/versions/:version"), || {
            pages::models::version::ModelVersionPage().into_any()
        }),
        page(path!("/deployments"), || {
            pages::deployments::list::DeploymentsPage().into_any()
        }),
        page(path!("/deployments/new"), || {
            pages::deployments::new::NewDeploymentPage().into_any()
        }),
        page(path!("/deployments/:name"), || {
            pages::deployments::detail::DeploymentPage().into_any()
        }),
        page(path!("/deployments/:name/try"), || {
            pages::playground::PlaygroundPage().into_any()
        }),
        page(path!("/keys"), || pages::keys::KeysPage().into_any()),
        page(path!("/settings/members"), || {
            pages::members::MembersPage().into_any()
        }),
        page(path!("/settings/account"), || {
            pages::account::AccountPage().into_any()
        }),
        page(path!("/ledger"), || pages::ledger::LedgerPage().into_any()),
    ]
    .into()
}

/// Rendered whole before anything is sent: the page needs no script to be complete, and its status can be right. A page is a
/// pointer to a function, one type for all of them: the router's machinery would be compiled again for each.
fn page<Path>(path: Path, view: fn() -> AnyView) -> AnyNestedRoute
where
    Path: PossibleRouteMatch + std::fmt::Debug + Clone + Send + Sync + 'static,
{
    NestedRoute::new(path, view)
        .ssr_mode(SsrMode::Async)
        .into_any_nested_route()
}
