use leptos::prelude::*;

use crate::components::table::TableFrame;

/// A table below its heading, and a sentence that says how to read it. The child is a `<table>` as [`TableFrame`] takes it.
#[component]
pub fn TableSection(
    #[prop(into)] title: String,
    #[prop(into)] reading: String,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="stack">
            <h3>{title.clone()}</h3>
            <p class="muted">{reading}</p>
            <TableFrame label=title>{children()}</TableFrame>
        </section>
    }
    .into_any()
}
