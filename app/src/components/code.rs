use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use super::toast::use_toasts;
use crate::browser;

/// Puts `text` on the clipboard and says so.
#[component]
pub fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// What is copied, for screen readers and the tooltip.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    let toasts = use_toasts();
    let label = label.unwrap_or_else(|| "Copy".to_owned());
    let copy = move |_| {
        browser::copy(&text.get_untracked());
        toasts.ok("Copied");
    };
    view! {
        <button type="button" class="icon-button needs-script" aria-label=label.clone() title=label on:click=copy>
            <Icon glyph=Glyph::Copy/>
        </button>
    }
    .into_any()
}

/// Text to copy whole: a command, a snippet.
#[component]
pub fn CodeBlock(
    #[prop(into)] code: Signal<String>,
    /// A caption above, such as `curl`.
    #[prop(optional, into)]
    label: Option<String>,
) -> impl IntoView {
    view! {
        <figure class="code">
            <figcaption>
                <span>{label}</span>
                <CopyButton text=code label="Copy the code"/>
            </figcaption>
            <pre tabindex="0"><code>{move || code.get()}</code></pre>
        </figure>
    }
    .into_any()
}

/// An identifier or hash: shown short, copied whole.
#[component]
pub fn Identifier(#[prop(into)] text: String, #[prop(default = 12)] shown: usize) -> impl IntoView {
    let short = match text.char_indices().nth(shown) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.clone(),
    };
    view! {
        <span class="identifier">
            <code title=text.clone()>{short}</code>
            <CopyButton text=text label="Copy the whole text"/>
        </span>
    }
    .into_any()
}
