use domain::Permission;
use domain::overview::DeploymentCard;
use leptos::prelude::*;

use crate::components::allowed::Allowed;
use crate::components::card::Card;
use crate::components::empty_state::EmptyState;
use crate::components::icon::Glyph;
use crate::components::numbers::{count, milliseconds, percent};
use crate::components::sparkline::Sparkline;
use crate::components::stat::{Stat, Stats};
use crate::components::status::Status;
use crate::context::{use_project, use_site};

/// Every deployment with its last hour.
#[component]
pub(super) fn DeploymentCards(cards: Vec<DeploymentCard>) -> impl IntoView {
    let project = use_project().get_untracked();
    if cards.is_empty() {
        let base = use_site().base_url;
        return view! {
            <Card>
                <EmptyState
                    glyph=Glyph::Deployment
                    title="Nothing is deployed yet"
                    text="A deployment is a name that serves one version of a model and can take a canary beside it."
                    command=format!("curl -sS -X PUT {base}/api/v1/projects/{project}/deployments/NAME \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: application/json' \\\n  -d '{{\"model\":\"MODEL\",\"version\":1}}'")
                >
                    <Allowed permission=Permission::Write what="Deploying">
                        <a class="button primary" href=format!("/p/{project}/deployments/new")>"Deploy a version"</a>
                    </Allowed>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let cards = cards
        .into_iter()
        .map(|card| one(&project, card))
        .collect_view();
    view! { <section class="grid-3" aria-label="Deployments">{cards}</section> }.into_any()
}

fn one(project: &domain::Name, card: DeploymentCard) -> impl IntoView + use<> {
    let DeploymentCard {
        deployment,
        requests,
        errors,
        p50,
        p99,
        requests_by_minute,
        ..
    } = card;
    let href = format!("/p/{project}/deployments/{}", deployment.name);
    let canary = deployment
        .rollout
        .as_ref()
        .map(|rollout| {
            format!(
                ", canary version {} at {} %",
                rollout.canary_version, rollout.weight
            )
        })
        .unwrap_or_default();
    let share = if requests == 0 {
        "–".to_owned()
    } else {
        percent(errors as f64 / requests as f64)
    };
    let latency = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), milliseconds);
    let values = requests_by_minute
        .iter()
        .map(|count| *count as f64)
        .collect::<Vec<_>>();
    let label = format!(
        "Requests a minute over the last hour, {} at most",
        requests_by_minute.iter().max().copied().unwrap_or(0)
    );
    view! {
        <Card>
            <div class="deployment-card">
                <div class="row">
                    <h2><a href=href>{deployment.name.to_string()}</a></h2>
                    <Status state=deployment.state/>
                </div>
                <p class="hint">{format!("{} version {}{canary}", deployment.model, deployment.stable_version)}</p>
                <Sparkline values label/>
                <p class="hint">"Last hour"</p>
                <Stats>
                    <Stat label="Requests" value=count(requests)/>
                    <Stat label="Errors" value=share/>
                    <Stat label="p50" value=latency(p50)/>
                    <Stat label="p99" value=latency(p99)/>
                </Stats>
            </div>
        </Card>
    }
}
