use leptos::prelude::*;

/// A bar to the right for a raising effect, to the left for a lowering one. The number stands beside it.
pub fn effect_bar(effect: f64, largest: f64) -> AnyView {
    let share = if largest > 0.0 {
        (effect.abs() / largest).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let width = 48.0 * share;
    let x = if effect < 0.0 { 50.0 - width } else { 50.0 };
    view! {
        <svg class="effect-bar" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" focusable="false">
            <line x1="50" y1="0" x2="50" y2="10" class="effect-axis"></line>
            <rect x=format!("{x:.1}") y="2" width=format!("{width:.1}") height="6" class:is-negative=effect < 0.0></rect>
        </svg>
    }
    .into_any()
}
