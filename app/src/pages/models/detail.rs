use domain::models::{Model, ModelVersion, Task};
use domain::{Name, Permission};
use leptos::prelude::*;

use super::aliases::{AliasList, SetAliasForm};
use super::retraining::retraining;
use crate::calls::{Change, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::{Badge, Tone};
use crate::components::card::Card;
use crate::components::compared::{Chosen, compare_button, tick};
use crate::components::loaded::loaded_page;
use crate::components::not_found::NotFound;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::query_form::QueryForm;
use crate::components::table::TableFrame;
use crate::components::tabs::Tabs;
use crate::components::time::Time;
use crate::context::{use_name_param, use_project, use_query};
use crate::live::use_live;
use crate::server_fns::models::{GetModel, RemoveModelAlias, SetModelAlias};

#[component]
pub fn ModelPage() -> impl IntoView {
    let name = use_name_param("name");
    move || match name.get() {
        Some(name) => view! { <ModelDetail name /> }.into_any(),
        None => view! { <NotFound /> }.into_any(),
    }
}

#[component]
fn ModelDetail(name: Name) -> impl IntoView {
    let project = use_project();
    let set = Change::<SetModelAlias>::new();
    let remove = Change::<RemoveModelAlias>::new();
    let (was_set, was_removed) = (set.successes(), remove.successes());
    let chosen = Chosen::default();
    let asked = use_query("tab");
    let tab = Memo::new(move |_| match asked.get().as_deref() {
        Some("retraining") => "retraining",
        _ => "versions",
    });
    let changes = use_live(|| {
        vec![
            domain::events::Topic::Runs,
            domain::events::Topic::Deployments,
        ]
    });
    let model = {
        let name = name.clone();
        read_when(
            move || changes.get() + was_set.get() + was_removed.get(),
            move || GetModel {
                project: project.get(),
                model: name.clone(),
            },
        )
    };
    let crumbs =
        Signal::derive(move || vec![("Models".to_owned(), format!("/p/{}/models", project.get()))]);
    let path = {
        let name = name.clone();
        Signal::derive(move || {
            let path = format!("/api/v1/projects/{}/models/{name}", project.get());
            match tab.get() {
                "versions" => path,
                tab => format!("{path}/{tab}"),
            }
        })
    };
    let items = {
        let name = name.clone();
        Signal::derive(move || {
            let base = format!("/p/{}/models/{name}", project.get());
            vec![
                ("versions", "Versions".to_owned(), base.clone()),
                (
                    "retraining",
                    "Retraining".to_owned(),
                    format!("{base}?tab=retraining"),
                ),
            ]
        })
    };
    let content = {
        let name = name.clone();
        move || match tab.get() {
            "retraining" => retraining(&name),
            _ => loaded_page(model, move |model| {
                page(&project.get_untracked(), model, set, remove, chosen)
            }),
        }
    };
    let train = {
        let name = name.clone();
        move || format!("/p/{}/training-runs/new?model={name}", project.get())
    };
    let deploy = {
        let name = name.clone();
        move || format!("/p/{}/deployments/new?model={name}", project.get())
    };
    view! {
        <PageHeader title=name.to_string() crumbs>
            <Allowed permission=Permission::Write what="Training and deploying">
                <a class="button" href=train.clone()>"Train a new version"</a>
                <a class="button primary" href=deploy.clone()>"Deploy"</a>
            </Allowed>
        </PageHeader>
        <Tabs label="Views of the model" items current=Signal::derive(move || tab.get().to_owned()) />
        {content}
        <ApiPanel path />
    }
    .into_any()
}

fn page(
    project: &Name,
    model: Model,
    set: Change<SetModelAlias>,
    remove: Change<RemoveModelAlias>,
    chosen: Chosen,
) -> AnyView {
    let Model {
        name,
        aliases,
        versions,
        ..
    } = model;
    let numbers = versions
        .iter()
        .map(|version| version.version)
        .collect::<Vec<_>>();
    let metrics = shown(&versions);
    let rows = versions
        .iter()
        .enumerate()
        .map(|(index, version)| row(project, metrics, version, versions.get(index + 1), chosen))
        .collect_view();
    let heads = metrics
        .map(|(_, head, title)| view! { <th scope="col" class="num"><abbr title=title>{head}</abbr></th> })
        .into_iter()
        .collect_view();
    let (alias_list, set_form) = (
        view! { <AliasList project=project.clone() model=name.clone() aliases remove /> },
        view! { <SetAliasForm project=project.clone() model=name versions=numbers set /> },
    );
    view! {
        <QueryForm action=format!("/p/{project}/compare") class="stack">
        <Card title="Versions" flush=true>
            <TableFrame label="Versions">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col"><span class="visually-hidden">"Compare"</span></th>
                            <th scope="col">"Version"</th>
                            <th scope="col">"Aliases"</th>
                            {heads}
                            <th scope="col">"Data"</th>
                            <th scope="col">"Deployed as"</th>
                            <th scope="col">"Created"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
        {compare_button(chosen)}
        </QueryForm>
        <Card title="Aliases" hint="A name that callers may use in place of a version number.">
            {alias_list}
            {set_form}
        </Card>
    }
    .into_any()
}

/// A metric's name, its head, and what it is.
type Shown = (&'static str, &'static str, &'static str);

/// Those of the newest version's task.
fn shown(versions: &[ModelVersion]) -> [Shown; 3] {
    let newest = versions
        .first()
        .map(|version| version.signature.output.task);
    match newest.unwrap_or(Task::Regression) {
        Task::Regression => [
            (
                "r2",
                "R² ↑",
                "Share of the variance explained on held-out rows; higher is better",
            ),
            (
                "rmse",
                "RMSE ↓",
                "Root mean squared error on held-out rows; lower is better",
            ),
            (
                "mae",
                "MAE ↓",
                "Mean absolute error on held-out rows; lower is better",
            ),
        ],
        Task::Classification => [
            (
                "log_loss",
                "Log loss ↓",
                "How far the probabilities of held-out rows are off; lower is better",
            ),
            (
                "roc_auc",
                "ROC AUC ↑",
                "How well classes are told apart on held-out rows; 0.5 is chance, 1 is perfect",
            ),
            (
                "accuracy",
                "Accuracy ↑",
                "Share of held-out rows whose label is right; higher is better",
            ),
        ],
    }
}

/// `before` is the version that came before: the metrics say how far they moved since.
fn row(
    project: &Name,
    shown: [Shown; 3],
    version: &ModelVersion,
    before: Option<&ModelVersion>,
    chosen: Chosen,
) -> impl IntoView + use<> {
    let href = format!(
        "/p/{project}/models/{}/versions/{}",
        version.model, version.version
    );
    let metric = |key: &str| {
        let value = version.metrics.get(key).copied();
        let moved = value
            .zip(before.and_then(|before| before.metrics.get(key).copied()))
            .map(|(now, then)| now - then);
        view! {
            <td class="num">
                {value.map_or_else(|| "not computed".to_owned(), numbers::decimal)}
                {moved
                    .filter(|moved| *moved != 0.0)
                    .map(|moved| {
                        let sign = if moved > 0.0 { "+" } else { "" };
                        view! { <span class="hint">{format!(" {sign}{}", numbers::decimal(moved))}</span> }
                    })}
            </td>
        }
    };
    let named = format!("{}/{}", version.model, version.version);
    let [first, second, third] = shown.map(|(key, ..)| metric(key));
    let aliases = version
        .aliases
        .iter()
        .map(|alias| view! { <Badge tone=Tone::Accent>{format!("@{alias}")}</Badge> })
        .collect_view();
    let data = version.dataset.as_ref().map(|dataset| {
        let number = version.dataset_version.unwrap_or(1);
        view! { <a href=format!("/p/{project}/datasets/{dataset}?v={number}")>{format!("{dataset} v{number}")}</a> }
    });
    let deployed = version
        .deployed
        .iter()
        .map(|deployed| {
            view! {
                <a href=format!("/p/{project}/deployments/{}", deployed.deployment)>
                    {format!("{} ({})", deployed.deployment, deployed.arm)}
                </a>
            }
        })
        .collect_view();
    view! {
        <tr>
            <td>{tick(chosen, "version", named, format!("Compare version {}", version.version))}</td>
            <th scope="row"><a href=href>{format!("v{}", version.version)}</a></th>
            <td><span class="chips">{aliases}</span></td>
            {first}
            {second}
            {third}
            <td>{data}</td>
            <td><span class="row">{deployed}</span></td>
            <td><Time at=version.created_at /></td>
        </tr>
    }
}
