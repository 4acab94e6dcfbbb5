use domain::models::ModelSummary;
use domain::{Name, Page, Permission};
use leptos::prelude::*;

use super::import::{DIALOG, ENGINE_DIALOG, EngineDialog, ImportDialog};
use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::{Badge, Tone};
use crate::components::card::Card;
use crate::components::dialog::DialogButton;
use crate::components::empty_state::EmptyState;
use crate::components::evaluation::headline;
use crate::components::icon::Glyph;
use crate::components::loaded::loaded_page;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::pagination::Pagination;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::{use_project, use_query};
use crate::live::use_live;
use crate::server_fns::models::ListModels;

#[component]
pub fn ModelsPage() -> impl IntoView {
    let project = use_project();
    let cursor = use_query("cursor");
    let changes = use_live(|| {
        vec![
            domain::events::Topic::Runs,
            domain::events::Topic::Deployments,
        ]
    });
    let models = read_when(
        move || changes.get(),
        move || ListModels {
            project: project.get(),
            cursor: cursor.get(),
        },
    );
    view! {
        <PageHeader title="Models" lead="Each training run or import adds a numbered version to its model. Versions never change once they are made.">
            <Allowed permission=Permission::Write what="Training and importing">
                <DialogButton id=ENGINE_DIALOG>"Connect an engine"</DialogButton>
                <DialogButton id=DIALOG>"Import ONNX"</DialogButton>
                <a class="button primary" href=move || format!("/p/{}/training-runs/new", project.get())>"Train a model"</a>
            </Allowed>
        </PageHeader>
        {loaded_page(models, move |page| list(project.get_untracked(), cursor.get_untracked(), page))}
        <Allowed permission=Permission::Write>
            <ImportDialog />
            <EngineDialog />
        </Allowed>
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/models", project.get())) />
    }
    .into_any()
}

fn list(project: Name, cursor: Option<String>, page: Page<ModelSummary>) -> AnyView {
    if page.items.is_empty() && cursor.is_none() {
        return view! {
            <EmptyState
                glyph=Glyph::Model
                title="No models yet"
                text="A model appears with its first successful training run, with an ONNX file that was trained elsewhere, or with an engine that computes it. Every further one of the same name adds a version."
            >
                <Allowed permission=Permission::Write>
                    <a class="button primary" href=format!("/p/{project}/training-runs/new")>
                        "Train a model"
                    </a>
                    <DialogButton id=DIALOG>"Import ONNX"</DialogButton>
                    <DialogButton id=ENGINE_DIALOG>"Connect an engine"</DialogButton>
                </Allowed>
            </EmptyState>
        }
        .into_any();
    }
    let href = format!("/p/{project}/models");
    view! {
        <Card flush=true>
            <TableFrame label="Models">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Model"</th>
                            <th scope="col">"Newest"</th>
                            <th scope="col">"Algorithm"</th>
                            <th scope="col" class="num"><abbr title="On held-out rows: R² of a regression, higher is better; log loss of a classification, lower is better">"Main metric"</abbr></th>
                            <th scope="col" class="num"><abbr title="On held-out rows: mean absolute error of a regression, share of right labels of a classification">"Also"</abbr></th>
                            <th scope="col">"Aliases"</th>
                            <th scope="col">"Deployed as"</th>
                            <th scope="col">"Updated"</th>
                        </tr>
                    </thead>
                    <tbody>{page.items.into_iter().map(|model| row(&project, model)).collect_view()}</tbody>
                </table>
            </TableFrame>
        </Card>
        <Pagination href cursor next_cursor=page.next_cursor />
    }
    .into_any()
}

fn row(project: &Name, model: ModelSummary) -> impl IntoView + use<> {
    let href = format!("/p/{project}/models/{}", model.name);
    let newest = model.latest_version;
    let metric = |key: &str| model.metrics.get(key).copied();
    let error = match (metric("accuracy"), metric("mae")) {
        (Some(accuracy), _) => format!("accuracy {}", numbers::percent(accuracy)),
        (None, Some(mae)) => format!("MAE {}", numbers::decimal(mae)),
        (None, None) => "–".to_owned(),
    };
    let aliases = model
        .aliases
        .iter()
        .map(|alias| view! { <Badge tone=Tone::Accent>{format!("@{} v{}", alias.alias, alias.version)}</Badge> })
        .collect_view();
    let deployments = model
        .deployments
        .iter()
        .map(|name| view! { <a href=format!("/p/{project}/deployments/{name}")>{name.to_string()}</a> })
        .collect_view();
    let is_deployed = !model.deployments.is_empty();
    view! {
        <tr>
            <th scope="row"><a href=href.clone()>{model.name.to_string()}</a></th>
            <td><a href=format!("{href}/versions/{newest}")>{format!("v{newest}")}</a></td>
            <td>{model.algorithm.replace('_', " ")}</td>
            <td class="num">{headline(&model.metrics).unwrap_or_else(|| "–".to_owned())}</td>
            <td class="num">{error}</td>
            <td><span class="chips">{aliases}</span></td>
            <td>
                <span class="row">{deployments}</span>
                {(!is_deployed).then(|| view! { <span class="muted">"not deployed"</span> })}
            </td>
            <td><Time at=model.updated_at /></td>
        </tr>
    }
}
