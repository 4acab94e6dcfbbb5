use leptos::prelude::*;

/// Links between the views of one page; the URL says which is shown.
#[component]
pub fn Tabs(
    /// What the tabs belong to.
    #[prop(into)]
    label: String,
    /// Key, label and address.
    #[prop(into)]
    items: Signal<Vec<(&'static str, String, String)>>,
    /// The key of the tab that is shown.
    #[prop(into)]
    current: Signal<String>,
) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label=label>
            <ul>
                {move || items.get().into_iter().map(|(key, label, href)| {
                    let is_current = move || current.with(|current| current == key);
                    view! { <li><a href=href aria-current=move || is_current().then_some("page")>{label}</a></li> }
                }).collect_view()}
            </ul>
        </nav>
    }
    .into_any()
}
