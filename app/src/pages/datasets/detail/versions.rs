use domain::Name;
use domain::datasets::DatasetVersion;
use leptos::prelude::*;

use crate::calls::read;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::loaded::loaded;
use crate::components::numbers::{bytes, count};
use crate::components::status::Status;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::use_project;
use crate::server_fns::datasets::ListDatasetVersions;

/// Every version that was ever uploaded, newest first.
#[component]
pub(super) fn Versions(name: Name, shown: i32) -> impl IntoView {
    let project = use_project();
    let versions = {
        let name = name.clone();
        read(move || ListDatasetVersions {
            project: project.get(),
            name: name.clone(),
        })
    };
    loaded(versions, move |versions| {
        let base = format!("/p/{}/datasets/{name}", project.get());
        let rows = versions
            .into_iter()
            .map(|version| row(&base, version, shown))
            .collect_view();
        view! {
            <Card flush=true>
                <TableFrame label="Versions">
                    <table class="table">
                        <thead>
                            <tr>
                                <th scope="col" class="num">"Version"</th>
                                <th scope="col">"Status"</th>
                                <th scope="col" class="num">"Rows"</th>
                                <th scope="col" class="num">"Size"</th>
                                <th scope="col">"SHA-256"</th>
                                <th scope="col">"By"</th>
                                <th scope="col">"Uploaded"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </TableFrame>
            </Card>
        }
        .into_any()
    })
}

fn row(base: &str, version: DatasetVersion, shown: i32) -> impl IntoView + use<> {
    let number = version.version;
    view! {
        <tr>
            <th scope="row" class="num">
                <a href=format!("{base}?v={number}") aria-current=(number == shown).then_some("true")>{number}</a>
            </th>
            <td title=version.error><Status state=version.status/></td>
            <td class="num">{version.rows.map_or_else(|| "–".to_owned(), count)}</td>
            <td class="num">{bytes(version.bytes)}</td>
            <td><Identifier text=version.sha256/></td>
            <td>{version.created_by}</td>
            <td><Time at=version.created_at/></td>
        </tr>
    }
}
