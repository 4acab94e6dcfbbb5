//! The tables: a column for each that is compared.

use domain::comparisons::{
    Comparison, ImportanceMeasure, InputCell, InputState, Item, MetricCell, MetricRow,
};
use domain::training_runs::SplitMethod;
use leptos::prelude::*;

use super::address::Address;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::numbers;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::pages::training_runs::list::short_id;

/// Inputs that a table of importance has room for.
const IMPORTANT: usize = 20;

/// Rows that are shown only when all are.
pub(super) fn hidden(comparison: &Comparison) -> usize {
    let settings = comparison.settings.iter().filter(|row| !row.differs);
    let inputs = comparison.inputs.iter().filter(|row| !row.differs);
    settings.count() + inputs.count()
}

fn table(
    comparison: &Comparison,
    label: &'static str,
    first: &'static str,
    body: AnyView,
) -> AnyView {
    let heads = comparison
        .items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let is_baseline = place == comparison.baseline;
            view! {
                <th scope="col">
                    {item.label.clone()}
                    {is_baseline.then(|| view! { <span class="hint">" baseline"</span> })}
                </th>
            }
        })
        .collect_view();
    view! {
        <TableFrame label>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{first}</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </TableFrame>
    }
    .into_any()
}

fn row(name: &str, cells: Vec<AnyView>) -> AnyView {
    let cells = cells
        .into_iter()
        .map(|cell| view! { <td class="wrap">{cell}</td> })
        .collect_view();
    view! {
        <tr>
            <th scope="row">{name.to_owned()}</th>
            {cells}
        </tr>
    }
    .into_any()
}

/// A row of one cell.
fn none(comparison: &Comparison, text: &'static str) -> AnyView {
    let columns = comparison.items.len() + 1;
    view! {
        <tr>
            <td colspan=columns.to_string() class="muted">{text}</td>
        </tr>
    }
    .into_any()
}

fn missing(text: &'static str) -> AnyView {
    view! { <span class="muted">{text}</span> }.into_any()
}

pub(super) fn lineage(address: &Address, comparison: &Comparison) -> AnyView {
    let all = |cell: &dyn Fn(&Item) -> AnyView| comparison.items.iter().map(cell).collect();
    let project = &address.project;
    let version = |item: &Item| match item.version {
        Some(number) => {
            let href = format!("/p/{project}/models/{}/versions/{number}", item.model);
            view! { <a href=href>{format!("{} v{number}", item.model)}</a> }.into_any()
        }
        None => missing("made none"),
    };
    let run = |item: &Item| match item.training_run {
        Some(run) => {
            let id = run.to_string();
            view! { <a class="mono" href=format!("/p/{project}/training-runs/{id}")>{short_id(&id)}</a> }
                .into_any()
        }
        None => missing("not trained here"),
    };
    let data = |item: &Item| match (&item.dataset, item.dataset_version) {
        (Some(name), Some(number)) => {
            let href = format!("/p/{project}/datasets/{name}?v={number}");
            view! { <a href=href>{format!("{name} v{number}")}</a> }.into_any()
        }
        _ => missing("not known"),
    };
    let hash = |item: &Item| match &item.dataset_sha256 {
        Some(hash) => view! { <Identifier text=hash.clone() shown=12 /> }.into_any(),
        None => missing("not known"),
    };
    let split = |item: &Item| match &item.split {
        Some(split) => {
            let method = split.method.map_or("random", SplitMethod::as_str);
            let by = split
                .column
                .as_deref()
                .map(|column| format!(" by {column}"));
            format!(
                "{}, {method}{}, seed {}",
                numbers::percent(split.test_fraction),
                by.unwrap_or_default(),
                split.seed
            )
            .into_any()
        }
        None => missing("not known"),
    };
    let actions = |item: &Item| {
        let is_baseline = comparison
            .items
            .get(comparison.baseline)
            .is_some_and(|base| base.asked == item.asked);
        let beside = (!is_baseline).then(|| {
            let label = format!("Compare to {}", item.label);
            view! { <a class="button small" href=address.beside(&item.asked) aria-label=label>"Compare to this"</a> }
        });
        let label = format!("Remove {} from the comparison", item.label);
        view! {
            <span class="row">
                {beside}
                <a class="button small" href=address.without(&item.asked) aria-label=label>"Remove"</a>
            </span>
        }
        .into_any()
    };
    let body = vec![
        row("Version", all(&version)),
        row("Training run", all(&run)),
        row("Target", all(&|item| item.target.clone().into_any())),
        row("Data", all(&data)),
        row("SHA-256 of the data", all(&hash)),
        row("Held out", all(&split)),
        row(
            "Created",
            all(&|item| view! { <Time at=item.created_at /> }.into_any()),
        ),
        row("Change", all(&actions)),
    ];
    table(
        comparison,
        "Where they come from",
        "Origin",
        body.into_any(),
    )
}

pub(super) fn metrics(comparison: &Comparison) -> AnyView {
    let mut body: Vec<AnyView> = Vec::new();
    for row in &comparison.metrics {
        body.push(metric_row(row));
    }
    if body.is_empty() {
        body.push(none(comparison, "None of them has metrics."));
    }
    table(comparison, "Metrics", "Metric", body.into_any())
}

fn metric_row(row: &MetricRow) -> AnyView {
    let arrow = match row.higher_is_better {
        Some(true) => " ↑",
        Some(false) => " ↓",
        None => "",
    };
    let cells = row.cells.iter().map(metric_cell).collect();
    self::row(&format!("{}{arrow}", named(&row.name)), cells)
}

/// As people write it.
fn named(metric: &str) -> String {
    let (prefix, name) = match metric.strip_prefix("folds_") {
        Some(name) => ("Folds: ", name),
        None => ("", metric),
    };
    let name = match name {
        "rmse" => "RMSE".to_owned(),
        "mae" => "MAE".to_owned(),
        "r2" => "R²".to_owned(),
        "log_loss" => "Log loss".to_owned(),
        "roc_auc" => "ROC AUC".to_owned(),
        "pr_auc" => "PR AUC".to_owned(),
        "accuracy" => "Accuracy".to_owned(),
        "f1" => "F1".to_owned(),
        "brier" => "Brier score".to_owned(),
        name => name.replace('_', " "),
    };
    format!("{prefix}{name}")
}

fn metric_cell(cell: &MetricCell) -> AnyView {
    let Some(value) = cell.value else {
        return missing("not computed");
    };
    let mut beside = String::new();
    if let Some(delta) = cell.delta {
        beside.push(' ');
        if delta > 0.0 {
            beside.push('+');
        }
        beside.push_str(&numbers::decimal(delta));
        beside.push_str(match cell.is_better {
            Some(true) => ", better",
            Some(false) => ", worse",
            None => "",
        });
    }
    let interval = cell.low.zip(cell.high).map(|(low, high)| {
        format!(
            "{} to {} (95 %)",
            numbers::decimal(low),
            numbers::decimal(high)
        )
    });
    let spread = cell.std.map(|std| format!("± {}", numbers::decimal(std)));
    let under = interval.or(spread);
    view! {
        <span class="strong">{numbers::decimal(value)}</span>
        <span class="hint">{beside}</span>
        {under.map(|text| view! { <br /><span class="hint">{text}</span> })}
    }
    .into_any()
}

pub(super) fn settings(comparison: &Comparison, is_whole: bool) -> AnyView {
    let mut body: Vec<AnyView> = Vec::new();
    for setting in &comparison.settings {
        if is_whole || setting.differs {
            let cells = setting.values.iter().map(|value| match value {
                Some(value) => view! { <span class="mono">{value.clone()}</span> }.into_any(),
                None => missing("–"),
            });
            body.push(row(&setting.name, cells.collect()));
        }
    }
    if body.is_empty() {
        body.push(none(comparison, "They were made with the same settings."));
    }
    table(comparison, "Settings", "Setting", body.into_any())
}

pub(super) fn inputs(comparison: &Comparison, is_whole: bool) -> AnyView {
    let mut body: Vec<AnyView> = Vec::new();
    for input in &comparison.inputs {
        if is_whole || input.differs {
            body.push(row(
                &input.name,
                input.cells.iter().map(input_cell).collect(),
            ));
        }
    }
    if body.is_empty() {
        body.push(none(comparison, "They take the same inputs."));
    }
    table(comparison, "Inputs", "Input", body.into_any())
}

fn input_cell(cell: &InputCell) -> AnyView {
    let word = match cell.state {
        InputState::Changed => "changed: ",
        InputState::Added => "added: ",
        InputState::Removed => return missing("removed"),
        InputState::Absent => return missing("–"),
        InputState::Unknown if cell.described.is_empty() => return missing("not known"),
        InputState::Same | InputState::Unknown => "",
    };
    let changes = (!cell.changes.is_empty())
        .then(|| view! { <br /><span class="hint">{cell.changes.join("; ")}</span> });
    view! {
        {(!word.is_empty()).then(|| view! { <span class="strong">{word}</span> })}
        {cell.described.clone()}
        {changes}
    }
    .into_any()
}

/// Nothing when none was computed.
pub(super) fn importance(comparison: &Comparison) -> AnyView {
    let Some(importance) = &comparison.importance else {
        return ().into_any();
    };
    let (hint, is_share) = match importance.measure {
        ImportanceMeasure::Permutation => {
            let metric = importance.metric.map_or("error", |metric| metric.label());
            let text = format!(
                "Rise of the {metric} when the input's values are dealt out anew among held-out rows: what the model would lose without it."
            );
            (text, false)
        }
        ImportanceMeasure::Gain => (
            "Share of what the trees' splits took off the error in training.".to_owned(),
            true,
        ),
    };
    let mut body: Vec<AnyView> = Vec::new();
    for feature in importance.rows.iter().take(IMPORTANT) {
        let cells = feature.values.iter().map(|value| match value {
            Some(value) if is_share => numbers::percent(*value).into_any(),
            Some(value) => numbers::decimal(*value).into_any(),
            None => missing("not computed"),
        });
        body.push(row(&feature.feature, cells.collect()));
    }
    let more = importance.rows.len().saturating_sub(IMPORTANT);
    let hint = match more {
        0 => hint,
        more => format!("{hint} The API has {more} more."),
    };
    let table = table(comparison, "What they rely on", "Input", body.into_any());
    view! { <Card title="What they rely on" hint flush=true>{table}</Card> }.into_any()
}
