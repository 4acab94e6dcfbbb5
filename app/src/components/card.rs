use leptos::children::ViewFnOnce;
use leptos::prelude::*;

/// A titled box.
#[component]
pub fn Card(
    #[prop(optional, into)] title: Option<String>,
    /// One line under the title.
    #[prop(optional, into)]
    hint: Option<String>,
    /// Links or buttons beside the title.
    #[prop(optional, into)]
    actions: Option<ViewFnOnce>,
    /// No padding around the content: tables.
    #[prop(optional)]
    flush: bool,
    children: Children,
) -> impl IntoView {
    let has_head = title.is_some() || actions.is_some();
    view! {
        <section class="card" class:is-flush=flush>
            {has_head.then(|| view! {
                <header class="card-head">
                    <div>
                        {title.map(|title| view! { <h2>{title}</h2> })}
                        {hint.map(|hint| view! { <p class="hint">{hint}</p> })}
                    </div>
                    {actions.map(|actions| view! { <div class="card-actions">{actions.run()}</div> })}
                </header>
            })}
            <div class="card-body">{children()}</div>
        </section>
    }
    .into_any()
}
