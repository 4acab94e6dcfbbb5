use leptos::html::Input;
use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use super::numbers::bytes;
use crate::browser;

/// A file that the reader chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenFile {
    pub name: String,
    pub bytes: u64,
}

/// A place to drop a file on, which is also a button. Without WebAssembly it is the plain file input.
#[component]
pub fn FileDrop(
    name: &'static str,
    /// Such as `.csv,.parquet`.
    accept: &'static str,
    input: NodeRef<Input>,
    /// Called with the file that was dropped or picked.
    #[prop(into)]
    on_choose: Callback<ChosenFile>,
    #[prop(into)] hint: String,
) -> impl IntoView {
    let (over, set_over) = signal(false);
    let (chosen, set_chosen) = signal(None::<ChosenFile>);
    let changed = move || {
        if let Some((name, bytes)) = input
            .get_untracked()
            .and_then(|input| browser::chosen_file(&input))
        {
            let file = ChosenFile { name, bytes };
            set_chosen.set(Some(file.clone()));
            on_choose.run(file);
        }
    };
    let dropped = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        set_over.set(false);
        if let Some(input) = input.get_untracked() {
            browser::take_dropped(&input, &event);
            changed();
        }
    };
    view! {
        <label
            class="file-drop"
            class:is-over=move || over.get()
            on:dragover=move |event| {
                event.prevent_default();
                set_over.set(true);
            }
            on:dragleave=move |_| set_over.set(false)
            on:drop=dropped
        >
            <Icon glyph=Glyph::Upload/>
            <span class="file-drop-text">
                {move || match chosen.get() {
                    Some(file) => format!("{} ({})", file.name, bytes(file.bytes)),
                    None => "Drop a file here, or choose one".to_owned(),
                }}
            </span>
            <span class="hint">{hint}</span>
            <input type="file" name=name accept=accept required=true node_ref=input on:change=move |_| changed()/>
        </label>
    }
    .into_any()
}
