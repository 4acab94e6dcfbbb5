mod algorithm;

use std::collections::BTreeMap;

use domain::Name;
use domain::datasets::{ColumnProfile, DatasetVersion};
use domain::training_runs::{Algorithm, Split, TrainingBudget};
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
use crate::components::field::{Field, TextField};
use crate::components::numbers;
use crate::components::submit::Submit;
use crate::server_fns::training_runs::{
    CreateTrainingRun, TrainingChoices, TrainingForm, parameter_field,
};

/// The run's form for the columns of `dataset`. The query may carry other first values: that is how a run is cloned.
pub(super) fn run_form(
    project: &Name,
    choices: &TrainingChoices,
    dataset: &DatasetVersion,
) -> AnyView {
    if !dataset
        .columns
        .iter()
        .any(|column| column.kind.is_numeric())
    {
        return view! {
            <Banner tone=Tone::Warn>
                <p>"No column of this dataset holds numbers, so there is nothing to predict. Choose another dataset."</p>
            </Banner>
        }
        .into_any();
    }
    let first = first_values(dataset);
    let action = Change::<CreateTrainingRun>::new();
    let form = RwSignal::new(first.clone());
    let target = Memo::new(move |_| form.with(|form| form.target.clone()));
    let chosen = Memo::new(move |_| {
        form.with(|form| Algorithm::named(&form.algorithm).unwrap_or(Algorithm::Auto))
    });
    let path = format!("/api/v1/projects/{project}/training-runs");
    let column_count = dataset.columns.len();
    let body = Signal::derive(move || form.with(|form| body(form, column_count)));
    let on_input = move |event: web_sys::Event| {
        if let Some(entered) = entered(&event) {
            form.set(entered);
        }
    };
    let data_fields = (
        target_field(dataset, &first.target, action.field_failure("/target")),
        features_field(dataset, &first, target, action.field_failure("/features")),
    );
    let algorithm_fields = algorithm::algorithm_fields(&first, action);
    let model_fields = model_fields(choices, &first, action);
    let budget_fields = budget_fields(&first, action);
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
                <Card title="2. Target and features" hint="The target is the number to predict; the features are what it is predicted from.">
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
    let is_numeric = |name: &String| {
        dataset
            .columns
            .iter()
            .any(|column| column.name == *name && column.kind.is_numeric())
    };
    let last_numeric = || {
        dataset
            .columns
            .iter()
            .rev()
            .find(|column| column.kind.is_numeric())
            .map(|column| column.name.clone())
    };
    let target = asked("target")
        .filter(is_numeric)
        .or_else(last_numeric)
        .unwrap_or_default();
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
        .unwrap_or(Algorithm::LinearRegression);
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
        features,
        algorithm: algorithm.as_str().to_owned(),
        params,
        test_fraction: asked("test_fraction").unwrap_or_else(|| split.test_fraction.to_string()),
        seed: asked("seed").unwrap_or_else(|| split.seed.to_string()),
        seconds: asked("seconds").unwrap_or_else(|| budget.seconds.to_string()),
        memory_mb: asked("memory_mb").unwrap_or_else(|| budget.memory_mb.to_string()),
    }
}

/// Every algorithm's.
fn default_params() -> BTreeMap<String, String> {
    let mut params = BTreeMap::new();
    for algorithm in Algorithm::NAMED {
        for parameter in algorithm.parameters() {
            params.insert(
                parameter_field(algorithm, parameter),
                parameter.default.to_string(),
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
        dataset: text("dataset"),
        dataset_version: text("dataset_version"),
        target: text("target"),
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
    })
}

/// The body of the same call over HTTP. All features is what an absent list means.
fn body(form: &TrainingForm, column_count: usize) -> String {
    match form.spec() {
        Ok(mut spec) => {
            if spec
                .features
                .as_ref()
                .is_some_and(|features| features.len() + 1 == column_count)
            {
                spec.features = None;
            }
            serde_json::to_string_pretty(&spec).unwrap_or_default()
        }
        Err(error) => format!("// {error}"),
    }
}

fn target_field(dataset: &DatasetVersion, first: &str, error: Signal<Option<String>>) -> AnyView {
    let options = dataset
        .columns
        .iter()
        .map(|column| {
            let text = if column.kind.is_numeric() {
                format!("{} ({})", column.name, column.kind.as_str())
            } else {
                format!("{} ({}: not a number)", column.name, column.kind.as_str())
            };
            view! {
                <option value=column.name.clone() selected=column.name == first disabled=!column.kind.is_numeric()>
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

fn model_fields(
    choices: &TrainingChoices,
    first: &TrainingForm,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    let models = choices
        .models
        .iter()
        .map(|model| view! { <option value=model.to_string()></option> })
        .collect_view();
    let name = first.model.clone();
    view! {
        <div class="form-row">
            <Field
                id="model"
                label="Model"
                hint="A new name makes a model; a known one gets its next version."
                error=action.field_failure("/model")
            >
                <input
                    class="input"
                    id="model"
                    name="form[model]"
                    value=name
                    list="models"
                    required=true
                    maxlength="63"
                    autocomplete="off"
                    aria-describedby="model-note"
                />
                <datalist id="models">{models}</datalist>
            </Field>
            <TextField
                id="test_fraction"
                name="form[test_fraction]"
                label="Held-out share"
                kind="number"
                min="0.05"
                max="0.5"
                step="any"
                value=first.test_fraction.clone()
                hint="0.05 to 0.5 of the rows are kept aside for the metrics."
                error=action.field_failure("/split/test_fraction")
            />
            <TextField
                id="seed"
                name="form[seed]"
                label="Seed"
                kind="number"
                min="0"
                step="1"
                value=first.seed.clone()
                hint="The same seed holds out the same rows."
                error=action.field_failure("/split/seed")
            />
        </div>
    }
    .into_any()
}

fn budget_fields(first: &TrainingForm, action: Change<CreateTrainingRun>) -> AnyView {
    view! {
        <div class="form-row">
            <TextField
                id="seconds"
                name="form[seconds]"
                label="Seconds"
                kind="number"
                min="1"
                max="86400"
                step="1"
                value=first.seconds.clone()
                error=action.field_failure("/budget/seconds")
            />
            <TextField
                id="memory_mb"
                name="form[memory_mb]"
                label="Memory, MB"
                kind="number"
                min="256"
                max="1048576"
                step="1"
                value=first.memory_mb.clone()
                error=action.field_failure("/budget/memory_mb")
            />
        </div>
    }
    .into_any()
}
