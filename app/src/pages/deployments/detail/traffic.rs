//! Who gets which part of the traffic: the canary that runs, the form that starts one, and those before.

pub(super) mod card;
mod past;
mod start;
pub(super) mod verdicts;

use domain::Name;
use domain::deployments::Deployment;
use leptos::prelude::*;

use super::Changes;
use crate::components::card::Card;
use crate::components::loaded::loaded;
use crate::context::use_query;
use crate::server_fns::deployments::get_deployment_choices;
use crate::server_fns::rollouts::list_rollouts;

pub(super) fn traffic(
    project: &Name,
    deployment: Signal<Deployment>,
    live: Signal<u64>,
    changes: Changes,
) -> AnyView {
    let active = Memo::new(move |_| {
        deployment.with(|deployment| deployment.rollout.as_ref().map(|rollout| rollout.id))
    });
    let (name, model) =
        deployment.with_untracked(|deployment| (deployment.name.clone(), deployment.model.clone()));
    let choices = {
        let project = project.clone();
        Resource::new(
            move || active.get(),
            move |_| get_deployment_choices(project.clone(), Some(model.clone())),
        )
    };
    let rollouts = {
        let project = project.clone();
        Resource::new(
            move || (active.get(), live.get()),
            move |_| list_rollouts(project.clone(), name.clone()),
        )
    };
    let asked = use_query("version");
    let now = {
        let project = project.clone();
        move || {
            if active.get().is_some() {
                return card::rollout_card(&project, deployment, changes);
            }
            let project = project.clone();
            let idle_buttons = card::rollout_buttons(&project, deployment, changes.command);
            let form = loaded(choices, move |choices| {
                let asked = asked
                    .get_untracked()
                    .and_then(|version| version.parse().ok());
                start::start_form(
                    &project,
                    &deployment.get_untracked(),
                    &choices.versions,
                    asked,
                    changes.start,
                )
            });
            view! {
                <Card title="Start a canary" hint="A new version takes a part of the traffic beside the stable one. It is judged there, and taken back by itself when it fails too often.">
                    {form} {idle_buttons}
                </Card>
            }
            .into_any()
        }
    };
    let past = {
        let project = project.clone();
        loaded(rollouts, move |rollouts| past::past(&project, rollouts))
    };
    view! { <div class="stack">{now} {past}</div> }.into_any()
}
