use domain::Name;
use domain::deployments::Deployment;
use domain::models::{ModelVersion, REMOTE};
use leptos::prelude::*;

use crate::components::card::Card;
use crate::components::icon::{Glyph, Icon};

/// Dataset version, run, version, deployments: each a link.
pub(super) fn lineage(project: &Name, version: &ModelVersion) -> AnyView {
    let dataset = match (&version.dataset, version.dataset_version) {
        (Some(dataset), Some(number)) => {
            let href = format!("/p/{project}/datasets/{dataset}?v={number}");
            view! { <a href=href>{format!("{dataset} v{number}")}</a> }.into_any()
        }
        _ => view! { <span class="muted">"not recorded"</span> }.into_any(),
    };
    let run = match version.training_run {
        Some(run) => {
            let id = run.to_string();
            let end = id
                .get(id.len().saturating_sub(8)..)
                .unwrap_or(&id)
                .to_owned();
            view! { <a class="mono" href=format!("/p/{project}/training-runs/{id}")>{end}</a> }
                .into_any()
        }
        None if version.algorithm == REMOTE => {
            view! { <span class="muted">"none: another engine computes it"</span> }.into_any()
        }
        None => view! { <span class="muted">"none: imported from a file"</span> }.into_any(),
    };
    let deployments = if version.deployed.is_empty() {
        view! { <span class="muted">"not deployed"</span> }.into_any()
    } else {
        version
            .deployed
            .iter()
            .map(|deployed| {
                view! {
                    <a href=format!("/p/{project}/deployments/{}", deployed.deployment)>
                        {format!("{} ({})", deployed.deployment, deployed.arm)}
                    </a>
                }
            })
            .collect_view()
            .into_any()
    };
    let step = |glyph: Glyph, name: &'static str, content: AnyView| {
        view! {
            <li class="lineage-step">
                <span class="lineage-name"><Icon glyph />{name}</span>
                <span class="row">{content}</span>
            </li>
        }
    };
    view! {
        <ol class="lineage">
            {step(Glyph::Dataset, "Dataset version", dataset)}
            {step(Glyph::Run, "Training run", run)}
            {step(Glyph::Model, "This version", format!("{} v{}", version.model, version.version).into_any())}
            {step(Glyph::Deployment, "Deployments", deployments)}
        </ol>
    }
    .into_any()
}

/// The deployments of this model that could take the version as a canary; nothing when there are none.
pub(super) fn canary_links(project: &Name, version: i32, deployments: Vec<Deployment>) -> AnyView {
    if deployments.is_empty() {
        return ().into_any();
    }
    let items = deployments
        .into_iter()
        .map(|deployment| {
            let name = deployment.name;
            match deployment.rollout {
                Some(rollout) => {
                    let text = format!("{name} already rolls out v{}: promote it or roll it back first.", rollout.canary_version);
                    view! {
                        <li>
                            <a href=format!("/p/{project}/deployments/{name}?tab=traffic")>{name.to_string()}</a>
                            " "
                            <span class="hint">{text}</span>
                        </li>
                    }
                    .into_any()
                }
                None => view! {
                    <li class="row">
                        <a class="button" href=format!("/p/{project}/deployments/{name}?tab=traffic&version={version}")>
                            {format!("As a canary to {name}")}
                        </a>
                        <span class="hint">{format!("v{} stays stable", deployment.stable_version)}</span>
                    </li>
                }
                .into_any(),
            }
        })
        .collect_view();
    view! {
        <Card title="Release it to a deployment" hint="A canary takes a part of the traffic beside the stable version and is judged there.">
            <ul class="stack-tight">{items}</ul>
        </Card>
    }
    .into_any()
}
