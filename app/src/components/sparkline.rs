use std::fmt::Write as _;

use leptos::prelude::*;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;
/// Keeps the stroke inside the box at the extremes.
const INSET: f64 = 2.0;

/// A small line without axes. `label` says in words what it shows, since the line alone says it to no screen reader.
#[component]
pub fn Sparkline(values: Vec<f64>, #[prop(into)] label: String) -> impl IntoView {
    let points = points(&values);
    view! {
        <svg
            class="sparkline"
            role="img"
            aria-label=label
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            preserveAspectRatio="none"
            width=WIDTH.to_string()
            height=HEIGHT.to_string()
        >
            <polyline points=points fill="none" stroke-width="1.5" vector-effect="non-scaling-stroke"></polyline>
        </svg>
    }
}

/// From zero at the bottom to the largest value at the top.
fn points(values: &[f64]) -> String {
    let top = values.iter().copied().fold(0.0, f64::max);
    let step = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let mut points = String::with_capacity(values.len() * 12);
    for (index, value) in values.iter().enumerate() {
        let share = if top > 0.0 {
            (value / top).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let y = HEIGHT - INSET - share * (HEIGHT - 2.0 * INSET);
        let separator = if index == 0 { "" } else { " " };
        let _ = write!(points, "{separator}{:.1},{y:.1}", index as f64 * step);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn the_line_spans_the_box_from_zero_to_the_largest_value() {
        assert_eq!(points(&[0.0, 5.0, 10.0]), "0.0,26.0 60.0,14.0 120.0,2.0");
        assert_eq!(points(&[0.0, 0.0]), "0.0,26.0 120.0,26.0");
        assert_eq!(points(&[]), "");
    }
}
