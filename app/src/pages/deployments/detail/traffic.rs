//! Who gets which part of the traffic: the canary that runs, the form that starts one, and those before.

pub(super) mod card;
mod past;
mod start;
pub(super) mod verdicts;

use domain::deployments::Deployment;
use domain::{Name, Permission};
use leptos::prelude::*;

use super::Changes;
use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::card::Card;
use crate::components::loaded::loaded;
use crate::context::use_query;
use crate::server_fns::deployments::GetDeploymentChoices;
use crate::server_fns::rollouts::ListRollouts;

pub(super) fn traffic(
    project: &Name,
    deployment: Signal<Deployment>,
    live: Signal<u64>,
    changes: Changes,
) -> AnyView {
    let active = Memo::new(move |_| {
        deployment.with(|deployment| deployment.rollout.as_ref().map(|rollout| rollout.id))
    });
    let begun = Memo::new(move |count: Option<&u64>| {
        // Not `track`: a memo that nobody has read does not follow anything yet.
        let _ = active.get();
        count.map_or(0, |count| count + 1)
    });
    let (name, model) =
        deployment.with_untracked(|deployment| (deployment.name.clone(), deployment.model.clone()));
    let choices = {
        let project = project.clone();
        read_when(
            move || begun.get(),
            move || GetDeploymentChoices {
                project: project.clone(),
                model: Some(model.clone()),
            },
        )
    };
    let rollouts = {
        let project = project.clone();
        read_when(
            move || begun.get() + live.get(),
            move || ListRollouts {
                project: project.clone(),
                deployment: name.clone(),
            },
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
            let form = move || {
                let idle_buttons = card::rollout_buttons(&project, deployment, changes.command);
                let project = project.clone();
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
                view! { {form} {idle_buttons} }
            };
            view! {
                <Card title="Start a canary" hint="A new version takes a part of the traffic beside the stable one. It is judged there, and taken back by itself when it fails too often.">
                    <Allowed permission=Permission::Write what="Starting a canary">{form()}</Allowed>
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
