use domain::deployments::Deployment;
use domain::{Name, Permission};
use leptos::prelude::*;

use super::Changes;
use super::capacity::capacity;
use super::origins::origins;
use super::traffic::card::rollout_buttons;
use super::traffic::verdicts::newest_verdict;
use crate::calls::{Change, ChangeForm};
use crate::components::allowed::Allowed;
use crate::components::card::Card;
use crate::components::code::CopyButton;
use crate::components::dialog::{Dialog, DialogButton};
use crate::components::error_panel::FormError;
use crate::components::field::TextField;
use crate::components::submit::Submit;
use crate::components::table::Facts;
use crate::components::time::Time;
use crate::components::traffic_bar::TrafficBar;
use crate::context::use_site;
use crate::server_fns::deployments::DeleteDeployment;

pub(super) fn overview(
    project: &Name,
    deployment: Signal<Deployment>,
    changes: Changes,
) -> AnyView {
    let fixed = deployment.get_untracked();
    let endpoint = format!("{}/predict/{}", use_site().base_url, fixed.name);
    let live = {
        let project = project.clone();
        // What is live decides which links stand here; the weight alone moves in place.
        let arms = Memo::new(move |_| {
            deployment.with(|deployment| {
                (
                    deployment.stable_version,
                    deployment
                        .rollout
                        .as_ref()
                        .map(|rollout| rollout.canary_version),
                )
            })
        });
        let weight = Signal::derive(move || {
            deployment.with(|deployment| {
                deployment
                    .rollout
                    .as_ref()
                    .map_or(0.0, |rollout| rollout.weight)
            })
        });
        let model = fixed.model.clone();
        move || {
            let (stable, canary) = arms.get();
            let link = |version: i32| format!("/p/{project}/models/{model}/versions/{version}");
            view! {
                <TrafficBar stable canary weight />
                <p class="row">
                    <a href=link(stable)>{format!("{model} v{stable} (stable)")}</a>
                    {canary.map(|canary| view! { <a href=link(canary)>{format!("{model} v{canary} (canary)")}</a> })}
                </p>
            }
        }
    };
    let buttons = rollout_buttons(project, deployment, changes.command);
    let (try_href, keys_href, document_href) = (
        format!("/p/{project}/deployments/{}/try", fixed.name),
        format!("/p/{project}/keys"),
        format!(
            "/api/v1/projects/{project}/deployments/{}/openapi.json",
            fixed.name
        ),
    );
    let pages = origins(project, &fixed.name, &fixed.cors_origins);
    let capacity = capacity(project, &fixed);
    let (project, name) = (project.clone(), fixed.name);
    let facts = vec![
        ("Model", view! { <a href=format!("/p/{project}/models/{}", fixed.model)>{fixed.model.to_string()}</a> }.into_any()),
        ("Created", view! { <Time at=fixed.created_at /> " by " {fixed.created_by} }.into_any()),
        ("Last change", (move || view! { <Time at=deployment.with(|deployment| deployment.updated_at) /> }).into_any()),
        ("Revision", (move || deployment.with(|deployment| deployment.revision).to_string()).into_any()),
    ];
    view! {
        <div class="stack">
            <Card title="Live">
                {live} {newest_verdict(deployment)} {buttons}
            </Card>
            <Card title="Endpoint" hint="POST a row, or a list of rows, with an API key.">
                <div class="endpoint">
                    <code>{endpoint.clone()}</code>
                    <CopyButton text=endpoint label="Copy the endpoint" />
                </div>
                <p class="row">
                    <a href=try_href>"Try it and copy code"</a>
                    <a href=keys_href>"Make an API key"</a>
                    <a href=document_href rel="external">"OpenAPI document"</a>
                </p>
            </Card>
            {capacity}
            {pages}
            <Card title="About">
                <Facts facts />
                <Allowed permission=Permission::Write what="Deleting the deployment">
                    <Remove project=project.clone() name=name.clone() />
                </Allowed>
            </Card>
        </div>
    }
    .into_any()
}

#[component]
fn Remove(project: Name, name: Name) -> impl IntoView {
    let remove = Change::<DeleteDeployment>::new();
    let label = format!("Type {name} to confirm");
    let path = format!("/predict/{name}");
    let (project, name) = (project.to_string(), name.to_string());
    view! {
        <div class="form-actions">
            <DialogButton id="delete-deployment" class="button danger">
                "Delete the deployment"
            </DialogButton>
        </div>
        <FormError error=remove.failure() />
        <Dialog id="delete-deployment" title="Delete the deployment">
            <p>
                "From then on, requests to " {path} " are answered with 404. The model and its versions stay, and the ledger keeps what was live when."
            </p>
            <ChangeForm change=remove class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="name" value=name />
                <TextField name="confirm" label error=remove.field_failure("/confirm") autocomplete="off" />
                <Submit label="Delete it" class="button danger" pending=remove.pending() />
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}
