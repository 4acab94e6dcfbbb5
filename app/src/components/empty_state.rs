use leptos::prelude::*;

use super::code::CodeBlock;
use super::icon::{Glyph, Icon};

/// What stands where there is nothing yet: what this is, one thing to do (the children), and a command that does it too.
#[component]
pub fn EmptyState(
    glyph: Glyph,
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional, into)] command: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="empty-icon"><Icon glyph/></span>
            <h2>{title}</h2>
            <p>{text}</p>
            {children.map(|children| view! { <div class="empty-action">{children()}</div> })}
            {command.map(|command| view! { <CodeBlock code=command label="The same from a shell"/> })}
        </div>
    }
    .into_any()
}
