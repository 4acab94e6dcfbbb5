use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::allowed::AllowedFields;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{Field, area_text};
use crate::components::submit::{Submit, announce};
use crate::error::describe;
use crate::server_fns::deployments::SetDeploymentOrigins;

/// The web pages that may call the deployment from a browser.
pub(super) fn origins(project: &Name, name: &Name, origins: &[String]) -> AnyView {
    let set = Change::<SetDeploymentOrigins>::new();
    announce(set, "The list is saved");
    // One field for all of them: the first that is wrong is told beneath it.
    let failure = set.failure();
    let error = Signal::derive(move || {
        let failure = failure.get()?;
        failure.problem().errors.first().map(describe)
    });
    let (project, name, text) = (project.to_string(), name.to_string(), origins.join("\n"));
    view! {
        <Card title="Browsers allowed to call it">
            <ChangeForm change=set class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="name" value=name />
                <AllowedFields permission=Permission::Write what="Changing the list">
                    <Field
                        id="origins"
                        label="Origins"
                        hint="One a line, such as https://app.example.com: pages there may predict from a browser. * alone stands for every page; without a line, none may."
                        error
                    >
                        <textarea
                            class="input"
                            id="origins"
                            name="origins"
                            rows="3"
                            spellcheck="false"
                            autocapitalize="none"
                            aria-describedby="origins-note"
                            aria-invalid=move || error.with(Option::is_some).then_some("true")
                        >
                            {area_text(&text)}
                        </textarea>
                    </Field>
                    <FormError error=failure />
                    <div class="form-actions">
                        <Submit label="Save the list" class="button" pending=set.pending() />
                    </div>
                </AllowedFields>
            </ChangeForm>
        </Card>
    }
    .into_any()
}
