use leptos::prelude::*;
use leptos_meta::Title;

use crate::error::set_status;

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    set_status(404);
    view! {
        <Title text="Not found"/>
        <div class="empty">
            <h1>"There is no such page"</h1>
            <p>"The address may be mistyped, or the thing it named is gone."</p>
            <p><a class="button" href="/">"To the overview"</a></p>
        </div>
    }
    .into_any()
}
