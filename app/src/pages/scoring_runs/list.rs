//! The runs, and above them the form of a new one.

use domain::events::Topic;
use domain::scoring_runs::ScoringRun;
use domain::training_runs::RunStatus;
use domain::{Name, Page, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::empty_state::EmptyState;
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, TextField};
use crate::components::icon::Glyph;
use crate::components::loaded::{loaded, loaded_page};
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::pagination::Pagination;
use crate::components::status::Status;
use crate::components::submit::Submit;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::{use_project, use_query};
use crate::live::use_live;
use crate::pages::training_runs::list::short_id;
use crate::server_fns::scoring_runs::{
    CreateScoringRun, GetScoringChoices, ListScoringRuns, ScoringChoices,
};

#[component]
pub fn ScoringRunsPage() -> impl IntoView {
    let project = use_project();
    let cursor = use_query("cursor");
    let (dataset, model) = (use_query("dataset"), use_query("model"));
    let create = Change::<CreateScoringRun>::new();
    let choices = read(move || GetScoringChoices {
        project: project.get(),
        dataset: dataset.get(),
        model: model.get(),
    });
    let changes = use_live(|| vec![Topic::ScoringRuns]);
    let runs = read_when(
        move || changes.get(),
        move || ListScoringRuns {
            project: project.get(),
            cursor: cursor.get(),
        },
    );
    let show_form = move |choices| {
        let chosen = (dataset.get_untracked(), model.get_untracked());
        form(&project.get_untracked(), choices, chosen, create)
    };
    view! {
        <PageHeader title="Scoring runs" lead="Each run predicts every row of a table with one version of a model. What comes out is a dataset." />
        <Allowed permission=Permission::Write what="Scoring">{loaded(choices, show_form)}</Allowed>
        {loaded_page(runs, move |page| list(&project.get_untracked(), cursor.get_untracked(), page))}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/scoring-runs", project.get())) />
    }
    .into_any()
}

fn form(
    project: &Name,
    choices: ScoringChoices,
    chosen: (Option<String>, Option<String>),
    create: Change<CreateScoringRun>,
) -> AnyView {
    if choices.datasets.is_empty() || choices.models.is_empty() {
        return view! { <p class="hint">"Scoring needs a dataset and a model: upload a table and train on it first."</p> }.into_any();
    }
    let project = project.to_string();
    view! {
        <Card title="Score a table" hint="The table needs a column for each input of the model, of the same name and type.">
            <ChangeForm change=create class="form">
                <input type="hidden" name="project" value=project />
                <div class="form-row">
                    <SelectField
                        name="dataset"
                        label="Table"
                        options=choices.datasets
                        value=chosen.0.unwrap_or_default()
                        error=create.field_failure("/dataset")
                    />
                    <SelectField
                        name="model"
                        label="Model version"
                        options=choices.models
                        value=chosen.1.unwrap_or_default()
                        error=create.field_failure("/model")
                    />
                    <TextField
                        name="output"
                        label="Dataset for the answer"
                        required=false
                        maxlength="63"
                        hint="Named after table and model when empty."
                        error=create.field_failure("/output")
                    />
                    <TextField
                        name="prediction_column"
                        label="Column for the predictions"
                        value="prediction"
                        error=create.field_failure("/prediction_column")
                    />
                </div>
                <FormError error=create.failure() />
                <div class="form-actions">
                    <Submit label="Start scoring" pending=create.pending() />
                </div>
            </ChangeForm>
        </Card>
    }
    .into_any()
}

fn list(project: &Name, cursor: Option<String>, page: Page<ScoringRun>) -> AnyView {
    if page.items.is_empty() && cursor.is_none() {
        let command = format!(
            "curl -sS -X POST \"$VOLARY_URL/api/v1/projects/{project}/scoring-runs\" \\\n  -H \"authorization: Bearer $VOLARY_KEY\" \\\n  -H 'content-type: application/json' \\\n  -d '{{\"dataset\":\"housing\",\"model\":\"price\",\"version\":1}}'"
        );
        return view! {
            <EmptyState
                glyph=Glyph::File
                title="No scoring runs yet"
                text="A run adds a column of predictions to a table, and says for each row that the model refuses why."
                command
            />
        }
        .into_any();
    }
    let rows: Vec<AnyView> = page
        .items
        .into_iter()
        .map(|run| row(project, &run))
        .collect();
    view! {
        <Card flush=true>
            <TableFrame label="Scoring runs">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Run"</th>
                            <th scope="col">"Table"</th>
                            <th scope="col">"Model"</th>
                            <th scope="col">"Answer"</th>
                            <th scope="col" class="num">"Rows"</th>
                            <th scope="col" class="num">"Refused"</th>
                            <th scope="col">"Created"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
        <Pagination href=format!("/p/{project}/scoring-runs") cursor next_cursor=page.next_cursor />
    }
    .into_any()
}

fn row(project: &Name, run: &ScoringRun) -> AnyView {
    let id = run.id.to_string();
    let progress = (run.status == RunStatus::Running).then(|| {
        let done = numbers::percent(run.progress);
        view! { <progress class="progress is-small" max="1" value=run.progress.to_string()>{done}</progress> }
    });
    view! {
        <tr>
            <td><Status state=run.status />{progress}</td>
            <th scope="row"><a class="mono" href=format!("/p/{project}/scoring-runs/{id}")>{short_id(&id)}</a></th>
            <td>{table_link(project, &run.dataset, run.dataset_version)}</td>
            <td>{model_link(project, run)}</td>
            <td>{answer(project, run)}</td>
            <td class="num">{numbers::count(run.rows)}</td>
            <td class="num">{numbers::count(run.rows_failed)}</td>
            <td><Time at=run.created_at /></td>
        </tr>
    }
    .into_any()
}

pub(super) fn table_link(project: &Name, name: &Name, version: i32) -> AnyView {
    let href = format!("/p/{project}/datasets/{name}?v={version}");
    view! { <a href=href>{format!("{name} v{version}")}</a> }.into_any()
}

pub(super) fn model_link(project: &Name, run: &ScoringRun) -> AnyView {
    let (name, version) = (&run.model, run.version);
    let href = format!("/p/{project}/models/{name}/versions/{version}");
    view! { <a href=href>{format!("{name} v{version}")}</a> }.into_any()
}

/// The dataset that the run made, or its name while there is none.
pub(super) fn answer(project: &Name, run: &ScoringRun) -> AnyView {
    match run.output_version {
        Some(version) => table_link(project, &run.output, version),
        None => run.output.to_string().into_any(),
    }
}
