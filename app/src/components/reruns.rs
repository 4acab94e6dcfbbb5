//! Runs that were trained again: on the page of the run, and on that of its version.

use domain::Name;
use domain::ids::TrainingRunId;
use domain::training_runs::{Reproduction, RunStatus, TrainingRun};
use leptos::prelude::*;

use super::badge::Tone;
use super::banner::Banner;
use super::code::Identifier;
use super::loaded::loaded;
use super::time::Time;
use crate::calls::read_when;
use crate::context::use_project;
use crate::live::use_live;
use crate::server_fns::training_runs::ListReruns;

/// What came of training a run again, as often as it was; nothing when it was not.
#[component]
pub fn Reruns(id: TrainingRunId) -> impl IntoView {
    let project = use_project();
    let changes = use_live(|| vec![domain::events::Topic::Runs]);
    let reruns = read_when(
        move || changes.get(),
        move || ListReruns {
            project: project.get(),
            id,
        },
    );
    loaded(reruns, move |runs| list(&project.get_untracked(), runs))
}

fn list(project: &Name, runs: Vec<TrainingRun>) -> AnyView {
    if runs.is_empty() {
        return ().into_any();
    }
    let items = runs
        .into_iter()
        .map(|run| {
            let href = format!("/p/{project}/training-runs/{}", run.id);
            let came = match (&run.reproduction, run.status) {
                (Some(Reproduction { is_same: true, .. }), _) => "Reproduced bit for bit",
                (Some(_), _) => "Trained again, and it differs",
                (None, RunStatus::Failed | RunStatus::Cancelled) => "Trained again without a result",
                (None, _) => "Is being trained again",
            };
            view! {
                <li>
                    <a href=href>{came}</a>
                    <span class="hint">" by " {run.created_by} ", " <Time at=run.created_at /></span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="plain-list" aria-label="Re-runs">{items}</ul> }.into_any()
}

/// Whether a re-run made the same again, and what differs.
pub fn outcome(project: &Name, reproduction: &Reproduction) -> AnyView {
    let Reproduction {
        model,
        version,
        is_same,
        expected_sha256,
        sha256,
        differences,
    } = reproduction.clone();
    let href = format!("/p/{project}/models/{model}/versions/{version}");
    let link = view! { <a href=href>{format!("{model} v{version}")}</a> };
    if is_same {
        return view! {
            <Banner tone=Tone::Ok>
                <p class="strong">"Reproduced: the same artifact"</p>
                <p>"Every byte is that of " {link} ", SHA-256 " <Identifier text=sha256 shown=16 /></p>
                <p class="hint">"No version was made: it would be the same once more."</p>
            </Banner>
        }
        .into_any();
    }
    let differences = differences
        .into_iter()
        .map(|difference| view! { <li>{difference}</li> })
        .collect_view();
    view! {
        <Banner tone=Tone::Warn>
            <p class="strong">"Differs: another artifact"</p>
            <p>
                {link} " has SHA-256 " <Identifier text=expected_sha256 shown=16 />
                ", the re-run made " <Identifier text=sha256 shown=16 />
            </p>
            <ul>{differences}</ul>
            <p class="hint">"No version was made. To make one of the same settings, clone the run."</p>
        </Banner>
    }
    .into_any()
}
