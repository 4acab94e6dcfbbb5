use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::browser;

/// A modal window. [`DialogButton`] opens it, by HTML alone where the browser knows invoker commands.
#[component]
pub fn Dialog(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    #[prop(into)] title: String,
    /// Shown by the page itself, beside its content.
    #[prop(optional)]
    open: bool,
    children: Children,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    let labelled_by = title_id.clone();
    let target = id.clone();
    let close = {
        let id = id.clone();
        move |_| browser::close_dialog(&id)
    };
    view! {
        <dialog id=id class="dialog" aria-labelledby=labelled_by closedby="any" open=open>
            <header class="dialog-head">
                <h2 id=title_id>{title}</h2>
                <button type="button" class="icon-button" commandfor=target command="close" aria-label="Close" on:click=close>
                    <Icon glyph=Glyph::Cross/>
                </button>
            </header>
            <div class="dialog-body">{children()}</div>
        </dialog>
    }
    .into_any()
}

/// Opens the [`Dialog`] with this id.
#[component]
pub fn DialogButton(
    #[prop(into)] id: String,
    /// Classes of the button: `button`, `button primary`, `button danger`, `button small`.
    #[prop(default = "button")]
    class: &'static str,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// Why it can not be used, or what it does.
    #[prop(optional, into)]
    title: Option<String>,
    children: Children,
) -> impl IntoView {
    let target = id.clone();
    view! {
        <button
            type="button"
            class=class
            commandfor=target
            command="show-modal"
            title=title
            disabled=move || disabled.get()
            on:click=move |_| browser::open_dialog(&id)
        >
            {children()}
        </button>
    }
    .into_any()
}
