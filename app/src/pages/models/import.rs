//! The import dialogs: plain multipart forms; once the page is live each stays open until the server has looked at what it names.

use domain::models::{MAX_ONNX_BYTES, MAX_REMOTE_NAME, ModelVersion};
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
pub(super) const ENGINE_DIALOG: &str = "engine";

#[component]
pub(super) fn ImportDialog() -> impl IntoView {
    let file_hint = format!(
        "As scikit-learn's, XGBoost's, LightGBM's or PyTorch's exporter wrote it, up to {}. It is read and tried out before it becomes a version.",
        bytes(MAX_ONNX_BYTES)
    );
    let fields = view! {
        {model_field("import", "An existing name gets a new version; the file's name is taken when this is empty.")}
        <Field id="import-file" label="File" hint=file_hint>
            <input class="input" id="import-file" name="file" type="file" accept=".onnx" required=true aria-describedby="import-file-note" />
        </Field>
        {signature_field(
            "import",
            "Only where the file does not say it: {\"inputs\": [{\"name\", \"type\", \"categories\"}], \"output\": {\"name\", \"classes\"}}",
        )}
    };
    view! {
        <Dialog id=DIALOG title="Import an ONNX file">{form(DIALOG, "Import", fields.into_any())}</Dialog>
    }
    .into_any()
}

/// For what is too large for this machine: it stays where it is, and is answered for here.
#[component]
pub(super) fn EngineDialog() -> impl IntoView {
    let longest = MAX_REMOTE_NAME.to_string();
    let fields = view! {
        {model_field("engine", "An existing name gets a new version; the name at the engine is taken when this is empty.")}
        <TextField
            id="engine-url"
            name="url"
            kind="url"
            label="URL"
            placeholder="https://triton.example.com"
            hint="Of an engine that speaks the Open Inference Protocol: Triton, KServe, MLServer, Ray Serve. Hosts that are not on the public internet, or without TLS, must be allowed by the owner of the platform."
        />
        <TextField id="engine-model" name="remote_model" label="Model at the engine" maxlength=longest.clone() />
        <TextField
            id="engine-version"
            name="remote_version"
            label="Version at the engine"
            hint="The engine chooses when this is empty."
            maxlength=longest
            required=false
        />
        <TextField
            id="engine-token"
            name="token"
            kind="password"
            label="Token"
            hint="Sent as Authorization: Bearer, if the engine asks for one. It is kept, and never shown."
            autocomplete="off"
            required=false
        />
        <TextField
            id="engine-timeout"
            name="timeout_ms"
            kind="number"
            label="Time for a request, in milliseconds"
            hint="As long as any request may take when this is empty."
            min="1"
            max="60000"
            required=false
        />
        {signature_field(
            "engine",
            "Only what the engine does not say: names for the columns of a matrix, classes. {\"inputs\": [{\"name\", \"type\"}], \"output\": {\"name\", \"classes\"}}",
        )}
    };
    view! {
        <Dialog id=ENGINE_DIALOG title="Connect an engine">
            {form(ENGINE_DIALOG, "Connect", fields.into_any())}
        </Dialog>
    }
    .into_any()
}

fn model_field(prefix: &str, hint: &str) -> AnyView {
    view! {
        <TextField
            id=format!("{prefix}-name")
            name="model"
            label="Model"
            hint=hint
            maxlength="63"
            pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
            required=false
        />
    }
    .into_any()
}

fn signature_field(prefix: &str, hint: &str) -> AnyView {
    let id = format!("{prefix}-signature");
    let note = format!("{id}-note");
    view! {
        <Field id=id.clone() label="Signature, as JSON" hint=hint>
            <textarea class="input mono" id=id name="signature" rows="3" spellcheck="false" aria-describedby=note></textarea>
        </Field>
    }
    .into_any()
}

/// Goes to the page of the version that was made.
fn form(dialog: &'static str, submit_label: &'static str, fields: AnyView) -> AnyView {
    let project = use_project();
    let uploader = Uploader::new();
    let state = uploader.state();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Upload::Done(body) = state.get() else {
            return;
        };
        browser::close_dialog(dialog);
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
    view! {
        <form
            class="form"
            method="post"
            enctype="multipart/form-data"
            action=move || format!("/p/{}/imports", project.get())
            on:submit=submit
        >
            {fields}
            <FormError error />
            <div class="form-actions">
                <Submit label=submit_label pending=is_sending />
            </div>
        </form>
    }
    .into_any()
}
