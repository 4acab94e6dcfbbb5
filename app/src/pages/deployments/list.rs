use domain::events::Topic;
use domain::overview::DeploymentCard;
use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::code::CopyButton;
use crate::components::empty_state::EmptyState;
use crate::components::icon::{Glyph, Icon};
use crate::components::loaded::loaded_page;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::sparkline::Sparkline;
use crate::components::status::Status;
use crate::components::table::TableFrame;
use crate::components::traffic_bar::TrafficBar;
use crate::context::{use_project, use_site};
use crate::live::use_live;
use crate::server_fns::deployments::ListDeployments;

#[component]
pub fn DeploymentsPage() -> impl IntoView {
    let project = use_project();
    let base_url = use_site().base_url;
    let changes = use_live(|| vec![Topic::Deployments]);
    let deployments = read_when(
        move || changes.get(),
        move || ListDeployments {
            project: project.get(),
        },
    );
    view! {
        <PageHeader
            title="Deployments"
            lead="A deployment is a served name: one stable version, and at most one canary beside it. Callers keep the address while versions change."
        >
            <Allowed permission=Permission::Write what="Deploying">
                <a class="button primary" href=move || format!("/p/{}/deployments/new", project.get())>
                    <Icon glyph=Glyph::Plus />
                    "New deployment"
                </a>
            </Allowed>
        </PageHeader>
        {loaded_page(deployments, move |cards| list(&project.get_untracked(), &base_url, cards))}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/deployments", project.get())) />
    }
    .into_any()
}

fn list(project: &Name, base_url: &str, cards: Vec<DeploymentCard>) -> AnyView {
    if cards.is_empty() {
        let command = format!(
            "curl -sS -X PUT \"{base_url}/api/v1/projects/{project}/deployments/price\" \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: application/json' \\\n  -d '{{\"model\":\"price\",\"version\":1}}'"
        );
        let href = format!("/p/{project}/deployments/new");
        return view! {
            <EmptyState
                glyph=Glyph::Deployment
                title="Nothing is deployed yet"
                text="Deploy a version of a model to give it an address that answers predictions."
                command
            >
                <Allowed permission=Permission::Write>
                    <a class="button primary" href=href.clone()>
                        "Deploy a version"
                    </a>
                </Allowed>
            </EmptyState>
        }
        .into_any();
    }
    let rows = cards
        .into_iter()
        .map(|card| row(project, base_url, card))
        .collect_view();
    view! {
        <Card flush=true>
            <TableFrame label="Deployments">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Deployment"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Serves"</th>
                            <th scope="col">"Last hour"</th>
                            <th scope="col" class="num">"Requests"</th>
                            <th scope="col" class="num">"Errors"</th>
                            <th scope="col" class="num">"p50"</th>
                            <th scope="col" class="num">"p99"</th>
                            <th scope="col"><span class="visually-hidden">"Endpoint"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}

fn row(project: &Name, base_url: &str, card: DeploymentCard) -> impl IntoView + use<> {
    let DeploymentCard {
        deployment,
        requests,
        errors,
        p50,
        p99,
        requests_by_minute,
        ..
    } = card;
    let name = deployment.name.to_string();
    let endpoint = format!("{base_url}/predict/{name}");
    let canary = deployment
        .rollout
        .as_ref()
        .map(|rollout| rollout.canary_version);
    let weight = deployment
        .rollout
        .as_ref()
        .map_or(0.0, |rollout| rollout.weight);
    let milliseconds =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), numbers::milliseconds);
    let error_text = if requests == 0 {
        "–".to_owned()
    } else {
        numbers::percent(errors as f64 / requests as f64)
    };
    let label = format!("{} requests in the last hour", numbers::count(requests));
    view! {
        <tr>
            <th scope="row"><a href=format!("/p/{project}/deployments/{name}")>{name.clone()}</a></th>
            <td class="wrap">
                <Status state=deployment.state />
                <span class="hint block">{deployment.reason}</span>
            </td>
            <td>
                <a href=format!("/p/{project}/models/{}/versions/{}", deployment.model, deployment.stable_version)>
                    {deployment.model.to_string()}
                </a>
                <TrafficBar stable=deployment.stable_version canary weight />
            </td>
            <td>
                {if requests == 0 {
                    view! { <span class="muted">"no traffic"</span> }.into_any()
                } else {
                    view! { <Sparkline values=requests_by_minute.iter().map(|n| *n as f64).collect() label /> }.into_any()
                }}
            </td>
            <td class="num">{numbers::count(requests)}</td>
            <td class="num">{error_text}</td>
            <td class="num">{milliseconds(p50)}</td>
            <td class="num">{milliseconds(p99)}</td>
            <td>
                <CopyButton text=endpoint label=format!("Copy the endpoint of {name}") />
            </td>
        </tr>
    }
}
