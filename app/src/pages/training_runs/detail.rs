//! One run, while it goes and afterwards.

mod log;
mod reruns;
mod results;

use domain::events::Topic;
use domain::ids::TrainingRunId;
use domain::models::Task;
use domain::training_runs::{
    RunError, RunStatus, Split, SplitMethod, Stage, TrainingBudget, TrainingRun, TrainingSpec,
};
use domain::{Name, Permission, Timestamp};
use leptos::prelude::*;

use super::list::short_id;
use crate::calls::{Change, ChangeForm, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::code::Identifier;
use crate::components::error_panel::FormError;
use crate::components::icon::{Glyph, Icon};
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
use crate::server_fns::training_runs::{
    CancelTrainingRun, GetTrainingRun, RerunTrainingRun, parameter_field, parameter_text,
};

#[component]
pub fn TrainingRunPage() -> impl IntoView {
    let id = use_param("id");
    let parsed = Memo::new(move |_| id.with(|id| id.parse::<TrainingRunId>().ok()));
    move || match parsed.get() {
        Some(id) => view! { <Run id /> }.into_any(),
        None => view! { <NotFound /> }.into_any(),
    }
}

#[component]
fn Run(id: TrainingRunId) -> impl IntoView {
    let project = use_project();
    let cancel = Change::<CancelTrainingRun>::new();
    let rerun = Change::<RerunTrainingRun>::new();
    let cancelled = cancel.successes();
    let changes = use_live(move || vec![Topic::Run(id)]);
    let run = read_when(
        move || changes.get() + cancelled.get(),
        move || GetTrainingRun {
            project: project.get(),
            id,
        },
    );
    let crumbs = Signal::derive(move || {
        vec![(
            "Training runs".to_owned(),
            format!("/p/{}/training-runs", project.get()),
        )]
    });
    let title = format!("Run {}", short_id(&id.to_string()));
    view! {
        <PageHeader title crumbs>
            <a class="button" href=move || format!("/p/{}/compare?run={id}", project.get())>"Compare"</a>
        </PageHeader>
        {refreshed_page(run, move |run| page(project.get_untracked(), run, cancel, rerun))}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/training-runs/{id}", project.get())) />
    }
    .into_any()
}

fn page(
    project: Name,
    run: Signal<TrainingRun>,
    cancel: Change<CancelTrainingRun>,
    rerun: Change<RerunTrainingRun>,
) -> AnyView {
    let status = Memo::new(move |_| run.with(|run| run.status));
    let (id, spec) = run.with_untracked(|run| (run.id, run.spec.clone()));
    let head = {
        let project = project.clone();
        move || head(&project, status.get(), run, (cancel, rerun))
    };
    let outcome = {
        let project = project.clone();
        move || match status.get() {
            RunStatus::Failed => run
                .with_untracked(|run| run.error.clone())
                .map(|error| failed(&project, &error, &run.get_untracked())),
            RunStatus::Succeeded => Some(run.with_untracked(|run| results::results(&project, run))),
            _ => None,
        }
    };
    let log = log::run_log(project.clone(), id, status);
    let asked = asked(&project, run, &spec);
    view! {
        <div class="stack">
            <Card>
                {head}
                <FormError error=cancel.failure() />
                <FormError error=rerun.failure() />
            </Card>
            {outcome}
            <Card title="Log">{log}</Card>
            <Card title="What was asked">{asked}</Card>
        </div>
    }
    .into_any()
}

fn head(
    project: &Name,
    status: RunStatus,
    run: Signal<TrainingRun>,
    (cancel, rerun): (Change<CancelTrainingRun>, Change<RerunTrainingRun>),
) -> AnyView {
    let note = run.with_untracked(|run| reruns::note(project, run));
    let again = {
        let project = project.clone();
        move || run.with_untracked(|run| reruns::button(&project, run, rerun))
    };
    let id = run.with_untracked(|run| run.id);
    let fraction = move || run.with(|run| run.progress.map_or(0.0, |progress| progress.fraction));
    let took = run
        .with_untracked(|run| run.started_at.zip(run.finished_at))
        .map(|(start, end)| numbers::duration(end.seconds_since(start)));
    let version = run.with_untracked(|run| run.version.map(|version| (run.model.clone(), version)));
    let clone_href = run.with_untracked(|run| clone_href(project, &run.spec));
    let name = project.to_string();
    let cancel_form = move || {
        (!status.is_final()).then(|| {
            view! {
                <ChangeForm change=cancel clone:name>
                    <input type="hidden" name="project" value=name />
                    <input type="hidden" name="id" value=id.to_string() />
                    <Submit label="Cancel the run" class="button danger" pending=cancel.pending() />
                </ChangeForm>
            }
        })
    };
    view! {
        <div class="run-head">
            <div class="run-state">
                <Status state=status />
                {(status == RunStatus::Queued).then(|| view! { <span class="muted">"Waits for a free worker."</span> })}
                {took.map(|took| view! { <span class="muted">"Took " {took} "."</span> })}
                {(status == RunStatus::Cancelled).then(|| view! { <span class="muted">"No version was made."</span> })}
            </div>
            <div class="run-actions">
                <Allowed permission=Permission::Write what="Cancelling, cloning or training a run again">
                    {cancel_form()}
                    {again()}
                    <a class="button" href=clone_href.clone()>"Clone"</a>
                </Allowed>
                {version
                    .map(|(model, version)| {
                        view! {
                            <a class="button primary" href=format!("/p/{project}/models/{model}/versions/{version}")>
                                {format!("Open {model} v{version}")}
                            </a>
                        }
                    })}
            </div>
        </div>
        {note}
        {stepper(status, run)}
        {(status == RunStatus::Running)
            .then(|| {
                view! {
                    <progress class="progress" max="1" aria-label="Progress of the run" prop:value=fraction value=fraction().to_string()>
                        {move || numbers::percent(fraction())}
                    </progress>
                }
            })}
    }
    .into_any()
}

/// Where each stage stands. The words say it to those who do not see the colours.
fn stepper(status: RunStatus, run: Signal<TrainingRun>) -> AnyView {
    let stage = Memo::new(move |_| run.with(|run| run.progress.map(|progress| progress.stage)));
    let steps = move || {
        Stage::ALL
            .into_iter()
            .map(|step| {
                let (state, glyph, words) = step_state(step, stage.get(), status);
                view! {
                    <li class="step" data-state=state aria-current=(state == "current").then_some("step")>
                        <Icon glyph />
                        <span>{stage_name(step)}</span>
                        <span class="visually-hidden">": " {words}</span>
                    </li>
                }
            })
            .collect_view()
    };
    view! { <ol class="stepper" aria-label="Stages">{steps}</ol> }.into_any()
}

fn step_state(
    step: Stage,
    stage: Option<Stage>,
    status: RunStatus,
) -> (&'static str, Glyph, &'static str) {
    let is_past = stage.is_some_and(|stage| step < stage);
    let is_here = stage.map_or(step == Stage::Prepare, |stage| step == stage);
    match status {
        RunStatus::Succeeded => ("done", Glyph::Done, "done"),
        _ if is_past => ("done", Glyph::Done, "done"),
        RunStatus::Running if is_here => ("current", Glyph::Spinner, "in progress"),
        RunStatus::Failed if is_here => ("failed", Glyph::Failed, "failed here"),
        RunStatus::Cancelled if is_here => ("stopped", Glyph::Stopped, "cancelled here"),
        _ => ("open", Glyph::Clock, "not started"),
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Prepare => "Prepare",
        Stage::Encode => "Encode",
        Stage::Train => "Train",
        Stage::Evaluate => "Evaluate",
        Stage::Package => "Package",
    }
}

fn failed(project: &Name, error: &RunError, run: &TrainingRun) -> AnyView {
    let RunError { code, message, fix } = error.clone();
    let href = clone_href(project, &run.spec);
    view! {
        <Banner tone=Tone::Danger>
            <p class="strong">{message}</p>
            <p>{fix}</p>
            <p class="hint">
                "Code " <code>{code}</code> ". The last lines of the log below say what it did before. "
            </p>
            <Allowed permission=Permission::Write>
                <p class="hint"><a href=href.clone()>"Change the settings and run again"</a></p>
            </Allowed>
        </Banner>
    }
    .into_any()
}

fn asked(project: &Name, run: Signal<TrainingRun>, spec: &TrainingSpec) -> AnyView {
    let version = spec.dataset_version;
    let dataset_href = version.map_or_else(
        || format!("/p/{project}/datasets/{}", spec.dataset),
        |version| format!("/p/{project}/datasets/{}?v={version}", spec.dataset),
    );
    let dataset_text = version.map_or_else(
        || spec.dataset.to_string(),
        |version| format!("{} v{version}", spec.dataset),
    );
    let features = spec.features.as_ref().map_or_else(
        || "all columns but the target".to_owned(),
        |features| features.join(", "),
    );
    let (id, created_by, created_at) =
        run.with_untracked(|run| (run.id, run.created_by.clone(), run.created_at));
    let moment = |at: Option<Timestamp>| match at {
        Some(at) => view! { <Time at /> }.into_any(),
        None => "–".into_any(),
    };
    let mut facts = vec![
        ("Dataset", view! { <a href=dataset_href>{dataset_text}</a> }.into_any()),
        ("Target", view! { <span class="mono">{spec.target.clone()}</span> }.into_any()),
        ("Task", spec.task.unwrap_or(Task::Regression).as_str().into_any()),
        ("Features", view! { <span class="mono wrap">{features}</span> }.into_any()),
        ("Model", view! { <a href=format!("/p/{project}/models/{}", spec.model)>{spec.model.to_string()}</a> }.into_any()),
        ("Algorithm", spec.algorithm.described(spec.params.as_ref()).into_any()),
        ("Held out", held_out(&spec.split).into_any()),
        ("Budget", budget(spec.budget).into_any()),
        ("Created", view! { <Time at=created_at /> " by " {created_by} }.into_any()),
        ("Started", (move || moment(run.with(|run| run.started_at))).into_any()),
        ("Finished", (move || moment(run.with(|run| run.finished_at))).into_any()),
        ("Attempt", (move || run.with(|run| run.attempt).to_string()).into_any()),
        ("Id", view! { <Identifier text=id.to_string() shown=36 /> }.into_any()),
    ];
    if run.with_untracked(|run| run.retraining.is_some()) {
        let href = format!("/p/{project}/models/{}?tab=retraining", spec.model);
        let link = view! { <a href=href>{format!("by the policy of {}", spec.model)}</a> };
        facts.push(("Retraining", link.into_any()));
    }
    view! { <Facts facts /> }.into_any()
}

fn budget(budget: TrainingBudget) -> String {
    let limits = format!("{} s, {} MB", budget.seconds, budget.memory_mb);
    match budget.max_predict_micros {
        None => limits,
        Some(micros) => format!("{limits}, {micros} µs a prediction"),
    }
}

fn held_out(split: &Split) -> String {
    let share = numbers::percent(split.test_fraction);
    let method = split.method.map_or("", SplitMethod::as_str);
    match &split.column {
        None => format!("{share} of the rows, {method}, seed {}", split.seed),
        Some(column) => format!(
            "{share} of the rows, {method} {column}, seed {}",
            split.seed
        ),
    }
}

/// The form of a new run with everything as in `spec`.
fn clone_href(project: &Name, spec: &TrainingSpec) -> String {
    let mut query = vec![("dataset", spec.dataset.to_string())];
    query.extend(
        spec.dataset_version
            .map(|version| ("dataset_version", version.to_string())),
    );
    query.extend([
        ("target", spec.target.clone()),
        ("model", spec.model.to_string()),
        ("test_fraction", spec.split.test_fraction.to_string()),
        ("seed", spec.split.seed.to_string()),
        ("algorithm", spec.algorithm.as_str().to_owned()),
        (
            "task",
            spec.task.unwrap_or(Task::Regression).as_str().to_owned(),
        ),
        (
            "split_method",
            spec.split.method.map_or("", SplitMethod::as_str).to_owned(),
        ),
        (
            "split_column",
            spec.split.column.clone().unwrap_or_default(),
        ),
        (
            "folds",
            spec.split
                .folds
                .map_or_else(String::new, |folds| folds.to_string()),
        ),
        ("seconds", spec.budget.seconds.to_string()),
        ("memory_mb", spec.budget.memory_mb.to_string()),
        (
            "max_predict_micros",
            spec.budget
                .max_predict_micros
                .map_or_else(String::new, |micros| micros.to_string()),
        ),
    ]);
    if !spec.preprocessing.is_empty() {
        let preprocessing = serde_json::to_string(&spec.preprocessing);
        query.push(("preprocessing", preprocessing.unwrap_or_default()));
    }
    let params = spec.params.iter().flatten();
    let params: Vec<(String, String)> = params
        .filter_map(|(name, value)| {
            let mut known = spec.algorithm.parameters().iter();
            let parameter = known.find(|parameter| parameter.name == name)?;
            Some((
                parameter_field(spec.algorithm, parameter),
                parameter_text(value),
            ))
        })
        .collect();
    query.extend(
        params
            .iter()
            .map(|(field, value)| (field.as_str(), value.clone())),
    );
    query.extend(
        spec.features
            .iter()
            .flatten()
            .map(|feature| ("feature", feature.clone())),
    );
    let pairs: Vec<String> = query
        .iter()
        .map(|(key, value)| format!("{key}={}", encoded(value)))
        .collect();
    format!("/p/{project}/training-runs/new?{}", pairs.join("&"))
}

/// A value of a query.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_shows_where_it_failed() {
        let states = |status, stage| Stage::ALL.map(|step| step_state(step, stage, status).0);
        assert_eq!(
            states(RunStatus::Failed, Some(Stage::Train)),
            ["done", "done", "failed", "open", "open"]
        );
        assert_eq!(
            states(RunStatus::Running, None),
            ["current", "open", "open", "open", "open"]
        );
        assert_eq!(states(RunStatus::Queued, None), ["open"; 5]);
        assert_eq!(
            states(RunStatus::Succeeded, Some(Stage::Evaluate)),
            ["done"; 5]
        );
    }

    #[test]
    fn a_query_value_is_encoded() {
        assert_eq!(encoded("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
