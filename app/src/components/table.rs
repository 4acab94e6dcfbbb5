use leptos::prelude::*;

/// The frame of a table: it scrolls sideways on its own and can be reached by keyboard. The child is a `<table>` with an
/// explicit `<tbody>`; numeric cells carry the class `num`.
#[component]
pub fn TableFrame(
    /// What the table lists, for screen readers.
    #[prop(into)]
    label: String,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="table-frame" role="region" tabindex="0" aria-label=label>
            {children()}
        </div>
    }
    .into_any()
}

/// Names and values in two columns.
#[component]
pub fn Facts(
    /// Name and what stands beside it.
    facts: Vec<(&'static str, AnyView)>,
) -> impl IntoView {
    view! {
        <dl class="facts">
            {facts.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
        </dl>
    }
    .into_any()
}
