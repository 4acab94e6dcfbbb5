use leptos::prelude::*;

use super::badge::Tone;
use super::icon::{Glyph, Icon};

/// A message across the page or a form. Danger and warning are announced when they appear.
#[component]
pub fn Banner(#[prop(optional)] tone: Tone, children: Children) -> impl IntoView {
    let glyph = match tone {
        Tone::Ok => Glyph::Done,
        Tone::Warn => Glyph::Warning,
        Tone::Danger => Glyph::Failed,
        Tone::Neutral | Tone::Accent | Tone::Info => Glyph::Info,
    };
    let role = if matches!(tone, Tone::Danger | Tone::Warn) {
        "alert"
    } else {
        "status"
    };
    view! {
        <div class="banner" data-tone=tone.as_str() role=role>
            <Icon glyph/>
            <div>{children()}</div>
        </div>
    }
    .into_any()
}
