//! What changed what is live, and who may do what; and what was live at one moment.

use domain::ledger::{LedgerEntry, LedgerPage as Entries, LiveAt};
use leptos::prelude::*;
use serde_json::Value;

use crate::calls::read;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Badge;
use crate::components::card::Card;
use crate::components::code::CodeBlock;
use crate::components::empty_state::EmptyState;
use crate::components::field::TextField;
use crate::components::icon::Glyph;
use crate::components::loaded::loaded_page;
use crate::components::page_header::PageHeader;
use crate::components::pagination::Pagination;
use crate::components::table::TableFrame;
use crate::components::time::ExactTime;
use crate::context::{use_project, use_query};
use crate::server_fns::ledger::ListLedger;

#[component]
pub fn LedgerPage() -> impl IntoView {
    let project = use_project();
    let (deployment, at, cursor) = (
        use_query("deployment"),
        use_query("at"),
        use_query("cursor"),
    );
    let query = Memo::new(move |_| query_text(deployment.get(), at.get()));
    let entries = read(move || ListLedger {
        project: project.get(),
        deployment: deployment.get(),
        at: at.get(),
        cursor: cursor.get(),
    });
    view! {
        <PageHeader title="Ledger" lead="Every change of what is live and of who may do what. Rows are only ever added."/>
        <Filters deployment=deployment at=at/>
        {loaded_page(entries, move |entries| {
            let href = format!("/p/{}/ledger{}", project.get(), query.get());
            content(entries, &href, cursor.get())
        })}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/ledger{}", project.get(), query.get()))/>
    }
    .into_any()
}

fn query_text(deployment: Option<String>, at: Option<String>) -> String {
    let at = at.map(|at| at.replace('+', "%2B").replace(' ', "%20"));
    let pairs = [("deployment", deployment), ("at", at)];
    let text = pairs
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| format!("{key}={value}")))
        .collect::<Vec<_>>()
        .join("&");
    if text.is_empty() {
        text
    } else {
        format!("?{text}")
    }
}

#[component]
fn Filters(deployment: Memo<Option<String>>, at: Memo<Option<String>>) -> impl IntoView {
    let project = use_project();
    let is_filtered = move || deployment.get().is_some() || at.get().is_some();
    view! {
        <form method="get">
            <div class="filters">
                <TextField name="deployment" label="Deployment" value=deployment.get_untracked().unwrap_or_default() required=false placeholder="all" maxlength="63"/>
                <TextField name="at" label="What was live at (UTC)" kind="datetime-local" value=at.get_untracked().unwrap_or_default() required=false/>
                <button type="submit" class="button">"Apply"</button>
                {move || is_filtered().then(|| view! { <a class="button ghost" href=format!("/p/{}/ledger", project.get())>"Clear filters"</a> })}
            </div>
        </form>
    }
    .into_any()
}

fn content(entries: Entries, href: &str, cursor: Option<String>) -> AnyView {
    let Entries {
        items,
        next_cursor,
        live,
    } = entries;
    let is_filtered = href.contains('?');
    let live = live.map(|live| view! { <LiveThen live/> });
    if items.is_empty() && cursor.is_none() {
        let empty = if is_filtered {
            view! { <EmptyState glyph=Glyph::Search title="Nothing matches your filters" text="No change of that deployment up to that time."/> }.into_any()
        } else {
            view! { <EmptyState glyph=Glyph::Ledger title="Nothing has changed yet" text="Deployments, rollouts, keys and members write a row here for each change: who, when, why, before and after."/> }.into_any()
        };
        return view! { {live} <Card>{empty}</Card> }.into_any();
    }
    let rows = items.into_iter().map(row).collect_view();
    let href = href.to_owned();
    view! {
        {live}
        <Card flush=true>
            <TableFrame label="Ledger">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"When"</th>
                            <th scope="col">"Who"</th>
                            <th scope="col">"What"</th>
                            <th scope="col">"Subject"</th>
                            <th scope="col">"Why"</th>
                            <th scope="col">"Change"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
            <Pagination href cursor next_cursor/>
        </Card>
    }
    .into_any()
}

fn row(entry: LedgerEntry) -> impl IntoView {
    let change = change(entry.before.as_ref(), entry.after.as_ref());
    view! {
        <tr id=format!("entry-{}", entry.id)>
            <td><ExactTime at=entry.at/></td>
            <td>{entry.actor}</td>
            <td><Badge>{entry.action}</Badge></td>
            <td><code>{entry.subject}</code></td>
            <td class="wrap">{entry.reason}</td>
            <td>
                {change.map(|change| view! {
                    <details class="change">
                        <summary>"Before and after"</summary>
                        <CodeBlock code=change/>
                    </details>
                })}
            </td>
        </tr>
    }
}

/// Before and after as lines of a diff; `None` when neither is known.
fn change(before: Option<&Value>, after: Option<&Value>) -> Option<String> {
    let lines = |sign: char, value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        text.lines()
            .map(|line| format!("{sign} {line}"))
            .collect::<Vec<_>>()
    };
    let mut text = before.map(|value| lines('-', value)).unwrap_or_default();
    text.extend(after.map(|value| lines('+', value)).unwrap_or_default());
    (!text.is_empty()).then(|| text.join("\n"))
}

#[component]
fn LiveThen(live: Vec<LiveAt>) -> impl IntoView {
    let content = if live.is_empty() {
        view! { <p class="muted">"Nothing was live at that time."</p> }.into_any()
    } else {
        let rows = live
            .into_iter()
            .map(|live| {
                let canary = match (live.canary_version, live.canary_weight) {
                    (Some(version), Some(weight)) => format!("version {version} at {weight} %"),
                    (Some(version), None) => format!("version {version}"),
                    _ => "–".to_owned(),
                };
                view! {
                    <tr>
                        <th scope="row">{live.deployment.to_string()}</th>
                        <td>{live.model.to_string()}</td>
                        <td>{format!("version {}", live.stable_version)}</td>
                        <td>{canary}</td>
                        <td><ExactTime at=live.since/></td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <TableFrame label="What was live">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Deployment"</th>
                            <th scope="col">"Model"</th>
                            <th scope="col">"Stable"</th>
                            <th scope="col">"Canary"</th>
                            <th scope="col">"Since"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        }
        .into_any()
    };
    view! { <Card title="What was live then" flush=true>{content}</Card> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_as_a_diff() {
        let text = change(
            Some(&serde_json::json!({"version": 1})),
            Some(&serde_json::json!({"version": 2})),
        )
        .unwrap();
        assert_eq!(
            text,
            "- {\n-   \"version\": 1\n- }\n+ {\n+   \"version\": 2\n+ }"
        );
        assert_eq!(change(None, None), None);
    }

    #[test]
    fn filters_stand_in_the_address() {
        assert_eq!(query_text(None, None), "");
        assert_eq!(
            query_text(
                Some("price".to_owned()),
                Some("2026-01-31T09:30".to_owned())
            ),
            "?deployment=price&at=2026-01-31T09:30"
        );
    }
}
