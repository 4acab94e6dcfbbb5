use std::time::Duration;

use leptos::prelude::*;

use super::badge::Tone;
use super::icon::{Glyph, Icon};

const SHOWN_FOR: Duration = Duration::from_secs(6);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Toast {
    id: u32,
    tone: Tone,
    text: String,
}

/// Short messages at the edge of the window.
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

impl Toasts {
    pub(crate) fn provide() {
        provide_context(Self {
            shown: RwSignal::new(Vec::new()),
            next: StoredValue::new(0),
        });
    }

    pub fn ok(self, text: impl Into<String>) {
        self.show(Tone::Ok, text.into());
    }

    pub fn danger(self, text: impl Into<String>) {
        self.show(Tone::Danger, text.into());
    }

    fn show(self, tone: Tone, text: String) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.shown.update(|shown| {
            // A repeated message renews itself.
            shown.retain(|toast| toast.text != text);
            shown.push(Toast { id, tone, text });
        });
        let _ = set_timeout_with_handle(move || self.dismiss(id), SHOWN_FOR);
    }

    fn dismiss(self, id: u32) {
        let _ = self
            .shown
            .try_update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// The page's toasts.
#[must_use]
pub fn use_toasts() -> Toasts {
    expect_context()
}

/// Where they appear: read out politely.
#[component]
pub(crate) fn ToastRegion() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || toasts.shown.get() key=|toast| toast.id let:toast>
                <div class="toast" data-tone=toast.tone.as_str()>
                    <Icon glyph=if toast.tone == Tone::Ok { Glyph::Done } else { Glyph::Warning }/>
                    <span>{toast.text}</span>
                    <button type="button" class="icon-button" aria-label="Dismiss" on:click=move |_| toasts.dismiss(toast.id)>
                        <Icon glyph=Glyph::Cross/>
                    </button>
                </div>
            </For>
        </div>
    }
    .into_any()
}
