use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::browser;
use crate::calls::{Change, ChangeForm};
use crate::context::ThemeChoice;
use crate::server_fns::session::SetTheme;
use crate::theme::Theme;

/// Three ways to look at it; kept in a cookie, so that the next page is painted right at once.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let action = Change::<SetTheme>::new();
    let ThemeChoice(chosen) = expect_context();
    view! {
        <ChangeForm change=action>
            <fieldset class="theme-switch">
                <legend class="visually-hidden">"Theme"</legend>
                {Theme::ALL.into_iter().map(|theme| view! { <ThemeButton theme chosen/> }).collect_view()}
            </fieldset>
        </ChangeForm>
    }
    .into_any()
}

#[component]
fn ThemeButton(theme: Theme, chosen: RwSignal<Theme>) -> impl IntoView {
    let glyph = match theme {
        Theme::System => Glyph::Screen,
        Theme::Light => Glyph::Sun,
        Theme::Dark => Glyph::Moon,
    };
    let choose = move |_| {
        chosen.set(theme);
        browser::set_root_data("theme", theme.as_str());
    };
    view! {
        <button type="submit" name="theme" value=theme.as_str() class="icon-button" title=theme.label() aria-label=theme.label() aria-pressed=move || (chosen.get() == theme).to_string() on:click=choose>
            <Icon glyph/>
        </button>
    }
}
