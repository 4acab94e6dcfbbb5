use leptos::prelude::*;

/// How the traffic is shared: words and a bar. The canary's part is hatched, so that it does not rest on colour.
#[component]
pub fn TrafficBar(
    /// The stable version.
    stable: i32,
    /// The canary's version.
    canary: Option<i32>,
    /// Per cent of the traffic that goes to the canary.
    #[prop(into)]
    weight: Signal<f64>,
) -> impl IntoView {
    let Some(canary) = canary else {
        return view! { <p class="traffic-words">{format!("v{stable} takes all traffic")}</p> }
            .into_any();
    };
    let rest = move || 100.0 - weight.get();
    view! {
        <div class="traffic">
            <p class="traffic-words">
                <span class="traffic-key" data-arm="stable">{move || format!("v{stable} stable {} %", per_cent(rest()))}</span>
                <span class="traffic-key" data-arm="canary">{move || format!("v{canary} canary {} %", per_cent(weight.get()))}</span>
            </p>
            <svg class="traffic-bar" viewBox="0 0 100 4" preserveAspectRatio="none" width="100%" height="10" aria-hidden="true" focusable="false">
                <rect class="traffic-stable" x="0" y="0" width=move || rest().to_string() height="4"></rect>
                <rect class="traffic-canary" x=move || rest().to_string() y="0" width=move || weight.get().to_string() height="4"></rect>
            </svg>
        </div>
    }
    .into_any()
}

/// Up to one digit after the point.
#[must_use]
pub fn per_cent(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    tenths.to_string()
}

#[cfg(test)]
mod tests {
    use super::per_cent;

    #[test]
    fn whole_weights_have_no_digits_after_the_point() {
        assert_eq!(per_cent(10.0), "10");
        assert_eq!(per_cent(100.0 - 33.3), "66.7");
    }
}
