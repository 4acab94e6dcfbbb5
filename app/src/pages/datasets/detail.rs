//! One dataset: its columns, its first rows, its versions.

mod columns;
mod preview;
mod versions;

use domain::datasets::{DatasetStatus, DatasetVersion};
use domain::events::Topic;
use domain::{Name, Permission};
use leptos::prelude::*;

use super::upload::{DIALOG, UploadDialog};
use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::dialog::DialogButton;
use crate::components::loaded::loaded_page;
use crate::components::not_found::NotFound;
use crate::components::numbers::{bytes, count};
use crate::components::page_header::PageHeader;
use crate::components::status::Status;
use crate::components::table::Facts;
use crate::components::tabs::Tabs;
use crate::components::time::Time;
use crate::context::{use_name_param, use_permission, use_project, use_query};
use crate::live::use_live;
use crate::server_fns::datasets::GetDataset;

use columns::Columns;
use preview::PreviewTable;
use versions::Versions;

#[component]
pub fn DatasetPage() -> impl IntoView {
    let name = use_name_param("name");
    move || match name.get() {
        Some(name) => view! { <DatasetView name/> }.into_any(),
        None => NotFound().into_any(),
    }
}

#[component]
fn DatasetView(name: Name) -> impl IntoView {
    let project = use_project();
    let asked = use_query("v");
    let version = Memo::new(move |_| asked.get().and_then(|text| text.parse::<i32>().ok()));
    let tab = use_query("tab");
    let tab = Memo::new(move |_| tab.get().unwrap_or_else(|| "columns".to_owned()));
    let live = use_live(|| vec![Topic::Datasets]);
    let dataset = {
        let name = name.clone();
        read_when(
            move || live.get(),
            move || GetDataset {
                project: project.get(),
                name: name.clone(),
                version: version.get(),
            },
        )
    };
    let path = {
        let name = name.clone();
        Signal::derive(move || match version.get() {
            Some(version) => format!(
                "/api/v1/projects/{}/datasets/{name}/versions/{version}",
                project.get()
            ),
            None => format!("/api/v1/projects/{}/datasets/{name}", project.get()),
        })
    };
    let crumbs = Signal::derive(move || {
        vec![(
            "Datasets".to_owned(),
            format!("/p/{}/datasets", project.get()),
        )]
    });
    let title = name.to_string();
    view! {
        <PageHeader title crumbs>
            <Allowed permission=Permission::Write what="Uploading and training">
                <DialogButton id=DIALOG>"Upload a version"</DialogButton>
            </Allowed>
        </PageHeader>
        <Allowed permission=Permission::Write><UploadDialog name=name.clone()/></Allowed>
        {loaded_page(dataset, move |dataset| content(dataset, version, tab))}
        <ApiPanel path/>
    }
    .into_any()
}

fn content(dataset: DatasetVersion, version: Memo<Option<i32>>, tab: Memo<String>) -> AnyView {
    let base = format!("/p/{}/datasets/{}", use_project().get(), dataset.name);
    let items = Signal::derive({
        let base = base.clone();
        move || {
            let version = version
                .get()
                .map(|version| format!("&v={version}"))
                .unwrap_or_default();
            [
                ("columns", "Columns"),
                ("preview", "Preview"),
                ("versions", "Versions"),
            ]
            .into_iter()
            .map(|(key, label)| (key, label.to_owned(), format!("{base}?tab={key}{version}")))
            .collect::<Vec<_>>()
        }
    });
    let shown = dataset.version;
    view! {
        <Summary dataset=dataset.clone()/>
        <Tabs label="Views of the dataset" items current=tab/>
        {move || match tab.get().as_str() {
            "preview" => view! { <PreviewTable name=dataset.name.clone() version=shown status=dataset.status/> }.into_any(),
            "versions" => view! { <Versions name=dataset.name.clone() shown/> }.into_any(),
            _ => view! { <Columns columns=dataset.columns.clone() rows=dataset.rows.unwrap_or(0) status=dataset.status/> }.into_any(),
        }}
    }
    .into_any()
}

#[component]
fn Summary(dataset: DatasetVersion) -> impl IntoView {
    let may_write = use_permission(Permission::Write);
    let note = match dataset.status {
        DatasetStatus::Ready => ().into_any(),
        DatasetStatus::Profiling => view! {
            <Banner tone=Tone::Info>
                <p>"The file is stored. Its rows are being read and every column profiled; this page updates by itself."</p>
                <progress aria-label="Profiling"></progress>
            </Banner>
        }
        .into_any(),
        DatasetStatus::Failed => view! {
            <Banner tone=Tone::Danger>
                <p>{dataset.error.clone().unwrap_or_else(|| "The file could not be read.".to_owned())}</p>
                <p class="hint">
                    {if may_write() { "Mend the file and upload it again: it becomes the next version. Earlier versions are as they were." } else { "Earlier versions are as they were." }}
                </p>
            </Banner>
        }
        .into_any(),
    };
    let mut facts = vec![
        (
            "Status",
            view! { <Status state=dataset.status/> }.into_any(),
        ),
        (
            "Rows",
            dataset
                .rows
                .map_or_else(|| "–".to_owned(), count)
                .into_any(),
        ),
        (
            "Columns",
            if dataset.columns.is_empty() {
                "–".to_owned()
            } else {
                dataset.columns.len().to_string()
            }
            .into_any(),
        ),
        (
            "Size",
            format!("{}, {}", bytes(dataset.bytes), dataset.format.as_str()).into_any(),
        ),
        (
            "Uploaded",
            view! { <Time at=dataset.created_at/> " by " {dataset.created_by} }.into_any(),
        ),
        (
            "SHA-256",
            view! { <Identifier text=dataset.sha256/> }.into_any(),
        ),
    ];
    if let Some(made) = dataset.lineage {
        let project = use_project().get_untracked();
        let href = format!("/p/{project}/scoring-runs/{}", made.scoring_run);
        let text = format!(
            "{} v{} on {} v{}",
            made.model, made.model_version, made.dataset, made.dataset_version
        );
        facts.push(("Predicted by", view! { <a href=href>{text}</a> }.into_any()));
    }
    let train = (dataset.status == DatasetStatus::Ready && may_write()).then(|| {
        let project = use_project().get_untracked();
        let href = format!(
            "/p/{project}/training-runs/new?dataset={}&dataset_version={}",
            dataset.name, dataset.version
        );
        let score = format!(
            "/p/{project}/scoring-runs?dataset={}/{}",
            dataset.name, dataset.version
        );
        view! {
            <a class="button small" href=score>"Score this"</a>
            <a class="button primary small" href=href>"Train on this"</a>
        }
    });
    view! {
        {note}
        <Card title=format!("Version {}", dataset.version) actions=move || train><Facts facts/></Card>
    }
    .into_any()
}
