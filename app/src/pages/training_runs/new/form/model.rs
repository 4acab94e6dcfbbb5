//! What the run makes, which rows judge it, and what it may use.

use domain::datasets::DatasetVersion;
use leptos::prelude::*;

use crate::calls::Change;
use crate::components::field::{Field, SelectField, TextField, options};
use crate::server_fns::training_runs::{CreateTrainingRun, TrainingChoices, TrainingForm};

pub(super) fn model_fields(
    choices: &TrainingChoices,
    dataset: &DatasetVersion,
    first: &TrainingForm,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    let models = choices
        .models
        .iter()
        .map(|model| view! { <option value=model.to_string()></option> })
        .collect_view();
    let name = first.model.clone();
    let columns = dataset
        .columns
        .iter()
        .map(|column| (column.name.clone(), column.name.clone()))
        .collect();
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
            <SelectField
                name="form[split_method]"
                id="split_method"
                label="Split"
                options=options([
                    ("", "As the task needs it"),
                    ("random", "At random"),
                    ("stratified", "The same share of each class"),
                    ("group", "Rows of a group stay together"),
                    ("time", "The newest rows"),
                ])
                value=first.split_method.clone()
                error=action.field_failure("/split/method")
            />
            <div class="split-column">
                <SelectField
                    name="form[split_column]"
                    id="split_column"
                    label="Group or time"
                    options=columns
                    value=first.split_column.clone()
                    hint="The column that the split goes by. It is not learned from."
                    error=action.field_failure("/split/column")
                />
            </div>
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
            <TextField
                id="folds"
                name="form[folds]"
                label="Folds"
                kind="number"
                min="2"
                max="10"
                step="1"
                required=false
                value=first.folds.clone()
                hint="2 to 10: also fits models to parts of the training rows and shows how much the metrics differ."
                error=action.field_failure("/split/folds")
            />
        </div>
    }
    .into_any()
}

pub(super) fn budget_fields(first: &TrainingForm, action: Change<CreateTrainingRun>) -> AnyView {
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
            <TextField
                id="max_predict_micros"
                name="form[max_predict_micros]"
                label="A prediction, µs"
                kind="number"
                min="1"
                max="1000000"
                step="1"
                required=false
                value=first.max_predict_micros.clone()
                hint="Of the best of all: what takes longer to predict a row is not chosen."
                error=action.field_failure("/budget/max_predict_micros")
            />
        </div>
    }
    .into_any()
}
