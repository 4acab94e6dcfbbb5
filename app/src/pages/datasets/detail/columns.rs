use domain::datasets::{ColumnProfile, DatasetStatus, HistogramBar, TopValue};
use leptos::prelude::*;

use crate::components::badge::{Badge, Tone};
use crate::components::card::Card;
use crate::components::numbers::{count, decimal, percent};
use crate::components::table::TableFrame;

/// What every column holds.
#[component]
pub(super) fn Columns(
    columns: Vec<ColumnProfile>,
    rows: u64,
    status: DatasetStatus,
) -> impl IntoView {
    if columns.is_empty() {
        let text = match status {
            DatasetStatus::Profiling => "The columns appear here as soon as the file is read.",
            DatasetStatus::Failed | DatasetStatus::Ready => "There are no columns to show.",
        };
        return view! { <Card><p class="muted">{text}</p></Card> }.into_any();
    }
    let body = columns
        .into_iter()
        .map(|column| row(column, rows))
        .collect_view();
    view! {
        <Card flush=true>
            <TableFrame label="Columns">
                <table class="table columns">
                    <thead>
                        <tr>
                            <th scope="col">"Column"</th>
                            <th scope="col">"Type"</th>
                            <th scope="col">"Distribution"</th>
                            <th scope="col" class="num">"Missing"</th>
                            <th scope="col" class="num">"Distinct"</th>
                            <th scope="col" class="num">"Min"</th>
                            <th scope="col" class="num">"Mean"</th>
                            <th scope="col" class="num">"Max"</th>
                            <th scope="col" class="num">"Std"</th>
                            <th scope="col">"Warnings"</th>
                        </tr>
                    </thead>
                    <tbody>{body}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}

fn row(column: ColumnProfile, rows: u64) -> impl IntoView {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), decimal);
    let missing = if column.missing == 0 {
        "0".to_owned()
    } else {
        format!(
            "{} ({})",
            count(column.missing),
            percent(column.missing as f64 / rows.max(1) as f64)
        )
    };
    let distribution = if column.histogram.is_empty() {
        top_values(
            &column.name,
            column.top_values,
            rows.saturating_sub(column.missing),
        )
    } else {
        histogram(&column.name, &column.histogram)
    };
    let warnings = column
        .warnings
        .into_iter()
        .map(|warning| view! { <li><Badge tone=Tone::Warn>{warning.code.replace('_', " ")}</Badge> <span class="hint">{warning.message}</span></li> })
        .collect_view();
    view! {
        <tr>
            <th scope="row">{column.name}</th>
            <td>
                <Badge>{column.kind.as_str()}</Badge>
                {column.nullable.then(|| view! { <span class="hint">" nullable"</span> })}
            </td>
            <td>{distribution}</td>
            <td class="num">{missing}</td>
            <td class="num">{count(column.distinct)}</td>
            <td class="num">{number(column.min)}</td>
            <td class="num">{number(column.mean)}</td>
            <td class="num">{number(column.max)}</td>
            <td class="num">{number(column.std)}</td>
            <td class="wrap"><ul class="stack-tight">{warnings}</ul></td>
        </tr>
    }
}

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 32.0;

fn histogram(name: &str, bars: &[HistogramBar]) -> AnyView {
    let tallest = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1) as f64;
    let step = WIDTH / bars.len() as f64;
    let drawn = bars
        .iter()
        .enumerate()
        .map(|(index, bar)| {
            // A bar that holds anything can be seen.
            let height = if bar.count == 0 { 0.0 } else { (bar.count as f64 / tallest * HEIGHT).max(1.0) };
            view! {
                <rect
                    x=format!("{:.1}", index as f64 * step)
                    y=format!("{:.1}", HEIGHT - height)
                    width=format!("{:.1}", step - 1.0)
                    height=format!("{height:.1}")
                >
                    <title>{format!("{} to {}: {}", decimal(bar.from), decimal(bar.to), count(bar.count))}</title>
                </rect>
            }
        })
        .collect_view();
    let (from, to) = (
        bars.first().map_or(0.0, |bar| bar.from),
        bars.last().map_or(0.0, |bar| bar.to),
    );
    let fullest = bars.iter().max_by_key(|bar| bar.count);
    let peak = fullest
        .map(|bar| {
            format!(
                ", most between {} and {}",
                decimal(bar.from),
                decimal(bar.to)
            )
        })
        .unwrap_or_default();
    view! {
        <svg
            class="histogram"
            role="img"
            aria-label=format!("Histogram of {name} from {} to {}{peak}", decimal(from), decimal(to))
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            width=WIDTH.to_string()
            height=HEIGHT.to_string()
        >
            {drawn}
        </svg>
    }
    .into_any()
}

fn top_values(name: &str, values: Vec<TopValue>, present: u64) -> AnyView {
    let name = name.to_owned();
    let items = values
        .into_iter()
        .take(3)
        .map(move |top| {
            let share = top.count as f64 / present.max(1) as f64;
            view! {
                <li class="top-value">
                    <span title=top.value.clone()>{top.value.clone()}</span>
                    <meter min="0" max="1" value=share.to_string() aria-label=format!("Share of {} in {name}", top.value)></meter>
                    <span class="hint num">{percent(share)}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="top-values">{items}</ul> }.into_any()
}
