use domain::model_cards::{MAX_CARD_BYTES, ModelCard};
use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read_when};
use crate::components::allowed::Allowed;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{Field, area_text};
use crate::components::loaded::loaded;
use crate::components::submit::{Submit, announce};
use crate::components::time::Time;
use crate::context::use_project;
use crate::server_fns::model_cards::{GetModelCard, ShownCard, WriteModelCard};

/// What people should know of the version before they use it, and a form to write it.
#[component]
pub(super) fn ModelCardSection(model: Name, version: i32) -> impl IntoView {
    let project = use_project();
    let write = Change::<WriteModelCard>::new();
    announce(write, "The card is saved");
    let written = write.successes();
    let card = {
        let model = model.clone();
        read_when(
            move || written.get(),
            move || GetModelCard {
                project: project.get(),
                model: model.clone(),
                version,
            },
        )
    };
    let download = move || {
        let project = project.get();
        format!("/api/v1/projects/{project}/models/{model}/versions/{version}/card.md")
    };
    view! {
        <Card
            title="Model card"
            hint="What to know before relying on it. Until somebody edits it, it says what is known from training."
            actions=move || view! { <a class="button small" href=download download>"Download .md"</a> }
        >
            {loaded(card, move |shown| section(&project.get_untracked(), shown, write))}
        </Card>
    }
    .into_any()
}

fn section(project: &Name, shown: ShownCard, write: Change<WriteModelCard>) -> AnyView {
    let ShownCard { card, html, draft } = shown;
    let by = card
        .updated_by
        .clone()
        .zip(card.updated_at)
        .map(|(by, at)| {
            let revision = card.revision;
            view! { <p class="hint">{format!("Revision {revision} by {by}, ")} <Time at /></p> }
        });
    let project = project.clone();
    view! {
        <div class="stack">
            <div class="markdown" inner_html=html></div>
            {by}
            <Allowed permission=Permission::Write what="Editing the card">
                {form(&project, &card, draft.clone(), write)}
            </Allowed>
        </div>
    }
    .into_any()
}

fn form(
    project: &Name,
    card: &ModelCard,
    draft: Option<String>,
    write: Change<WriteModelCard>,
) -> AnyView {
    let has_draft = draft.is_some();
    // The page that follows a plain form that was refused shows it again, with the reason.
    let is_open = has_draft || write.failure().with_untracked(Option::is_some);
    let text = draft.unwrap_or_else(|| card.markdown.clone());
    let failure = write.failure();
    // What was written stays in the field: it is the rest of the page that is old.
    let is_stale =
        move || failure.with(|error| error.as_ref().is_some_and(|error| error.status() == 412));
    let error = write.field_failure("/markdown");
    let kept = has_draft.then(|| {
        view! {
            <Banner tone=Tone::Info>
                <p>"The field holds what you wrote last, which was not saved. The card above is the present one: saving replaces it."</p>
            </Banner>
        }
    });
    let (project, model) = (project.to_string(), card.model.to_string());
    let (version, revision) = (card.version.to_string(), card.revision.to_string());
    view! {
        <details class="card-edit" open=is_open>
            <summary>"Edit the card"</summary>
            {kept}
            <ChangeForm change=write class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="model" value=model />
                <input type="hidden" name="version" value=version />
                <input type="hidden" name="revision" value=revision />
                <Field
                    id="card-markdown"
                    label="Text, in Markdown"
                    hint=format!("Headings, lists, tables, code and links. HTML is shown as text, and images are left out. At most {} KiB.", MAX_CARD_BYTES >> 10)
                    error
                >
                    <textarea
                        class="input"
                        id="card-markdown"
                        name="markdown"
                        rows="20"
                        maxlength=MAX_CARD_BYTES.to_string()
                        aria-describedby="card-markdown-note"
                        aria-invalid=move || error.with(Option::is_some).then_some("true")
                    >
                        {area_text(&text)}
                    </textarea>
                </Field>
                <FormError error=failure />
                {move || is_stale().then(|| view! {
                    // An empty address is this page, loaded anew.
                    <p><a class="button small" href="" rel="external">"Show the newest text"</a> <span class="hint">" What you wrote is kept."</span></p>
                })}
                <div class="form-actions">
                    <Submit label="Save the card" class="button" pending=write.pending() />
                </div>
            </ChangeForm>
        </details>
    }
    .into_any()
}
