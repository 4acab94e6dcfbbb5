use leptos::prelude::*;

/// The pages above this one; nothing when there are none.
#[component]
pub fn Breadcrumbs(#[prop(into)] crumbs: Signal<Vec<(String, String)>>) -> impl IntoView {
    move || {
        let crumbs = crumbs.get();
        (!crumbs.is_empty()).then(|| {
            view! {
                <nav class="breadcrumbs" aria-label="Breadcrumb">
                    <ol>
                        {crumbs.into_iter().map(|(label, href)| view! { <li><a href=href>{label}</a></li> }).collect_view()}
                    </ol>
                </nav>
            }
        })
    }
}
