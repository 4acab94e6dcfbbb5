//! Where a model is worse than on average.

use domain::models::{Metric, SMALL_SEGMENT, Segment, SegmentedColumn};
use leptos::prelude::*;

use crate::components::badge::{Badge, Tone};
use crate::components::numbers;
use crate::components::section::TableSection;

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
    let rows = segments.into_iter().map(column).collect_view();
    view! {
        <TableSection title="Where it does better and worse" reading>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Column"</th>
                        <th scope="col">"Part"</th>
                        <th scope="col" class="num">"Rows"</th>
                        <th scope="col" class="num">{metric.label()}</th>
                        <th scope="col" class="num">"95 % interval"</th>
                    </tr>
                </thead>
                {rows}
            </table>
        </TableSection>
    }
    .into_any()
}

fn column(column: SegmentedColumn) -> AnyView {
    let name = column.column;
    let rows = column
        .segments
        .into_iter()
        .map(|segment| row(&name, segment))
        .collect_view();
    view! { <tbody>{rows}</tbody> }.into_any()
}

fn row(column: &str, segment: Segment) -> AnyView {
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
            <td class="mono">{column.to_owned()}</td>
            <th scope="row" class="wrap">{name} " " {mark}</th>
            <td class="num">{numbers::count(rows.into())}</td>
            <td class="num strong">{numbers::decimal(estimate.value)}</td>
            <td class="num">{interval}</td>
        </tr>
    }
    .into_any()
}
