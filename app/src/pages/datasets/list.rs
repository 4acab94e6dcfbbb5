use domain::datasets::DatasetSummary;
use domain::events::Topic;
use domain::{Name, Page, Permission};
use leptos::prelude::*;

use super::upload::{DIALOG, UploadDialog};
use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::dialog::DialogButton;
use crate::components::empty_state::EmptyState;
use crate::components::gate::Refusal;
use crate::components::icon::{Glyph, Icon};
use crate::components::loaded::loaded_page;
use crate::components::numbers::{bytes, count};
use crate::components::page_header::PageHeader;
use crate::components::pagination::Pagination;
use crate::components::status::Status;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::{use_project, use_query, use_site};
use crate::live::use_live;
use crate::server_fns::datasets::ListDatasets;

#[component]
pub fn DatasetsPage() -> impl IntoView {
    let project = use_project();
    let cursor = use_query("cursor");
    let live = use_live(|| vec![Topic::Datasets]);
    let datasets = read_when(
        move || live.get(),
        move || ListDatasets {
            project: project.get(),
            cursor: cursor.get(),
        },
    );
    view! {
        <PageHeader title="Datasets" lead="Tables to train on. Every upload is a new version that never changes.">
            <Allowed permission=Permission::Write what="Uploading">
                <DialogButton id=DIALOG class="button primary"><Icon glyph=Glyph::Upload/>"Upload"</DialogButton>
            </Allowed>
        </PageHeader>
        <Refusal/>
        {loaded_page(datasets, move |page| content(&project.get(), cursor.get(), page))}
        <Allowed permission=Permission::Write><UploadDialog/></Allowed>
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/datasets", project.get()))/>
    }
    .into_any()
}

fn content(project: &Name, cursor: Option<String>, page: Page<DatasetSummary>) -> AnyView {
    if page.items.is_empty() && cursor.is_none() {
        return empty(project);
    }
    let base = format!("/p/{project}/datasets");
    let rows = page
        .items
        .into_iter()
        .map(|dataset| row(&base, dataset))
        .collect_view();
    view! {
        <Card flush=true>
            <TableFrame label="Datasets">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col" class="num">"Version"</th>
                            <th scope="col" class="num">"Rows"</th>
                            <th scope="col" class="num">"Columns"</th>
                            <th scope="col" class="num">"Size"</th>
                            <th scope="col" class="num">"Used by"</th>
                            <th scope="col">"Updated"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
            <Pagination href=base cursor next_cursor=page.next_cursor/>
        </Card>
    }
    .into_any()
}

fn row(base: &str, dataset: DatasetSummary) -> impl IntoView + use<> {
    let models = match dataset.used_by_models {
        0 => "–".to_owned(),
        1 => "1 model".to_owned(),
        n => format!("{n} models"),
    };
    let maybe = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), count);
    view! {
        <tr>
            <th scope="row"><a href=format!("{base}/{}", dataset.name)>{dataset.name.to_string()}</a></th>
            <td title=dataset.error><Status state=dataset.status/></td>
            <td class="num">{dataset.version}</td>
            <td class="num">{maybe(dataset.rows)}</td>
            <td class="num">{maybe(dataset.column_count.map(u64::from))}</td>
            <td class="num">{bytes(dataset.bytes)}</td>
            <td class="num">{models}</td>
            <td><Time at=dataset.updated_at/></td>
        </tr>
    }
}

fn empty(project: &Name) -> AnyView {
    let base = use_site().base_url;
    let command = format!(
        "curl -sS '{base}/api/v1/projects/{project}/datasets?name=housing' \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: text/csv' --data-binary @housing.csv"
    );
    view! {
        <Card>
            <EmptyState
                glyph=Glyph::Dataset
                title="No datasets yet"
                text="Upload a CSV or Parquet file. Volary reads it whole, finds the type of every column and shows what is in it."
                command
            >
                <Allowed permission=Permission::Write>
                    <DialogButton id=DIALOG class="button primary">"Upload a file"</DialogButton>
                </Allowed>
            </EmptyState>
        </Card>
    }
    .into_any()
}
