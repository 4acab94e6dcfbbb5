mod algorithm;
mod model;
mod preprocessing;

use std::collections::BTreeMap;

use domain::Name;
use domain::datasets::{ColumnProfile, DatasetVersion};
use domain::models::Task;
use domain::training_runs::{Algorithm, MAX_CLASSES, Preprocessing, Split, TrainingBudget};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;
use leptos_router::hooks::use_query_map;

use crate::calls::{Change, ChangeForm};
use crate::components::api_panel::ApiPanel;
use crate::components::badge::{Badge, Tone};
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{Field, SelectField, options};
use crate::components::numbers;
use crate::components::submit::Submit;
use crate::server_fns::training_runs::{
    ColumnForm, CreateTrainingRun, TrainingChoices, TrainingForm, default_text, parameter_field,
};

/// The run's form for the columns of `dataset`. The query may carry other first values: that is how a run is cloned.
pub(super) fn run_form(
    project: &Name,
    choices: &TrainingChoices,
    dataset: &DatasetVersion,
) -> AnyView {
    if !dataset.columns.iter().any(can_be_target) {
        return view! {
            <Banner tone=Tone::Warn>
                <p>"No column of this dataset holds numbers or a few classes, so there is nothing to predict. Choose another dataset."</p>
            </Banner>
        }
        .into_any();
    }
    let first = first_values(dataset);
    let action = Change::<CreateTrainingRun>::new();
    let form = RwSignal::new(first.clone());
    let target = Memo::new(move |_| form.with(|form| form.target.clone()));
    let columns = StoredValue::new(dataset.columns.clone());
    let task =
        Memo::new(move |_| columns.with_value(|columns| form.with(|form| task_of(form, columns))));
    let chosen = Memo::new(move |_| {
        form.with(|form| Algorithm::named(&form.algorithm).unwrap_or(Algorithm::Auto))
    });
    let path = format!("/api/v1/projects/{project}/training-runs");
    let column_count = dataset.columns.len();
    let body = Signal::derive(move || form.with(|form| body(form, column_count)));
    let on_input = move |event: web_sys::Event| {
        if let Some(mut entered) = entered(&event) {
            let task = columns.with_value(|columns| task_of(&entered, columns));
            let algorithm = Algorithm::named(&entered.algorithm);
            if algorithm.is_some_and(|algorithm| !algorithm.serves(task)) && choose_auto(&event) {
                Algorithm::Auto.as_str().clone_into(&mut entered.algorithm);
            }
            form.set(entered);
        }
    };
    let data_fields = (
        target_field(dataset, &first.target, action.field_failure("/target")),
        task_field(&first, task, action),
        features_field(dataset, &first, target, action.field_failure("/features")),
        preprocessing::preprocessing_fields(
            dataset,
            &first,
            action.fields_failure("/preprocessing/"),
        ),
    );
    let algorithm_fields = algorithm::algorithm_fields(&first, task, action);
    let model_fields = model::model_fields(choices, dataset, &first, action);
    let budget_fields = model::budget_fields(&first, action);
    let rows = dataset
        .rows
        .map(|rows| format!(" on {} rows", numbers::count(rows)))
        .unwrap_or_default();
    let (project, dataset, version) = (
        project.to_string(),
        dataset.name.to_string(),
        dataset.version.to_string(),
    );
    view! {
        <ChangeForm change=action class="form">
            <input type="hidden" name="project" value=project />
            <input type="hidden" name="form[dataset]" value=dataset />
            <input type="hidden" name="form[dataset_version]" value=version />
            <div class="stack" on:input=on_input>
                <Card title="2. Target and features" hint="The target is the number or the class to predict; the features are what it is predicted from.">
                    {data_fields}
                </Card>
                <Card title="3. Algorithm">{algorithm_fields}</Card>
                <Card title="4. Model and held-out rows">{model_fields}</Card>
                <Card title="5. Budget" hint="The run is a process of its own. It is ended when it uses more than this, and the reason is said.">
                    {budget_fields}
                </Card>
            </div>
            <FormError error=action.failure() />
            <div class="form-actions">
                <Submit label="Start the run" pending=action.pending() />
                <span class="hint">{move || format!("{}{rows}.", chosen.get().label())}</span>
            </div>
        </ChangeForm>
        <ApiPanel method="POST" path body />
    }
    .into_any()
}

fn first_values(dataset: &DatasetVersion) -> TrainingForm {
    let query = use_query_map().get_untracked();
    let asked = |key: &str| query.get(key).filter(|text| !text.is_empty());
    let known = |name: &String| {
        let mut columns = dataset.columns.iter();
        columns.any(|column| column.name == *name && can_be_target(column))
    };
    // A number where there is one: of texts, nobody knows which is the class.
    let last = |wanted: fn(&ColumnProfile) -> bool| {
        let mut columns = dataset.columns.iter().rev();
        columns
            .find(|column| wanted(column))
            .map(|column| column.name.clone())
    };
    let target = asked("target")
        .filter(known)
        .or_else(|| last(|column| column.kind.is_numeric()))
        .or_else(|| last(can_be_target))
        .unwrap_or_default();
    let kind = dataset.columns.iter().find(|column| column.name == target);
    let asked_task = asked("task").and_then(|name| Task::named(&name));
    let task = asked_task
        .or_else(|| kind.map(|column| Task::of(column.kind, column.distinct)))
        .unwrap_or(Task::Regression);
    let chosen = query.get_all("feature").unwrap_or_default();
    let features = dataset
        .columns
        .iter()
        .map(|column| column.name.clone())
        .filter(|name| chosen.is_empty() || chosen.contains(name))
        .collect();
    let (split, budget) = (Split::default(), TrainingBudget::default());
    let algorithm = asked("algorithm")
        .and_then(|name| Algorithm::named(&name))
        .filter(|algorithm| algorithm.serves(task))
        .unwrap_or(match task {
            Task::Regression => Algorithm::LinearRegression,
            Task::Classification => Algorithm::LogisticRegression,
        });
    let mut params = default_params();
    for (field, value) in &mut params {
        if let Some(asked) = asked(field) {
            *value = asked;
        }
    }
    TrainingForm {
        dataset: dataset.name.to_string(),
        dataset_version: dataset.version.to_string(),
        model: asked("model").unwrap_or_else(|| {
            Name::suggest(&target)
                .unwrap_or_else(|| dataset.name.clone())
                .to_string()
        }),
        target,
        task: asked_task.map_or("", Task::as_str).to_owned(),
        split_method: asked("split_method").unwrap_or_default(),
        split_column: asked("split_column").unwrap_or_default(),
        folds: asked("folds").unwrap_or_default(),
        features,
        algorithm: algorithm.as_str().to_owned(),
        params,
        preprocessing: prepared(dataset, asked("preprocessing").as_deref()),
        test_fraction: asked("test_fraction").unwrap_or_else(|| split.test_fraction.to_string()),
        seed: asked("seed").unwrap_or_else(|| split.seed.to_string()),
        seconds: asked("seconds").unwrap_or_else(|| budget.seconds.to_string()),
        memory_mb: asked("memory_mb").unwrap_or_else(|| budget.memory_mb.to_string()),
        max_predict_micros: asked("max_predict_micros").unwrap_or_default(),
    }
}

/// A row of the form for each column; `asked` is what a spec says.
fn prepared(dataset: &DatasetVersion, asked: Option<&str>) -> BTreeMap<String, ColumnForm> {
    let asked = asked.and_then(|asked| serde_json::from_str::<Preprocessing>(asked).ok());
    let asked = asked.unwrap_or_default();
    let mut rows = BTreeMap::new();
    for (place, column) in dataset.columns.iter().enumerate() {
        let row = ColumnForm::of(&column.name, column.kind, asked.get(&column.name));
        rows.insert(preprocessing::key(place), row);
    }
    rows
}

/// Every algorithm's.
fn default_params() -> BTreeMap<String, String> {
    let mut params = BTreeMap::new();
    for algorithm in Algorithm::ALL {
        for parameter in algorithm.parameters() {
            params.insert(
                parameter_field(algorithm, parameter),
                default_text(parameter),
            );
        }
    }
    params
}

/// The form as it stands now.
fn entered(event: &web_sys::Event) -> Option<TrainingForm> {
    let control: web_sys::Element = event.target()?.dyn_into().ok()?;
    let form: web_sys::HtmlFormElement = control.closest("form").ok()??.dyn_into().ok()?;
    let data = web_sys::FormData::new_with_form(&form).ok()?;
    let text = |field: &str| {
        data.get(&format!("form[{field}]"))
            .as_string()
            .unwrap_or_default()
    };
    let mut params = default_params();
    for (field, value) in &mut params {
        *value = data
            .get(&format!("form[params][{field}]"))
            .as_string()
            .unwrap_or_default();
    }
    Some(TrainingForm {
        algorithm: text("algorithm"),
        params,
        preprocessing: entered_columns(&data),
        dataset: text("dataset"),
        dataset_version: text("dataset_version"),
        target: text("target"),
        task: text("task"),
        split_method: text("split_method"),
        split_column: text("split_column"),
        folds: text("folds"),
        features: data
            .get_all("form[features][]")
            .iter()
            .filter_map(|feature| feature.as_string())
            .collect(),
        model: text("model"),
        test_fraction: text("test_fraction"),
        seed: text("seed"),
        seconds: text("seconds"),
        memory_mb: text("memory_mb"),
        max_predict_micros: text("max_predict_micros"),
    })
}

/// The columns' rows stand one behind the other.
fn entered_columns(data: &web_sys::FormData) -> BTreeMap<String, ColumnForm> {
    let mut rows = BTreeMap::new();
    loop {
        let key = preprocessing::key(rows.len());
        let part = |part: &str| {
            data.get(&format!("form[preprocessing][{key}][{part}]"))
                .as_string()
        };
        let Some(column) = part("column") else {
            return rows;
        };
        let text = |name: &str| part(name).unwrap_or_default();
        let row = ColumnForm {
            column,
            kind: text("kind"),
            impute: text("impute"),
            constant: text("constant"),
            indicator: text("indicator"),
            treatment: text("treatment"),
            min_count: text("min_count"),
            max_categories: text("max_categories"),
            rest: text("rest"),
        };
        rows.insert(key, row);
    }
}

/// The body of the same call over HTTP. All features is what an absent list means.
fn body(form: &TrainingForm, column_count: usize) -> String {
    match form.spec() {
        Ok(mut spec) => {
            let unlearned = 1 + usize::from(spec.split.column.is_some());
            if spec
                .features
                .as_ref()
                .is_some_and(|features| features.len() + unlearned == column_count)
            {
                spec.features = None;
            }
            serde_json::to_string_pretty(&spec).unwrap_or_default()
        }
        Err(error) => format!("// {error}"),
    }
}

/// Numbers are predicted as they are, all others as classes.
fn can_be_target(column: &ColumnProfile) -> bool {
    column.kind.is_numeric() || column.distinct <= MAX_CLASSES as u64
}

/// What is chosen, else what the target's column is of.
fn task_of(form: &TrainingForm, columns: &[ColumnProfile]) -> Task {
    let of_target = || {
        let column = columns.iter().find(|column| column.name == form.target)?;
        Some(Task::of(column.kind, column.distinct))
    };
    Task::named(&form.task)
        .or_else(of_target)
        .unwrap_or(Task::Regression)
}

/// In place of an algorithm that is not shown any more.
fn choose_auto(event: &web_sys::Event) -> bool {
    let auto = || {
        let control: web_sys::Element = event.target()?.dyn_into().ok()?;
        let form = control.closest("form").ok()??;
        let radio = form.query_selector("input[name='form[algorithm]'][value='auto']");
        radio.ok()??.dyn_into::<web_sys::HtmlInputElement>().ok()
    };
    auto().map(|radio| radio.set_checked(true)).is_some()
}

fn task_field(
    first: &TrainingForm,
    task: Memo<Task>,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    let error = action.field_failure("/task");
    view! {
        <SelectField
            name="form[task]"
            id="task"
            label="Task"
            options=options([
                ("", "As the target's values say"),
                ("regression", "Regression: a number"),
                ("classification", "Classification: one of several classes"),
            ])
            value=first.task.clone()
            error
        />
        <p class="hint" id="judged-task">
            {move || match task.get() {
                Task::Regression => "The model will predict a number.",
                Task::Classification => "The model will give each class a probability, and the most probable one as the label.",
            }}
        </p>
    }
    .into_any()
}

fn target_field(dataset: &DatasetVersion, first: &str, error: Signal<Option<String>>) -> AnyView {
    let options = dataset
        .columns
        .iter()
        .map(|column| {
            let is_off = !can_be_target(column);
            let kind = column.kind.as_str();
            let text = if is_off {
                let distinct = numbers::count(column.distinct);
                format!(
                    "{} ({kind}: {distinct} values, too many for classes)",
                    column.name
                )
            } else {
                format!("{} ({kind})", column.name)
            };
            view! {
                <option value=column.name.clone() selected=column.name == first disabled=is_off>
                    {text}
                </option>
            }
        })
        .collect_view();
    view! {
        <Field id="target" label="Target" hint="The column to predict." error>
            <select class="input" id="target" name="form[target]" aria-describedby="target-note">
                {options}
            </select>
        </Field>
    }
    .into_any()
}

fn features_field(
    dataset: &DatasetVersion,
    first: &TrainingForm,
    target: Memo<String>,
    error: Signal<Option<String>>,
) -> AnyView {
    let boxes = dataset
        .columns
        .iter()
        .map(|column| feature_box(column, first.features.contains(&column.name), target))
        .collect_view();
    view! {
        <fieldset class="features" aria-describedby="features-note">
            <legend>"Features"</legend>
            <div class="feature-grid">{boxes}</div>
            <p class="field-note" id="features-note">
                {move || match error.get() {
                    Some(error) => view! { <span class="field-error">{error}</span> }.into_any(),
                    None => "Missing values and text are taken care of; columns of no use, such as constant ones, are left out and reported.".into_any(),
                }}
            </p>
        </fieldset>
    }
    .into_any()
}

fn feature_box(column: &ColumnProfile, checked: bool, target: Memo<String>) -> AnyView {
    let name = column.name.clone();
    let is_target = Signal::derive({
        let name = name.clone();
        move || target.with(|target| *target == name)
    });
    let warning = column.warnings.first().map(|warning| {
        let message = warning.message.clone();
        let code = warning.code.replace('_', " ");
        view! {
            <span title=message>
                <Badge tone=Tone::Warn>{code}</Badge>
            </span>
        }
    });
    view! {
        <label class="check" class:is-off=is_target>
            <input type="checkbox" name="form[features][]" value=name.clone() checked=checked disabled=is_target />
            <span>
                <span class="check-label">{name}</span>
                <span class="hint">
                    {column.kind.as_str()} {move || is_target.get().then_some(", the target")} " " {warning}
                </span>
            </span>
        </label>
    }
    .into_any()
}
