use domain::retraining::{
    AttemptStatus, RetrainingAttempt, RetrainingVerdict, RetrainingVerdictKind, Trigger,
};
use domain::{Name, Page, Permission};
use leptos::prelude::*;

use super::Changes;
use crate::calls::ChangeForm;
use crate::components::allowed::Allowed;
use crate::components::badge::Tone;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::icon::Glyph;
use crate::components::numbers::{count, minute};
use crate::components::pagination::Pagination;
use crate::components::status::{State, Status};
use crate::components::submit::Submit;
use crate::components::time::Time;

/// Newest first, each with its verdict in its own sentence.
pub(super) fn attempts(
    project: &Name,
    model: &Name,
    attempts: Page<RetrainingAttempt>,
    cursor: Option<String>,
    changes: Changes,
) -> AnyView {
    let list = if attempts.items.is_empty() {
        view! { <p class="muted">"Nothing has been tried yet."</p> }.into_any()
    } else {
        let items = attempts
            .items
            .iter()
            .map(|attempt| item(project, model, attempt, changes))
            .collect_view();
        view! { <ol class="verdicts">{items}</ol> }.into_any()
    };
    let href = format!("/p/{project}/models/{model}?tab=retraining");
    view! {
        <Card title="Attempts">
            <FormError error=changes.accept.failure() />
            <FormError error=changes.dismiss.failure() />
            {list}
            <Pagination href cursor next_cursor=attempts.next_cursor />
        </Card>
    }
    .into_any()
}

fn item(project: &Name, model: &Name, attempt: &RetrainingAttempt, changes: Changes) -> AnyView {
    let state = state(attempt);
    let version = attempt.version.map(|version| {
        view! { <a href=format!("/p/{project}/models/{model}/versions/{version}")>{format!("v{version}")}</a> }
    });
    let run = attempt.training_run.map(|run| {
        view! { <a href=format!("/p/{project}/training-runs/{run}")>"Its run"</a> }
    });
    let rollout = attempt.rollout.and(attempt.deployment.as_ref()).map(|name| {
        view! { <a href=format!("/p/{project}/deployments/{name}?tab=traffic")>{format!("Rollout on {name}")}</a> }
    });
    let verdict = attempt
        .verdict
        .as_ref()
        .map(|verdict| view! { <p>{sentence(attempt.version, verdict)}</p> });
    let reason = attempt
        .reason
        .clone()
        .map(|reason| view! { <p class="hint">{reason}</p> });
    let decided = attempt.decided_by.clone().map(|by| {
        view! { <p class="hint">"Decided by " {by} " " {attempt.decided_at.map(|at| view! { <Time at /> })}</p> }
    });
    let buttons = (attempt.status == AttemptStatus::Proposed)
        .then(|| buttons(project, model, attempt, changes));
    view! {
        <li class="verdict" data-tone=state.tone.as_str()>
            <span class="row">
                <Status state />
                {version}
                <span class="hint"><Time at=attempt.created_at /> ", " {why(attempt)}</span>
                {run}
                {rollout}
            </span>
            {verdict}
            {reason}
            {decided}
            {buttons}
        </li>
    }
    .into_any()
}

fn sentence(version: Option<i32>, verdict: &RetrainingVerdict) -> String {
    let version = version.map_or_else(
        || "The new version".to_owned(),
        |version| format!("v{version}"),
    );
    match verdict.kind {
        RetrainingVerdictKind::NotComparable => format!("{version} is {}.", verdict.sentence),
        _ => format!("{version} {}.", verdict.sentence),
    }
}

fn why(attempt: &RetrainingAttempt) -> String {
    let data = match attempt.dataset_version {
        Some(version) => format!("{} v{version}", attempt.dataset),
        None => attempt.dataset.to_string(),
    };
    let why = match (attempt.trigger, attempt.occurrence) {
        (Trigger::Schedule, Some(at)) => format!("of {} UTC", minute(at)),
        (Trigger::Schedule, None) => "by its schedule".to_owned(),
        (Trigger::DatasetVersion, _) => "for new data".to_owned(),
        (Trigger::Manual, _) => format!("asked for by {}", attempt.created_by),
    };
    let skipped = match (attempt.trigger, attempt.skipped) {
        (_, 0) => String::new(),
        (Trigger::DatasetVersion, skipped) => {
            format!(
                "; {} earlier versions were passed over",
                count(skipped.into())
            )
        }
        (_, skipped) => format!("; {} earlier times were missed", count(skipped.into())),
    };
    format!("{why}, on {data}{skipped}")
}

fn buttons(project: &Name, model: &Name, attempt: &RetrainingAttempt, changes: Changes) -> AnyView {
    let (project, model, id) = (
        project.to_string(),
        model.to_string(),
        attempt.id.to_string(),
    );
    let named = |what: &str| {
        let version = attempt.version.unwrap_or_default();
        format!("{what} v{version}")
    };
    let (accept, dismiss) = (named("Start the canary of"), named("Dismiss"));
    let hidden = move || {
        view! {
            <input type="hidden" name="project" value=project.clone() />
            <input type="hidden" name="model" value=model.clone() />
            <input type="hidden" name="id" value=id.clone() />
        }
    };
    view! {
        <Allowed permission=Permission::Write what="Deciding on a proposal">
            <div class="row">
                <ChangeForm change=changes.accept clone:hidden clone:accept>
                    {hidden()} <Submit label=accept class="button primary small" pending=changes.accept.pending() />
                </ChangeForm>
                <ChangeForm change=changes.dismiss clone:hidden clone:dismiss>
                    {hidden()} <Submit label=dismiss class="button small" pending=changes.dismiss.pending() />
                </ChangeForm>
            </div>
        </Allowed>
    }
    .into_any()
}

fn state(attempt: &RetrainingAttempt) -> State {
    let (text, tone, glyph) = match attempt.status {
        AttemptStatus::Training => ("Training", Tone::Info, Glyph::Spinner),
        AttemptStatus::Failed => ("Failed", Tone::Danger, Glyph::Failed),
        AttemptStatus::Cancelled => ("Cancelled", Tone::Neutral, Glyph::Stopped),
        AttemptStatus::Kept => ("Kept", Tone::Neutral, Glyph::Done),
        AttemptStatus::Proposed => ("Proposed", Tone::Info, Glyph::Up),
        AttemptStatus::Accepted => ("Accepted", Tone::Ok, Glyph::Done),
        AttemptStatus::Dismissed => ("Dismissed", Tone::Neutral, Glyph::Cross),
        AttemptStatus::Superseded => ("Superseded", Tone::Neutral, Glyph::Back),
        AttemptStatus::CanaryStarted => ("Canary started", Tone::Ok, Glyph::Rolling),
    };
    State { text, tone, glyph }
}
