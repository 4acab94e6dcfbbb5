use leptos::prelude::*;
use leptos_meta::Title;

use super::breadcrumbs::Breadcrumbs;

/// The head of every page: where it is, what it is called, what can be done. Sets the document's title.
#[component]
pub fn PageHeader(
    #[prop(into)] title: Signal<String>,
    /// One sentence under the title.
    #[prop(optional, into)]
    lead: Option<String>,
    /// Pages above this one: label and address.
    #[prop(optional, into)]
    crumbs: Signal<Vec<(String, String)>>,
    /// Buttons and links on the right.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    // The server reads the title when the page is done, on a thread that may by then hold the values of another request.
    let owner = Owner::current();
    let text = move || match &owner {
        Some(owner) => owner.with(|| title.get()),
        None => title.get(),
    };
    view! {
        <Title text/>
        <header class="page-header">
            <Breadcrumbs crumbs/>
            <div class="page-header-row">
                <h1>{move || title.get()}</h1>
                {children.map(|children| view! { <div class="page-actions">{children()}</div> })}
            </div>
            {lead.map(|lead| view! { <p class="page-lead">{lead}</p> })}
        </header>
    }
    .into_any()
}
