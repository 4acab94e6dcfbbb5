//! Which algorithm, and its parameters. Every algorithm's parameters are in the form; the style sheet shows those of the
//! chosen one, so choosing works before the page is hydrated. Then those that do not serve the task are hidden.

use domain::models::Task;
use domain::training_runs::{Algorithm, Parameter};
use leptos::prelude::*;

use crate::calls::Change;
use crate::components::field::{SelectField, TextField};
use crate::server_fns::training_runs::{
    CreateTrainingRun, TrainingForm, default_text, parameter_field,
};

pub(super) fn algorithm_fields(
    first: &TrainingForm,
    task: Memo<Task>,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    // Who has no script chooses among all.
    let is_filtered = RwSignal::new(false);
    Effect::new(move |_| is_filtered.set(true));
    let is_off = move |algorithm: Algorithm| is_filtered.get() && !algorithm.serves(task.get());
    let choices = Algorithm::ALL.map(|algorithm| {
        let is_off = Signal::derive(move || is_off(algorithm));
        choice(algorithm, first, is_off, action)
    });
    let error = action.field_failure("/algorithm");
    view! {
        <fieldset class="choices">
            <legend class="visually-hidden">"Algorithm"</legend>
            {choices.into_iter().collect_view()}
            {move || error.get().map(|error| view! { <p class="field-error">{error}</p> })}
        </fieldset>
    }
    .into_any()
}

fn choice(
    algorithm: Algorithm,
    first: &TrainingForm,
    is_off: Signal<bool>,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    let is_chosen = first.algorithm == algorithm.as_str();
    let parameters = algorithm.parameters();
    let fields = (!parameters.is_empty()).then(|| {
        let fields = parameters
            .iter()
            .map(|parameter| parameter_input(algorithm, parameter, first, action))
            .collect_view();
        view! { <div class="form-row choice-details">{fields}</div> }
    });
    view! {
        <div class="choice" hidden=is_off>
            <label class="check">
                <input type="radio" name="form[algorithm]" value=algorithm.as_str() checked=is_chosen />
                <span>
                    <span class="check-label strong">{algorithm.label()}</span>
                    <span class="hint">{algorithm.about()}</span>
                </span>
            </label>
            {fields}
        </div>
    }
    .into_any()
}

/// Without a range for the browser to hold: it would refuse the form for a field that is not shown. The server holds it.
fn parameter_input(
    algorithm: Algorithm,
    parameter: &'static Parameter,
    first: &TrainingForm,
    action: Change<CreateTrainingRun>,
) -> AnyView {
    let field = parameter_field(algorithm, parameter);
    let value = first
        .params
        .get(&field)
        .cloned()
        .unwrap_or_else(|| default_text(parameter));
    if !parameter.choices.is_empty() {
        let options = parameter.choices.iter();
        let options: Vec<_> = options
            .map(|choice| ((*choice).to_owned(), (*choice).to_owned()))
            .collect();
        return view! {
            <SelectField
                id=field.clone()
                name=format!("form[params][{field}]")
                label=parameter.label
                options
                value
                hint=parameter.hint
                error=action.field_failure(parameter.pointer)
            />
        }
        .into_any();
    }
    view! {
        <TextField
            id=field.clone()
            name=format!("form[params][{field}]")
            label=parameter.label
            kind="number"
            step=if parameter.is_whole { "1" } else { "any" }
            value
            required=false
            hint=parameter.hint
            error=action.field_failure(parameter.pointer)
        />
    }
    .into_any()
}
