use domain::Name;
use domain::datasets::{DatasetStatus, Preview};
use leptos::prelude::*;

use crate::calls::read;
use crate::components::card::Card;
use crate::components::loaded::loaded;
use crate::components::table::TableFrame;
use crate::context::use_project;
use crate::server_fns::datasets::PreviewDataset;

/// The first rows, as they stand in the file.
#[component]
pub(super) fn PreviewTable(name: Name, version: i32, status: DatasetStatus) -> impl IntoView {
    if status != DatasetStatus::Ready {
        return view! { <Card><p class="muted">"Rows appear here once the version is ready."</p></Card> }.into_any();
    }
    let project = use_project();
    let preview = read(move || PreviewDataset {
        project: project.get(),
        name: name.clone(),
        version: Some(version),
    });
    loaded(preview, table)
}

fn table(preview: Preview) -> AnyView {
    let Preview { columns, rows } = preview;
    let hint = format!("The first {} rows", rows.len());
    let head = columns
        .into_iter()
        .map(|column| view! { <th scope="col">{column}</th> })
        .collect_view();
    let body = rows
        .into_iter()
        .enumerate()
        .map(|(index, cells)| {
            let cells = cells
                .into_iter()
                .map(|cell| match cell {
                    Some(text) => view! { <td>{text}</td> }.into_any(),
                    None => view! { <td class="missing">"missing"</td> }.into_any(),
                })
                .collect_view();
            view! { <tr><th scope="row" class="num">{index + 1}</th>{cells}</tr> }
        })
        .collect_view();
    view! {
        <Card title="Preview" hint flush=true>
            <TableFrame label="First rows">
                <table class="table is-dense">
                    <thead><tr><th scope="col" class="num">"Row"</th>{head}</tr></thead>
                    <tbody>{body}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}
