//! Names that point at a version and can be moved to another: `@champion`.

use domain::models::Alias;
use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::allowed::Allowed;
use crate::components::badge::{Badge, Tone};
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, TextField};
use crate::components::submit::Submit;
use crate::server_fns::models::{RemoveModelAlias, SetModelAlias};

/// The aliases of a model with a way to take each away.
#[component]
pub fn AliasList(
    project: Name,
    model: Name,
    aliases: Vec<Alias>,
    remove: Change<RemoveModelAlias>,
) -> impl IntoView {
    if aliases.is_empty() {
        let example = format!("/predict/{model}/@champion");
        return view! {
            <p class="hint">"No alias yet. Callers may use one in place of a version, as in " <code>{example}</code> "."</p>
        }
        .into_any();
    }
    let items = aliases
        .into_iter()
        .map(|alias| {
            let label = format!("Remove @{}", alias.alias);
            let (project, model) = (project.clone(), model.clone());
            view! {
                <li class="row">
                    <Badge tone=Tone::Accent>{format!("@{}", alias.alias)}</Badge>
                    <a href=format!("/p/{project}/models/{model}/versions/{}", alias.version)>{format!("v{}", alias.version)}</a>
                    <Allowed permission=Permission::Write>
                        <ChangeForm change=remove clone:project clone:model clone:alias clone:label>
                            <input type="hidden" name="project" value=project.to_string() />
                            <input type="hidden" name="model" value=model.to_string() />
                            <input type="hidden" name="alias" value=alias.alias.to_string() />
                            <button type="submit" class="button small ghost" aria-label=label>"Remove"</button>
                        </ChangeForm>
                    </Allowed>
                </li>
            }
        })
        .collect_view();
    view! {
        <ul class="stack-tight">{items}</ul>
        <FormError error=remove.failure() />
    }
    .into_any()
}

/// Points an alias at a version. With `fixed`, at that one; else at one to choose from `versions`.
#[component]
pub fn SetAliasForm(
    project: Name,
    model: Name,
    /// Newest first.
    versions: Vec<i32>,
    #[prop(optional)] fixed: Option<i32>,
    set: Change<SetModelAlias>,
) -> impl IntoView {
    let version = move || {
        if let Some(version) = fixed {
            return view! { <input type="hidden" name="version" value=version.to_string() /> }
                .into_any();
        }
        let options = versions
            .iter()
            .map(|version| (version.to_string(), format!("v{version}")))
            .collect();
        view! { <SelectField id="alias-version" name="version" label="Version" options /> }
            .into_any()
    };
    view! {
        <Allowed permission=Permission::Write what="Changing an alias">
            <ChangeForm change=set class="form" clone:project clone:model clone:version>
                <input type="hidden" name="project" value=project.to_string() />
                <input type="hidden" name="model" value=model.to_string() />
                <div class="form-row">
                    <TextField
                        name="alias"
                        label="Alias"
                        placeholder="champion"
                        hint="An alias that is in use moves here."
                        error=set.field_failure("/alias")
                        maxlength="63"
                    />
                    {version()}
                </div>
                <FormError error=set.failure() />
                <div class="form-actions">
                    <Submit label="Set alias" class="button" pending=set.pending() />
                </div>
            </ChangeForm>
        </Allowed>
    }
    .into_any()
}
