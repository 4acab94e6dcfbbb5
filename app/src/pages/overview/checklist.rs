use domain::overview::Checklist;
use leptos::prelude::*;

use crate::components::card::Card;
use crate::components::icon::{Glyph, Icon};
use crate::context::use_project;

const STEPS: usize = 6;

/// The way from nothing to a live model; each tick is a fact of the project. Folded away once all is done.
#[component]
pub(super) fn ChecklistCard(checklist: Checklist) -> impl IntoView {
    let done = checklist.done();
    if done == STEPS {
        return ().into_any();
    }
    let project = use_project().get_untracked();
    let at = |path: &str| format!("/p/{project}{path}");
    let steps = [
        (
            checklist.dataset_ready,
            "Upload a table",
            "CSV or Parquet; every column is profiled.",
            at("/datasets"),
        ),
        (
            checklist.run_succeeded,
            "Train a model",
            "Choose a target; the metrics are held out.",
            at("/training-runs/new"),
        ),
        (
            checklist.version_made,
            "Look at the version",
            "Signature, metrics and lineage.",
            at("/models"),
        ),
        (
            checklist.deployed,
            "Deploy it",
            "A name that serves the version.",
            at("/deployments/new"),
        ),
        (
            checklist.predicted,
            "Make a prediction",
            "In the playground or with curl.",
            at("/deployments"),
        ),
        (
            checklist.key_created,
            "Create an API key",
            "For the programs that call it.",
            at("/keys"),
        ),
    ];
    let next = steps.iter().position(|(is_done, ..)| !is_done);
    let items = steps
        .into_iter()
        .enumerate()
        .map(|(index, (is_done, label, hint, href))| {
            let is_next = next == Some(index);
            view! {
                <li class="step" class:is-done=is_done class:is-next=is_next aria-current=is_next.then_some("step")>
                    <span class="step-mark">
                        {if is_done { view! { <Icon glyph=Glyph::Check/> }.into_any() } else { (index + 1).to_string().into_any() }}
                    </span>
                    <span class="step-text">
                        <a href=href>{label}</a>
                        <span class="hint">{if is_done { "Done" } else { hint }}</span>
                    </span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Card title="First steps" hint=format!("{done} of {STEPS} done")>
            <progress max=STEPS.to_string() value=done.to_string() aria-label="First steps done"></progress>
            <ol class="steps">{items}</ol>
        </Card>
    }
    .into_any()
}
