//! One run, while it goes and afterwards.

use domain::events::Topic;
use domain::ids::ScoringRunId;
use domain::scoring_runs::ScoringRun;
use domain::training_runs::RunStatus;
use domain::{Name, Permission};
use leptos::prelude::*;

use super::list::{answer, model_link, table_link};
use crate::calls::{Change, ChangeForm, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::error_panel::FormError;
use crate::components::not_found::NotFound;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::refreshed::refreshed_page;
use crate::components::status::Status;
use crate::components::submit::Submit;
use crate::components::table::Facts;
use crate::components::time::Time;
use crate::context::{use_param, use_project};
use crate::live::use_live;
use crate::pages::training_runs::list::short_id;
use crate::server_fns::scoring_runs::{CancelScoringRun, GetScoringRun};

#[component]
pub fn ScoringRunPage() -> impl IntoView {
    let id = use_param("id");
    let parsed = Memo::new(move |_| id.with(|id| id.parse::<ScoringRunId>().ok()));
    move || match parsed.get() {
        Some(id) => view! { <Run id /> }.into_any(),
        None => NotFound().into_any(),
    }
}

#[component]
fn Run(id: ScoringRunId) -> impl IntoView {
    let project = use_project();
    let cancel = Change::<CancelScoringRun>::new();
    let cancelled = cancel.successes();
    let changes = use_live(|| vec![Topic::ScoringRuns]);
    let run = read_when(
        move || changes.get() + cancelled.get(),
        move || GetScoringRun {
            project: project.get(),
            id,
        },
    );
    let crumbs = Signal::derive(move || {
        vec![(
            "Scoring runs".to_owned(),
            format!("/p/{}/scoring-runs", project.get()),
        )]
    });
    let title = format!("Scoring {}", short_id(&id.to_string()));
    view! {
        <PageHeader title crumbs />
        {refreshed_page(run, move |run| page(project.get_untracked(), run, cancel))}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/scoring-runs/{id}", project.get())) />
    }
    .into_any()
}

/// Made anew with every status; in between only the figures move.
fn page(project: Name, run: Signal<ScoringRun>, cancel: Change<CancelScoringRun>) -> AnyView {
    let status = Memo::new(move |_| run.with(|run| run.status));
    (move || {
        // Not `track`: a memo that nobody has read does not follow anything yet.
        let _ = status.get();
        content(&project, &run.get_untracked(), run, cancel)
    })
    .into_any()
}

fn content(
    project: &Name,
    now: &ScoringRun,
    run: Signal<ScoringRun>,
    cancel: Change<CancelScoringRun>,
) -> AnyView {
    let status = now.status;
    let fraction = move || run.with(|run| run.progress);
    let counts = move || {
        run.with(|run| {
            format!(
                "{} of {} rows, {} refused",
                numbers::count(run.rows),
                numbers::count(run.total_rows),
                numbers::count(run.rows_failed)
            )
        })
    };
    let action = if status.is_final() {
        now.output_version.map(|version| {
            let href = format!(
                "/p/{project}/datasets/{}?v={version}&tab=preview",
                now.output
            );
            view! { <a class="button primary" href=href>"Open the answer"</a> }.into_any()
        })
    } else {
        let (project, id) = (project.to_string(), now.id.to_string());
        Some(
            view! {
                <Allowed permission=Permission::Write what="Cancelling a run">
                    <ChangeForm change=cancel clone:project clone:id>
                        <input type="hidden" name="project" value=project />
                        <input type="hidden" name="id" value=id />
                        <Submit label="Cancel the run" class="button danger" pending=cancel.pending() />
                    </ChangeForm>
                </Allowed>
            }
            .into_any(),
        )
    };
    // Not by the signal: reading that here would make all of this anew with every figure.
    let done = now.progress.to_string();
    let progress = (status == RunStatus::Running).then(|| {
        view! {
            <progress class="progress" max="1" aria-label="Progress of the run" prop:value=fraction value=done>
                {move || numbers::percent(fraction())}
            </progress>
        }
    });
    let error = now.error.clone().map(|error| {
        view! {
            <Banner tone=Tone::Danger>
                <p class="strong">{error.message}</p>
                <p>{error.fix}</p>
            </Banner>
        }
    });
    let refusals = (!now.refusals.is_empty()).then(|| {
        let lines: Vec<AnyView> = now
            .refusals
            .iter()
            .map(|refusal| {
                let column = refusal.column.clone().unwrap_or_else(|| "the row".to_owned());
                let text = format!("Row {}, {column}: {}", refusal.row, refusal.reason);
                view! { <li>{text}</li> }.into_any()
            })
            .collect();
        view! {
            <Card title="Refused rows" hint="The first of them. Each has its reason in the answer, in place of a prediction.">
                <ul>{lines}</ul>
            </Card>
        }
    });
    let kept = now
        .keep_columns
        .as_ref()
        .map_or_else(|| "all".to_owned(), |columns| columns.join(", "));
    let facts = vec![
        (
            "Table",
            table_link(project, &now.dataset, now.dataset_version),
        ),
        ("Model", model_link(project, now)),
        ("Answer", answer(project, now)),
        ("Predictions in", now.prediction_column.clone().into_any()),
        ("Columns kept", kept.into_any()),
        (
            "Created",
            view! { <Time at=now.created_at /> " by " {now.created_by.clone()} }.into_any(),
        ),
        (
            "Id",
            view! { <Identifier text=now.id.to_string() shown=36 /> }.into_any(),
        ),
    ];
    view! {
        <div class="stack">
            <Card>
                <div class="run-head">
                    <div class="run-state">
                        <Status state=status />
                        <span class="muted">{counts}</span>
                    </div>
                    <div class="run-actions">{action}</div>
                </div>
                {progress}
                <FormError error=cancel.failure() />
            </Card>
            {error}
            {refusals}
            <Card title="What was asked"><Facts facts /></Card>
        </div>
    }
    .into_any()
}
