use leptos::prelude::*;

use super::toast::use_toasts;
use crate::browser;
use crate::calls::Change;

/// The button that sends a form; waits while the answer is on its way.
#[component]
pub fn Submit(
    #[prop(into)] label: Signal<String>,
    /// The form's action is running.
    #[prop(optional, into)]
    pending: Signal<bool>,
    #[prop(default = "button primary")] class: &'static str,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] title: Option<String>,
) -> impl IntoView {
    view! {
        <button type="submit" class=class title=title disabled=move || disabled.get() || pending.get() aria-busy=move || pending.get().then_some("true")>
            {move || label.get()}
        </button>
    }
    .into_any()
}

/// Says so when the change succeeds, and closes the dialog it was started from.
pub fn announce<C>(change: Change<C>, text: &'static str) {
    let toasts = use_toasts();
    change.on_success(move || {
        browser::close_dialogs();
        toasts.ok(text);
    });
}
