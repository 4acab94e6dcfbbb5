//! Boxes to tick in a list, for what is to be compared.

use domain::comparisons::MOST_COMPARED;
use leptos::prelude::*;

/// What is ticked; it outlives the list, whose rows move when there is something new.
#[derive(Clone, Copy, Default)]
pub struct Chosen(RwSignal<Vec<String>>);

/// The box of a row, for the field `name` of the list's form.
pub fn tick(chosen: Chosen, name: &'static str, value: String, label: String) -> AnyView {
    let Chosen(ticked) = chosen;
    let is_ticked = {
        let value = value.clone();
        move || ticked.with(|ticked| ticked.contains(&value))
    };
    let change = {
        let value = value.clone();
        move |_| {
            ticked.update(|ticked| {
                let before = ticked.len();
                ticked.retain(|other| *other != value);
                if ticked.len() == before {
                    ticked.push(value.clone());
                }
            });
        }
    };
    view! {
        <input type="checkbox" name=name value=value aria-label=label prop:checked=is_ticked on:change=change />
    }
    .into_any()
}

/// Sends the form of the list.
pub fn compare_button(chosen: Chosen) -> AnyView {
    let Chosen(ticked) = chosen;
    let note = move || match ticked.with(Vec::len) {
        0 => format!("Tick two to {MOST_COMPARED} to see them beside each other."),
        1 => "1 is ticked: tick at least one more.".to_owned(),
        count if count > MOST_COMPARED => {
            format!("{count} are ticked, and {MOST_COMPARED} are compared at most.")
        }
        count => format!("{count} are ticked."),
    };
    view! {
        <div class="row">
            <button type="submit" class="button">"Compare"</button>
            <span class="hint" aria-live="polite">{note}</span>
        </div>
    }
    .into_any()
}
