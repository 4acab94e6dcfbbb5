//! Where a model is worse than on average.

use domain::models::{Metric, SMALL_SEGMENT, Segment, SegmentedColumn};
use leptos::prelude::*;

use crate::components::badge::{Badge, Tone};
use crate::components::numbers;
use crate::components::table::TableFrame;

#[component]
pub fn Segments(segments: Vec<SegmentedColumn>, metric: Metric) -> impl IntoView {
    let worse = segments
        .iter()
        .flat_map(|column| &column.segments)
        .filter(|segment| segment.is_worse)
        .count();
    let found = match worse {
        0 => "On none of these parts is it clearly worse than on all held-out rows.".to_owned(),
        1 => "On one part it is clearly worse than on all held-out rows.".to_owned(),
        count => format!("On {count} parts it is clearly worse than on all held-out rows."),
    };
    let reading = format!(
        "The held-out rows of each category, or quarter of the numbers. {found} Of parts, some are so by chance: one in forty, where nothing is behind it. \
         Fewer than {SMALL_SEGMENT} rows say little."
    );
    let columns = segments
        .into_iter()
        .enumerate()
        .map(|(place, of)| column(place, of, metric))
        .collect_view();
    view! {
        <section class="stack">
            <h3>"Where it does better and worse"</h3>
            <p class="muted">{reading}</p>
            <div class="stack-tight">{columns}</div>
        </section>
    }
    .into_any()
}

/// Only the first is open, since a table may have many columns; those of the others that hold something say so.
fn column(place: usize, of: SegmentedColumn, metric: Metric) -> AnyView {
    let is_worse = of.segments.iter().any(|segment| segment.is_worse);
    let mark = is_worse.then(|| view! { <Badge tone=Tone::Warn>"worse"</Badge> });
    let label = format!("Parts of {}", of.column);
    let rows = of.segments.into_iter().map(row).collect_view();
    view! {
        <details class="segments" open=place == 0>
            <summary><span class="mono">{of.column}</span> " " {mark}</summary>
            <TableFrame label>
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Part"</th>
                            <th scope="col" class="num">"Rows"</th>
                            <th scope="col" class="num">{metric.label()}</th>
                            <th scope="col" class="num">"95 % interval"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </details>
    }
    .into_any()
}

fn row(segment: Segment) -> AnyView {
    let Segment {
        name,
        rows,
        estimate,
        is_small,
        is_worse,
    } = segment;
    let interval = format!(
        "{} to {}",
        numbers::decimal(estimate.low),
        numbers::decimal(estimate.high)
    );
    let mark = match (is_worse, is_small) {
        (true, _) => Some(view! { <Badge tone=Tone::Warn>"worse"</Badge> }.into_any()),
        (false, true) => Some(view! { <span class="hint">"few rows"</span> }.into_any()),
        (false, false) => None,
    };
    view! {
        <tr>
            <th scope="row" class="wrap">{name} " " {mark}</th>
            <td class="num">{numbers::count(rows.into())}</td>
            <td class="num strong">{numbers::decimal(estimate.value)}</td>
            <td class="num">{interval}</td>
        </tr>
    }
    .into_any()
}
