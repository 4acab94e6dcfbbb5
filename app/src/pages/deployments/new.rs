//! A deployment in one form. Choosing the model is a GET form of its own: its versions are what the rest offers.

use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::empty_state::EmptyState;
use crate::components::error_panel::FormError;
use crate::components::field::{Field, SelectField, TextField};
use crate::components::icon::Glyph;
use crate::components::loaded::loaded_page;
use crate::components::page_header::PageHeader;
use crate::components::query_form::QueryForm;
use crate::components::submit::Submit;
use crate::context::{use_project, use_query};
use crate::pages::training_runs::new::submit_own_form;
use crate::server_fns::deployments::{CreateDeployment, DeploymentChoices, GetDeploymentChoices};

#[component]
pub fn NewDeploymentPage() -> impl IntoView {
    let project = use_project();
    let model = use_query("model");
    let version = use_query("version");
    let create = Change::<CreateDeployment>::new();
    let chosen = Memo::new(move |_| model.get().and_then(|name| Name::new(name).ok()));
    let choices = read(move || GetDeploymentChoices {
        project: project.get(),
        model: chosen.get(),
    });
    let crumbs = Signal::derive(move || {
        vec![(
            "Deployments".to_owned(),
            format!("/p/{}/deployments", project.get()),
        )]
    });
    view! {
        <PageHeader
            title="New deployment"
            crumbs
            lead="The version goes live at once. Later versions of the model come in beside it as canaries."
        />
        <Allowed permission=Permission::Write what="Deploying">
            {loaded_page(
                choices,
                move |choices| {
                    let version = version.get_untracked().and_then(|version| version.parse().ok());
                    page(&project.get_untracked(), chosen.get_untracked(), version, &choices, create)
                },
            )}
        </Allowed>
    }
    .into_any()
}

fn page(
    project: &Name,
    model: Option<Name>,
    version: Option<i32>,
    choices: &DeploymentChoices,
    create: Change<CreateDeployment>,
) -> AnyView {
    if choices.models.is_empty() {
        let href = format!("/p/{project}/training-runs/new");
        return view! {
            <EmptyState
                glyph=Glyph::Model
                title="There is no model to deploy yet"
                text="Train a model first. Its first version can be deployed as soon as the run has succeeded."
            >
                <a class="button primary" href=href>
                    "Train a model"
                </a>
            </EmptyState>
        }
        .into_any();
    }
    let form = model
        .as_ref()
        .map(|model| create_form(project, model, version, &choices.versions, create));
    view! {
        {choose_model(project, choices, model.as_ref())}
        {form}
    }
    .into_any()
}

fn choose_model(project: &Name, choices: &DeploymentChoices, chosen: Option<&Name>) -> AnyView {
    let action = format!("/p/{project}/deployments/new");
    let options = choices
        .models
        .iter()
        .map(|model| {
            let text = format!("{} (newest v{})", model.name, model.latest_version);
            view! { <option value=model.name.to_string() selected=Some(&model.name) == chosen>{text}</option> }
        })
        .collect_view();
    let has_choice = chosen.is_some();
    view! {
        <Card title="1. Model">
            <QueryForm action class="form-row">
                <Field id="model" label="Model">
                    <select class="input" id="model" name="model" required=true on:change=|event| submit_own_form(&event, &[])>
                        {(!has_choice).then(|| view! { <option value="">"Choose a model"</option> })}
                        {options}
                    </select>
                </Field>
                <div class="form-actions is-end">
                    <button type="submit" class="button">
                        {if has_choice { "Change" } else { "Continue" }}
                    </button>
                </div>
            </QueryForm>
        </Card>
    }
    .into_any()
}

fn create_form(
    project: &Name,
    model: &Name,
    version: Option<i32>,
    versions: &[i32],
    create: Change<CreateDeployment>,
) -> AnyView {
    let options = versions
        .iter()
        .map(|version| (version.to_string(), format!("v{version}")))
        .collect();
    let chosen = version
        .filter(|version| versions.contains(version))
        .or_else(|| versions.first().copied())
        .unwrap_or(1);
    let body = format!("{{\"model\":\"{model}\",\"version\":{chosen}}}");
    let path = format!("/api/v1/projects/{project}/deployments/{model}");
    let (project, model) = (project.to_string(), model.to_string());
    view! {
        <Card title="2. Version and name">
            <ChangeForm change=create class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="model" value=model.clone() />
                <div class="form-row">
                    <SelectField
                        name="version"
                        label="Version"
                        options
                        value=chosen.to_string()
                        hint="It is probed with a sample row before it counts as ready."
                    />
                    <TextField
                        name="name"
                        label="Name"
                        value=model
                        hint="Part of the address: /predict/NAME. It can not be changed later."
                        error=create.field_failure("/name")
                        maxlength="63"
                        autocomplete="off"
                    />
                </div>
                <FormError error=create.failure() />
                <div class="form-actions">
                    <Submit label="Deploy" pending=create.pending() />
                </div>
            </ChangeForm>
        </Card>
        <ApiPanel method="PUT" path body=Signal::stored(body) />
    }
    .into_any()
}
