//! Every page and its path.

use leptos::children::ToChildren;
use leptos::prelude::*;
use leptos::tachys::view::iterators::StaticVec;
use leptos_router::any_nested_route::{AnyNestedRoute, IntoAnyNestedRoute};
use leptos_router::components::{RouteChildren, Routes, RoutesProps};
use leptos_router::{ChooseView, NestedRoute, PossibleRouteMatch, SsrMode, path};

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
        page(path!("/"), pages::home::HomePage),
        page(path!("/setup"), pages::setup::SetupPage),
        page(path!("/login"), pages::login::LoginPage),
        page(path!("/invite"), pages::invite::InvitePage),
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
        page(path!(""), pages::overview::OverviewPage),
        page(path!("/datasets"), pages::datasets::list::DatasetsPage),
        page(
            path!("/datasets/:name"),
            pages::datasets::detail::DatasetPage,
        ),
        page(
            path!("/training-runs"),
            pages::training_runs::list::TrainingRunsPage,
        ),
        page(
            path!("/training-runs/new"),
            pages::training_runs::new::NewTrainingRunPage,
        ),
        page(
            path!("/training-runs/:id"),
            pages::training_runs::detail::TrainingRunPage,
        ),
        page(path!("/models"), pages::models::list::ModelsPage),
        page(path!("/models/:name"), pages::models::detail::ModelPage),
        page(
            path!("/models/:name/versions/:version"),
            pages::models::version::ModelVersionPage,
        ),
        page(
            path!("/deployments"),
            pages::deployments::list::DeploymentsPage,
        ),
        page(
            path!("/deployments/new"),
            pages::deployments::new::NewDeploymentPage,
        ),
        page(
            path!("/deployments/:name"),
            pages::deployments::detail::DeploymentPage,
        ),
        page(
            path!("/deployments/:name/try"),
            pages::playground::PlaygroundPage,
        ),
        page(path!("/keys"), pages::keys::KeysPage),
        page(path!("/settings/members"), pages::members::MembersPage),
        page(path!("/settings/account"), pages::account::AccountPage),
        page(path!("/ledger"), pages::ledger::LedgerPage),
    ]
    .into()
}

/// Rendered whole before anything is sent: the page needs no script to be complete, and its status can be right.
fn page<Path, View>(path: Path, view: View) -> AnyNestedRoute
where
    Path: PossibleRouteMatch + std::fmt::Debug + Clone + Send + Sync + 'static,
    View: ChooseView + Clone + Send + Sync + 'static,
{
    NestedRoute::new(path, view)
        .ssr_mode(SsrMode::Async)
        .into_any_nested_route()
}
