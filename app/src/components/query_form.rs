use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::browser;

/// A form whose fields become the query of a page.
#[component]
pub fn QueryForm(
    #[prop(into)] action: String,
    class: &'static str,
    children: Children,
) -> impl IntoView {
    let on_submit = {
        let (action, navigate) = (action.clone(), use_navigate());
        move |event: SubmitEvent| {
            if let Some(query) = browser::form_arguments(&event) {
                event.prevent_default();
                navigate(&format!("{action}?{query}"), Default::default());
            }
        }
    };
    view! {
        <form method="get" action=action class=class on:submit=on_submit>
            {children()}
        </form>
    }
    .into_any()
}
