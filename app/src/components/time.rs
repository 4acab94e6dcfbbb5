use domain::Timestamp;
use leptos::prelude::*;

use super::numbers::minute;
use crate::browser::clock;

/// A moment: UTC as the server renders it, then its age, with the exact times in the tooltip.
#[component]
pub fn Time(at: Timestamp) -> impl IntoView {
    let utc = format!("{} UTC", minute(at));
    let (text, set_text) = signal(utc.clone());
    let (title, set_title) = signal(utc.clone());
    Effect::new(move |_| {
        clock::track();
        if let Some(age) = clock::age(at) {
            set_text.set(clock::in_words(age));
        }
        if let Some(local) = clock::local(at) {
            set_title.set(format!("{local} local · {utc}"));
        }
    });
    view! { <time datetime=at.to_string() title=title>{text}</time> }
}

/// A moment as the reader's calendar shows it; for tables where the exact time matters.
#[component]
pub fn ExactTime(at: Timestamp) -> impl IntoView {
    let utc = format!("{} UTC", minute(at));
    let (text, set_text) = signal(utc.clone());
    Effect::new(move |_| {
        if let Some(local) = clock::local(at) {
            set_text.set(local);
        }
    });
    view! { <time datetime=at.to_string() title=utc>{text}</time> }
}

/// A moment that may not have come yet.
#[component]
pub fn MaybeTime(
    at: Option<Timestamp>,
    #[prop(default = "never")] otherwise: &'static str,
) -> impl IntoView {
    match at {
        Some(at) => view! { <Time at/> }.into_any(),
        None => view! { <span class="muted">{otherwise}</span> }.into_any(),
    }
}
