use leptos::prelude::*;

use super::code::{CodeBlock, CopyButton};
use super::icon::{Glyph, Icon};

/// A secret that is shown this once.
#[component]
pub fn SecretReveal(
    /// What it is, such as `API key "ci"`.
    #[prop(into)]
    title: String,
    #[prop(into)] secret: String,
    /// What happens if it is lost.
    #[prop(into)]
    note: String,
    /// A command that uses it.
    #[prop(optional, into)]
    command: Option<String>,
) -> impl IntoView {
    let (shown, label) = (secret.clone(), title.clone());
    view! {
        <section class="secret" aria-label=label>
            <p class="secret-title"><Icon glyph=Glyph::Key/>{title}</p>
            <p class="secret-value">
                <code>{shown}</code>
                <CopyButton text=secret label="Copy the secret"/>
            </p>
            <p class="hint">{note}</p>
            {command.map(|command| view! { <CodeBlock code=command label="Try it"/> })}
        </section>
    }
    .into_any()
}
