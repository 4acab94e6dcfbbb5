//! The upload dialog: a plain multipart form; once the page is live also drag and drop, progress and cancel.

use domain::Name;
use domain::datasets::DatasetVersion;
use leptos::html::Input;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::browser;
use crate::browser::upload::{Upload, Uploader};
use crate::components::dialog::Dialog;
use crate::components::error_panel::FormError;
use crate::components::field::Field;
use crate::components::file_drop::{ChosenFile, FileDrop};
use crate::components::numbers::{bytes, duration, percent};
use crate::components::submit::Submit;
use crate::context::{use_project, use_site};
use crate::error::AppError;

pub(super) const DIALOG: &str = "upload";

/// Uploads a new dataset, or a new version of `name`.
#[component]
pub(super) fn UploadDialog(
    /// The dataset that gets a new version.
    #[prop(optional, into)]
    name: Option<Name>,
) -> impl IntoView {
    let project = use_project();
    let limit = use_site().max_upload_bytes;
    let uploader = Uploader::new();
    let state = uploader.state();
    let file = NodeRef::<Input>::new();
    let text = RwSignal::new(name.as_ref().map(ToString::to_string).unwrap_or_default());
    let size = RwSignal::new(0_u64);
    let is_fixed = name.is_some();
    let choose = move |chosen: ChosenFile| {
        size.set(chosen.bytes);
        if text.with_untracked(String::is_empty)
            && let Some(name) = Name::suggest(&chosen.name)
        {
            text.set(name.to_string());
        }
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if limit > 0 && size.get_untracked() > limit {
            let detail = format!(
                "the file has {}, and this server takes at most {}",
                bytes(size.get_untracked()),
                bytes(limit)
            );
            uploader.fail(AppError::local("too_large", detail));
        } else {
            uploader.send(&event);
        }
    };
    on_upload(state, project);
    on_cleanup(move || {
        if matches!(state.get_untracked(), Upload::Sending { .. }) {
            uploader.cancel();
        }
    });
    let is_sending = Signal::derive(move || matches!(state.get(), Upload::Sending { .. }));
    let title = name.map_or_else(
        || "Upload a dataset".to_owned(),
        |name| format!("Upload a version of {name}"),
    );
    let error = Signal::derive(move || match state.get() {
        Upload::Failed(error) => Some(error),
        _ => None,
    });
    view! {
        <Dialog id=DIALOG title>
            <form
                class="form"
                method="post"
                enctype="multipart/form-data"
                action=move || format!("/p/{}/datasets/upload", project.get())
                on:submit=submit
            >
                // The name comes first: the server reads the file as it arrives.
                <Field id="dataset-name" label="Name" hint=name_hint(is_fixed)>
                    <input
                        class="input"
                        id="dataset-name"
                        name="name"
                        maxlength="63"
                        pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
                        placeholder="california-housing"
                        readonly=is_fixed
                        aria-describedby="dataset-name-note"
                        prop:value=move || text.get()
                        value=text.get_untracked()
                        on:input=move |event| text.set(event_target_value(&event))
                    />
                </Field>
                <FileDrop
                    name="file"
                    accept=".csv,.parquet,.pq,text/csv"
                    input=file
                    on_choose=choose
                    hint=format!("CSV with a header line, or Parquet, up to {}", bytes(limit))
                />
                <FormError error/>
                <SendingNote state/>
                <div class="form-actions">
                    <Submit label="Upload" pending=is_sending/>
                    {move || is_sending.get().then(|| view! {
                        <button type="button" class="button" on:click=move |_| uploader.cancel()>"Cancel"</button>
                    })}
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}

fn name_hint(is_fixed: bool) -> &'static str {
    if is_fixed {
        "The file becomes its next version."
    } else {
        "An existing name gets a new version."
    }
}

/// Goes to the dataset once it is stored.
fn on_upload(state: Signal<Upload>, project: Memo<Name>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Upload::Done(body) = state.get() else {
            return;
        };
        browser::close_dialog(DIALOG);
        if let Ok(version) = serde_json::from_str::<DatasetVersion>(&body) {
            let path = format!(
                "/p/{}/datasets/{}?v={}",
                project.get_untracked(),
                version.name,
                version.version
            );
            navigate(&path, leptos_router::NavigateOptions::default());
        }
    });
}

/// How much is sent, how fast, and how long it will take.
#[component]
fn SendingNote(state: Signal<Upload>) -> impl IntoView {
    move || match state.get() {
        Upload::Sending {
            sent,
            total,
            seconds,
        } if total > 0.0 => {
            let share = sent / total;
            let text = if sent >= total {
                "All is sent; the server is storing it.".to_owned()
            } else {
                progress_text(sent, total, seconds)
            };
            Some(view! {
                <div class="stack-tight">
                    <progress max="1" value=share.to_string() aria-label="Sent"></progress>
                    <p class="hint">{text}</p>
                </div>
            })
        }
        _ => None,
    }
}

fn progress_text(sent: f64, total: f64, seconds: f64) -> String {
    let share = percent(sent / total);
    if seconds < 0.5 || sent <= 0.0 {
        return share;
    }
    let speed = sent / seconds;
    format!(
        "{share} · {}/s · {} left",
        bytes(speed as u64),
        duration((total - sent) / speed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_share_speed_and_rest() {
        assert_eq!(
            progress_text(50e6, 200e6, 5.0),
            "25 % · 10.0 MB/s · 15 s left"
        );
        assert_eq!(progress_text(0.0, 200e6, 0.1), "0 %");
    }
}
