//! The import dialog: a plain multipart form; once the page is live it stays open until the server has looked at the file.

use domain::models::{MAX_ONNX_BYTES, ModelVersion};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::browser;
use crate::browser::upload::{Upload, Uploader};
use crate::components::dialog::Dialog;
use crate::components::error_panel::FormError;
use crate::components::field::{Field, TextField};
use crate::components::numbers::bytes;
use crate::components::submit::Submit;
use crate::context::use_project;

pub(super) const DIALOG: &str = "import";

#[component]
pub(super) fn ImportDialog() -> impl IntoView {
    let project = use_project();
    let uploader = Uploader::new();
    let state = uploader.state();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Upload::Done(body) = state.get() else {
            return;
        };
        browser::close_dialog(DIALOG);
        if let Ok(version) = serde_json::from_str::<ModelVersion>(&body) {
            let path = format!(
                "/p/{}/models/{}/versions/{}",
                project.get_untracked(),
                version.model,
                version.version
            );
            navigate(&path, leptos_router::NavigateOptions::default());
        }
    });
    let is_sending = Signal::derive(move || matches!(state.get(), Upload::Sending { .. }));
    let error = Signal::derive(move || match state.get() {
        Upload::Failed(error) => Some(error),
        _ => None,
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        uploader.send(&event);
    };
    let file_hint = format!(
        "As scikit-learn's, XGBoost's, LightGBM's or PyTorch's exporter wrote it, up to {}. It is read and tried out before it becomes a version.",
        bytes(MAX_ONNX_BYTES)
    );
    view! {
        <Dialog id=DIALOG title="Import an ONNX file">
            <form
                class="form"
                method="post"
                enctype="multipart/form-data"
                action=move || format!("/p/{}/imports", project.get())
                on:submit=submit
            >
                <TextField
                    id="import-model"
                    name="model"
                    label="Model"
                    hint="An existing name gets a new version; the file's name is taken when this is empty."
                    maxlength="63"
                    pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
                    required=false
                />
                <Field id="import-file" label="File" hint=file_hint>
                    <input class="input" id="import-file" name="file" type="file" accept=".onnx" required=true aria-describedby="import-file-note" />
                </Field>
                <Field
                    id="import-signature"
                    label="Signature, as JSON"
                    hint="Only where the file does not say it: {\"inputs\": [{\"name\", \"type\", \"categories\"}], \"output\": {\"name\", \"classes\"}}"
                >
                    <textarea class="input mono" id="import-signature" name="signature" rows="3" spellcheck="false" aria-describedby="import-signature-note"></textarea>
                </Field>
                <FormError error />
                <div class="form-actions">
                    <Submit label="Import" pending=is_sending />
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}
