use domain::Name;
use domain::ledger::{LedgerEntry, LedgerPage};
use leptos::prelude::*;
use serde_json::Value;

use crate::calls::read_when;
use crate::components::card::Card;
use crate::components::loaded::loaded;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::server_fns::ledger::ListLedger;

/// What changed here, by whom and why: the ledger's rows of this deployment.
pub(super) fn history(project: &Name, name: &Name, live: Signal<u64>) -> AnyView {
    let ledger = {
        let (project, name) = (project.clone(), name.to_string());
        read_when(
            move || live.get(),
            move || ListLedger {
                project: project.clone(),
                deployment: Some(name.clone()),
                at: None,
                cursor: None,
            },
        )
    };
    let href = format!("/p/{project}/ledger?deployment={name}");
    loaded(ledger, move |page| table(&href, page))
}

fn table(href: &str, page: LedgerPage) -> AnyView {
    let has_more = page.next_cursor.is_some();
    let rows = page.items.into_iter().map(row).collect_view();
    view! {
        <Card title="What changed" hint="From the ledger, to which rows are only ever added." flush=true>
            <TableFrame label="Changes">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"When"</th>
                            <th scope="col">"Who"</th>
                            <th scope="col">"What"</th>
                            <th scope="col">"Why"</th>
                            <th scope="col">"Before and after"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
        <p class="hint">
            <a href=href.to_owned()>{if has_more { "All changes, and what was live at a time" } else { "What was live at a time" }}</a>
        </p>
    }
    .into_any()
}

fn row(entry: LedgerEntry) -> impl IntoView {
    let changes = changes(entry.before.as_ref(), entry.after.as_ref());
    view! {
        <tr>
            <td><Time at=entry.at /></td>
            <td>{entry.actor}</td>
            <td>{entry.action.replace(['.', '_'], " ")}</td>
            <td class="wrap">{entry.reason}</td>
            <td class="wrap">
                <ul class="plain-list">
                    {changes.into_iter().map(|change| view! { <li><code class="ledger-change">{change}</code></li> }).collect_view()}
                </ul>
            </td>
        </tr>
    }
}

/// What is different after: `canary_weight: none → 10`. Of something new, all that it has.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(Value::Object(after)), before) = (after, before.and_then(Value::as_object)) else {
        return match (before, after) {
            (None, None) => Vec::new(),
            (before, after) => vec![format!("{} → {}", text(before), text(after))],
        };
    };
    let old = |key: &str| before.and_then(|before| before.get(key));
    after
        .iter()
        .filter(|(key, value)| {
            let was_null = old(key).is_none_or(Value::is_null);
            old(key) != Some(*value) && !(was_null && value.is_null())
        })
        .map(|(key, value)| match before {
            Some(_) => format!("{key}: {} → {}", text(old(key)), text(Some(value))),
            None => format!("{key}: {}", text(Some(value))),
        })
        .collect()
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn only_what_changed_is_told() {
        let before = json!({ "stable_version": 1, "canary_weight": null, "model": "price" });
        let after = json!({ "stable_version": 1, "canary_weight": 10.0, "model": "price" });
        assert_eq!(
            changes(Some(&before), Some(&after)),
            ["canary_weight: none → 10"]
        );
        assert_eq!(
            changes(
                None,
                Some(&json!({ "model": "price", "canary_weight": null }))
            ),
            ["model: price"]
        );
        assert_eq!(
            changes(Some(&json!({ "name": "a" })), None),
            [r#"{"name":"a"} → none"#]
        );
        assert!(changes(None, None).is_empty());
    }
}
