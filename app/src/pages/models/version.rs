//! One version: what it takes, how good it is, where it comes from and where it serves.

mod card;
mod engine;
mod imported;
mod lineage;
mod signature;

use domain::models::{Alias, ModelVersion, REMOTE};
use domain::training_runs::Algorithm;
use domain::{Name, Permission};
use leptos::prelude::*;

use card::ModelCardSection;

use super::aliases::{AliasList, SetAliasForm};
use crate::calls::{Change, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::evaluation::{EvaluationCharts, HeldOutMetrics};
use crate::components::loaded::{loaded, loaded_page};
use crate::components::not_found::NotFound;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::reruns::Reruns;
use crate::components::table::Facts;
use crate::components::time::Time;
use crate::context::{use_name_param, use_param, use_project};
use crate::live::use_live;
use crate::server_fns::deployments::ListDeployments;
use crate::server_fns::models::{GetModelVersion, RemoveModelAlias, SetModelAlias};

#[component]
pub fn ModelVersionPage() -> impl IntoView {
    let name = use_name_param("name");
    let version = use_param("version");
    let place = Memo::new(move |_| {
        name.get()
            .zip(version.with(|version| version.parse::<i32>().ok()))
    });
    move || match place.get() {
        Some((model, version)) => view! { <Version model version /> }.into_any(),
        None => view! { <NotFound /> }.into_any(),
    }
}

#[component]
fn Version(model: Name, version: i32) -> impl IntoView {
    let project = use_project();
    let set = Change::<SetModelAlias>::new();
    let remove = Change::<RemoveModelAlias>::new();
    let (was_set, was_removed) = (set.successes(), remove.successes());
    let changes = use_live(|| vec![domain::events::Topic::Deployments]);
    let resource = {
        let model = model.clone();
        read_when(
            move || changes.get() + was_set.get() + was_removed.get(),
            move || GetModelVersion {
                project: project.get(),
                model: model.clone(),
                version,
            },
        )
    };
    let deployments = read_when(
        move || changes.get(),
        move || ListDeployments {
            project: project.get(),
        },
    );
    let crumbs = {
        let model = model.clone();
        Signal::derive(move || {
            let models = format!("/p/{}/models", project.get());
            vec![
                ("Models".to_owned(), models.clone()),
                (model.to_string(), format!("{models}/{model}")),
            ]
        })
    };
    let path = {
        let model = model.clone();
        Signal::derive(move || {
            format!(
                "/api/v1/projects/{}/models/{model}/versions/{version}",
                project.get()
            )
        })
    };
    let deploy = {
        let model = model.clone();
        move || {
            format!(
                "/p/{}/deployments/new?model={model}&version={version}",
                project.get()
            )
        }
    };
    let score = {
        let model = model.clone();
        move || format!("/p/{}/scoring-runs?model={model}/{version}", project.get())
    };
    let compare = {
        let model = model.clone();
        move || {
            // Beside the one before it.
            let before = match version {
                ..=1 => String::new(),
                _ => format!("version={model}/{}&", version - 1),
            };
            format!(
                "/p/{}/compare?{before}version={model}/{version}",
                project.get()
            )
        }
    };
    let card = view! { <ModelCardSection model=model.clone() version /> };
    let canaries = {
        let model = model.clone();
        move || {
            let model = model.clone();
            loaded(deployments, move |cards| {
                let open = cards
                    .into_iter()
                    .map(|card| card.deployment)
                    .filter(|deployment| {
                        deployment.model == model && deployment.stable_version != version
                    })
                    .collect();
                lineage::canary_links(&project.get_untracked(), version, open)
            })
        }
    };
    view! {
        <PageHeader title=format!("{model} v{version}") crumbs>
            <a class="button" href=compare>"Compare"</a>
            <Allowed permission=Permission::Write what="Scoring and deploying">
                <a class="button" href=score.clone()>"Score a table"</a>
                <a class="button primary" href=deploy.clone()>"Deploy as new"</a>
            </Allowed>
        </PageHeader>
        {loaded_page(resource, move |version| page(&project.get_untracked(), version, set, remove))}
        {card}
        <Allowed permission=Permission::Write>{canaries()}</Allowed>
        <ApiPanel path />
    }
    .into_any()
}

fn page(
    project: &Name,
    version: ModelVersion,
    set: Change<SetModelAlias>,
    remove: Change<RemoveModelAlias>,
) -> AnyView {
    let aliases = version
        .aliases
        .iter()
        .map(|alias| Alias {
            alias: alias.clone(),
            version: version.version,
        })
        .collect();
    let facts = facts(&version);
    let onnx = onnx(project, &version);
    let engine = engine::card(&version);
    let lineage = lineage::lineage(project, &version);
    let signature = signature::signature(&version.signature);
    let target = version.signature.output.name.clone();
    let has_log_link = Algorithm::named(&version.algorithm).is_some_and(Algorithm::has_log_link);
    let charts = version
        .evaluation
        .map(|evaluation| view! { <EvaluationCharts evaluation target has_log_link /> });
    let metrics = if version.metrics.is_empty() {
        view! { <p class="hint">"Not measured: the version was not trained here."</p> }.into_any()
    } else {
        view! { <HeldOutMetrics metrics=version.metrics /> }.into_any()
    };
    let alias_list =
        view! { <AliasList project=project.clone() model=version.model.clone() aliases remove /> };
    let set_form = view! { <SetAliasForm project=project.clone() model=version.model versions=Vec::new() fixed=version.version set /> };
    view! {
        <Card title="Where it comes from and where it serves">
            {lineage}
            {version.training_run.map(|id| view! { <Reruns id /> })}
        </Card>
        {engine}
        <Card title="Held-out metrics">{metrics}{charts}</Card>
        {signature}
        <Card title="Aliases" hint="A name that callers may use in place of the version number.">
            {alias_list}
            {set_form}
        </Card>
        <Card
            title="Artifact"
            hint="Never changes: loading it runs no code, and a changed byte is refused."
            actions=move || onnx
        >
            {facts}
        </Card>
    }
    .into_any()
}

/// The file, which other programs compute, of a version that has one.
fn onnx(project: &Name, version: &ModelVersion) -> AnyView {
    let mut inputs = version.signature.inputs.iter();
    if version.algorithm == REMOTE || inputs.any(|input| input.format.is_some()) {
        return ().into_any();
    }
    let (model, version) = (&version.model, version.version);
    let file = format!("/api/v1/projects/{project}/models/{model}/versions/{version}/onnx");
    view! { <a class="button small" href=file download>"Download ONNX"</a> }.into_any()
}

fn facts(version: &ModelVersion) -> AnyView {
    let imported = imported::facts(&version.params);
    let params = match &version.params {
        _ if !imported.is_empty() || version.algorithm == REMOTE => "none".to_owned(),
        serde_json::Value::Object(params) if params.is_empty() => "none".to_owned(),
        serde_json::Value::Null => "none".to_owned(),
        params => params.to_string(),
    };
    let mut facts = vec![
        (
            "SHA-256",
            view! { <Identifier text=version.sha256.clone() shown=16 /> }.into_any(),
        ),
        ("Size", numbers::bytes(version.bytes).into_any()),
        ("Algorithm", version.algorithm.replace('_', " ").into_any()),
        (
            "Parameters",
            view! { <span class="mono">{params}</span> }.into_any(),
        ),
        (
            "Created",
            view! { <Time at=version.created_at /> " by " {version.created_by.clone()} }.into_any(),
        ),
    ];
    facts.extend(imported);
    view! { <Facts facts /> }.into_any()
}
