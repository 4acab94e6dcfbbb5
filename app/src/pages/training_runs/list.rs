use domain::events::Topic;
use domain::training_runs::{RunStatus, TrainingRun};
use domain::{Name, Page, Permission};
use leptos::prelude::*;

use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::compared::{Chosen, compare_button, tick};
use crate::components::empty_state::EmptyState;
use crate::components::evaluation::headline;
use crate::components::icon::{Glyph, Icon};
use crate::components::loaded::loaded_page;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::pagination::Pagination;
use crate::components::query_form::QueryForm;
use crate::components::status::Status;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::{use_project, use_query};
use crate::live::use_live;
use crate::server_fns::training_runs::ListTrainingRuns;

#[component]
pub fn TrainingRunsPage() -> impl IntoView {
    let project = use_project();
    let cursor = use_query("cursor");
    let changes = use_live(|| vec![Topic::Runs]);
    let chosen = Chosen::default();
    let runs = read_when(
        move || changes.get(),
        move || ListTrainingRuns {
            project: project.get(),
            cursor: cursor.get(),
        },
    );
    view! {
        <PageHeader title="Training runs" lead="Each run trains one new version of a model and measures it on rows it has not seen.">
            <Allowed permission=Permission::Write what="Training">
                <a class="button primary" href=move || format!("/p/{}/training-runs/new", project.get())>
                    <Icon glyph=Glyph::Plus />
                    "New run"
                </a>
            </Allowed>
        </PageHeader>
        {loaded_page(runs, move |page| list(project.get_untracked(), cursor.get_untracked(), page, chosen))}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/training-runs", project.get())) />
    }
    .into_any()
}

fn list(project: Name, cursor: Option<String>, page: Page<TrainingRun>, chosen: Chosen) -> AnyView {
    if page.items.is_empty() && cursor.is_none() {
        let command = format!(
            "curl -sS -X POST \"$VOLARY_URL/api/v1/projects/{project}/training-runs\" \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: application/json' \\\n  -d '{{\"dataset\":\"housing\",\"target\":\"price\",\"model\":\"price\",\"algorithm\":\"auto\"}}'"
        );
        return view! {
            <EmptyState
                glyph=Glyph::Run
                title="No training runs yet"
                text="A run takes a dataset and the column to predict, and makes a version of a model with honest held-out metrics."
                command
            >
                <Allowed permission=Permission::Write>
                    <a class="button primary" href=format!("/p/{project}/training-runs/new")>
                        "Train a model"
                    </a>
                </Allowed>
            </EmptyState>
        }
        .into_any();
    }
    let href = format!("/p/{project}/training-runs");
    view! {
        <QueryForm action=format!("/p/{project}/compare") class="stack">
        <Card flush=true>
            <TableFrame label="Training runs">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col"><span class="visually-hidden">"Compare"</span></th>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Run"</th>
                            <th scope="col">"Model"</th>
                            <th scope="col">"Dataset"</th>
                            <th scope="col">"Target"</th>
                            <th scope="col" class="num">
                                <abbr title="On held-out rows: R² of a regression, higher is better; log loss of a classification, lower is better">"Main metric"</abbr>
                            </th>
                            <th scope="col" class="num">"Took"</th>
                            <th scope="col">"Created"</th>
                        </tr>
                    </thead>
                    <tbody>{page.items.into_iter().map(|run| row(&project, run, chosen)).collect_view()}</tbody>
                </table>
            </TableFrame>
        </Card>
        {compare_button(chosen)}
        </QueryForm>
        <Pagination href cursor next_cursor=page.next_cursor />
    }
    .into_any()
}

fn row(project: &Name, run: TrainingRun, chosen: Chosen) -> impl IntoView + use<> {
    let id = run.id.to_string();
    let spec = run.spec;
    let dataset_version = spec
        .dataset_version
        .map(|version| format!(" v{version}"))
        .unwrap_or_default();
    let took = run
        .started_at
        .zip(run.finished_at)
        .map(|(start, end)| numbers::duration(end.seconds_since(start)));
    let metric = run.metrics.as_ref().and_then(headline);
    view! {
        <tr>
            <td>{tick(chosen, "run", id.clone(), format!("Compare run {}", short_id(&id)))}</td>
            <td>
                <Status state=run.status />
                {(run.status == RunStatus::Running)
                    .then_some(run.progress)
                    .flatten()
                    .map(|progress| {
                        view! {
                            <progress class="progress is-small" max="1" value=progress.fraction.to_string()>
                                {numbers::percent(progress.fraction)}
                            </progress>
                        }
                    })}
            </td>
            <th scope="row">
                <a class="mono" href=format!("/p/{project}/training-runs/{id}")>{short_id(&id)}</a>
            </th>
            <td>
                <a href=format!("/p/{project}/models/{}", run.model)>{run.model.to_string()}</a>
                {run.version.map(|version| {
                    view! {
                        " "
                        <a href=format!("/p/{project}/models/{}/versions/{version}", run.model)>{format!("v{version}")}</a>
                    }
                })}
            </td>
            <td>
                <a href=format!("/p/{project}/datasets/{}", spec.dataset)>{format!("{}{dataset_version}", spec.dataset)}</a>
            </td>
            <td class="mono">{spec.target}</td>
            <td class="num">{metric.unwrap_or_else(|| "–".to_owned())}</td>
            <td class="num">{took.unwrap_or_else(|| "–".to_owned())}</td>
            <td><Time at=run.created_at /></td>
        </tr>
    }
}

/// The end of an id: version 7 ids of one minute share their beginning.
pub(crate) fn short_id(id: &str) -> String {
    id.get(id.len().saturating_sub(8)..)
        .unwrap_or(id)
        .to_owned()
}
