//! Charts: drawn by ECharts once the page is live, and always there as a table.

mod data;
#[cfg(feature = "hydrate")]
mod engine;
#[cfg(feature = "hydrate")]
mod options;

pub use data::{
    ChartData, ChartLine, Curve, CurveChart, CurveUnit, Dash, HistogramChart, LineChart,
    ScatterChart, Unit, lettered, with_gaps,
};

use leptos::html::Div;
use leptos::prelude::*;

use crate::components::table::TableFrame;

/// A titled chart with its table twin. The box keeps its height from the first paint on, so nothing moves when the
/// drawing arrives. `summary` says in one sentence what the chart shows.
#[component]
pub fn Chart(
    #[prop(into)] title: String,
    #[prop(into)] summary: Signal<String>,
    #[prop(into)] data: Signal<ChartData>,
) -> impl IntoView {
    let canvas = NodeRef::<Div>::new();
    let (state, set_state) = signal(DrawingState::Waiting);
    let (cursor, set_cursor) = signal(None::<(usize, usize)>);
    #[cfg(feature = "hydrate")]
    draw(canvas, data, cursor, set_state);
    #[cfg(not(feature = "hydrate"))]
    let _ = set_state;

    let spoken = move || {
        let (series, point) = cursor.get()?;
        data.with(|data| data.describe(series, point))
    };
    let label = {
        let title = title.clone();
        move || {
            format!(
                "{title}. {} Arrow keys move along the points.",
                summary.get()
            )
        }
    };
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let next = data.with(|data| moved(&event.key(), cursor.get(), data));
        if let Some(next) = next {
            event.prevent_default();
            set_cursor.set(Some(next));
        }
    };
    let note = move || match state.get() {
        DrawingState::Waiting => summary.get(),
        DrawingState::Failed => {
            "The drawing could not be loaded. The table below holds the same figures.".to_owned()
        }
        DrawingState::Drawn => String::new(),
    };
    view! {
        <figure class="chart">
            <figcaption class="chart-title">{title}</figcaption>
            <div class="chart-box" class:is-drawn=move || state.get() == DrawingState::Drawn>
                <p class="chart-note">{note}</p>
                <div class="chart-cursor" role="group" aria-roledescription="chart" aria-label=label tabindex="0" on:keydown=on_key>
                    <div class="chart-canvas" role="img" aria-label=summary node_ref=canvas></div>
                </div>
            </div>
            <p class="visually-hidden" aria-live="polite">{spoken}</p>
            <TableTwin data />
        </figure>
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrawingState {
    Waiting,
    Drawn,
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser draws")
    )]
    Failed,
}

#[cfg(feature = "hydrate")]
fn draw(
    canvas: NodeRef<Div>,
    data: Signal<ChartData>,
    cursor: ReadSignal<Option<(usize, usize)>>,
    set_state: WriteSignal<DrawingState>,
) {
    let drawing = StoredValue::new_local(None::<engine::Drawing>);
    Effect::new(move |_| {
        let Some(element) = canvas.get() else { return };
        match engine::library().get() {
            engine::Library::Loading => return,
            engine::Library::Failed => return set_state.set(DrawingState::Failed),
            engine::Library::Ready => {}
        }
        engine::theme().track();
        let Some(palette) = options::Palette::read(&element) else {
            return;
        };
        let options = data.with(|data| options::build(data, &palette));
        drawing.update_value(|drawing| {
            if drawing.is_none() {
                *drawing = engine::Drawing::new(&element);
            }
            if let Some(drawing) = drawing {
                drawing.draw(&options);
            }
        });
        set_state.set(if drawing.with_value(Option::is_some) {
            DrawingState::Drawn
        } else {
            DrawingState::Failed
        });
    });
    Effect::new(move |_| {
        let Some((series, point)) = cursor.get() else {
            return;
        };
        drawing.with_value(|drawing| {
            if let Some(drawing) = drawing {
                drawing.point_at(series, point);
            }
        });
    });
    on_cleanup(move || {
        drawing.try_update_value(|drawing| *drawing = None);
    });
}

/// Where a key takes the point cursor; `None` for keys that mean nothing here.
fn moved(key: &str, cursor: Option<(usize, usize)>, data: &ChartData) -> Option<(usize, usize)> {
    let series_count = data.series_count();
    let (series, point) = cursor.unwrap_or((0, 0));
    let last = data.point_count(series).checked_sub(1)?;
    let next = match (key, cursor) {
        ("ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown", None) | ("End", _) => (series, last),
        ("ArrowLeft", _) => (series, point.saturating_sub(1)),
        ("ArrowRight", _) => (series, point + 1),
        ("ArrowUp", _) => ((series + series_count - 1) % series_count, point),
        ("ArrowDown", _) => ((series + 1) % series_count, point),
        ("Home", _) => (series, 0),
        _ => return None,
    };
    Some((next.0, next.1.min(data.point_count(next.0).checked_sub(1)?)))
}

#[component]
fn TableTwin(data: Signal<ChartData>) -> impl IntoView {
    let table = move || {
        let (heads, rows) = data.with(ChartData::table);
        view! {
            <table class="table">
                <thead>
                    <tr>{heads.into_iter().map(|head| view! { <th scope="col">{head}</th> }).collect_view()}</tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| view! { <tr>{row.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr> })
                        .collect_view()}
                </tbody>
            </table>
        }
    };
    view! {
        <details class="chart-table">
            <summary>"Show as table"</summary>
            <TableFrame label="The chart's figures">{table}</TableFrame>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn arrow_keys_walk_along_the_points_and_between_the_lines() {
        let at = |minute: i64| Timestamp::UNIX_EPOCH.plus_seconds(minute * 60);
        let line = |length: i64| ChartLine {
            name: "v".to_owned(),
            slot: 0,
            dash: Dash::Solid,
            points: (0..length).map(|minute| (at(minute), Some(1.0))).collect(),
        };
        let data = ChartData::Lines(LineChart {
            unit: Unit::Count,
            from: at(0),
            to: at(9),
            lines: vec![line(5), line(2)],
            markers: Vec::new(),
        });
        assert_eq!(moved("ArrowRight", None, &data), Some((0, 4)));
        assert_eq!(moved("ArrowLeft", Some((0, 4)), &data), Some((0, 3)));
        assert_eq!(moved("ArrowRight", Some((0, 4)), &data), Some((0, 4)));
        assert_eq!(moved("ArrowDown", Some((0, 4)), &data), Some((1, 1)));
        assert_eq!(moved("ArrowUp", Some((0, 0)), &data), Some((1, 0)));
        assert_eq!(moved("Home", Some((0, 4)), &data), Some((0, 0)));
        assert_eq!(moved("Tab", Some((0, 4)), &data), None);
    }
}
