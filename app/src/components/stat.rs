use leptos::prelude::*;

/// One figure with its name, and what to hold it against.
#[component]
pub fn Stat(
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<String>,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    view! {
        <div class="stat">
            <span class="stat-label">{label}</span>
            <span class="stat-value">{move || value.get()}</span>
            {hint.map(|hint| view! { <span class="hint">{hint}</span> })}
        </div>
    }
    .into_any()
}

/// Figures side by side.
#[component]
pub fn Stats(children: Children) -> impl IntoView {
    view! { <div class="stats">{children()}</div> }.into_any()
}
