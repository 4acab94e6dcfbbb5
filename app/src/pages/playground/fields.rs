//! The form that a signature asks for. Every control sends its text by name; with WebAssembly it also moves the row.

use domain::datasets::{ColumnType, TextFormat};
use domain::models::{InputField, Signature};
use domain::predictions::Route;
use domain::rollouts::Rollout;
use leptos::prelude::*;

use super::FIELD_PREFIX;
use crate::browser;
use crate::components::field::{CheckField, Field, area_text};
use crate::components::numbers;
use crate::row::{self, Entries};

/// More categories than this are offered while typing instead of as a list to choose from.
const MOST_OPTIONS: usize = 50;

#[derive(Clone, Copy)]
struct Cell {
    entries: RwSignal<Entries>,
    written: RwSignal<Option<String>>,
    name: StoredValue<String>,
}

impl Cell {
    fn text(self) -> String {
        self.name
            .with_value(|name| self.entries.with(|entries| entries.get(name).cloned()))
            .unwrap_or_default()
    }

    fn set(self, text: String) {
        self.written.set(None);
        let name = self.name.get_value();
        self.entries.update(|entries| {
            entries.insert(name, text);
        });
    }
}

pub(super) fn row_fields(
    signature: &Signature,
    entries: RwSignal<Entries>,
    written: RwSignal<Option<String>>,
    errors: Memo<Entries>,
) -> AnyView {
    let fields = signature
        .inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let cell = Cell {
                entries,
                written,
                name: StoredValue::new(input.name.clone()),
            };
            let id = format!("field-{index}");
            let control = control(input, &id, cell);
            let name = input.name.clone();
            let error = Signal::derive(move || errors.with(|errors| errors.get(&name).cloned()));
            view! {
                <Field id=id label=input.name.clone() hint=hint(input) error>
                    {control}
                </Field>
            }
        })
        .collect_view();
    view! { <div class="row-fields">{fields}</div> }.into_any()
}

fn control(input: &InputField, id: &str, cell: Cell) -> AnyView {
    match (input.kind, &input.categories) {
        (ColumnType::Integer | ColumnType::Float, _) => number(input, id, cell),
        (ColumnType::Boolean, _) => {
            choice(input, id, cell, &["true".to_owned(), "false".to_owned()])
        }
        (ColumnType::String, Some(categories)) if categories.len() <= MOST_OPTIONS => {
            choice(input, id, cell, categories)
        }
        (ColumnType::String, categories) => {
            text(input, id, cell, categories.as_deref().unwrap_or_default())
        }
    }
}

/// A number, and a slider over the range that training met.
fn number(input: &InputField, id: &str, cell: Cell) -> AnyView {
    let first = untrack(|| cell.text());
    let is_whole = input.kind == ColumnType::Integer;
    let slider = input
        .min
        .zip(input.max)
        .filter(|(min, max)| min < max)
        .map(|(min, max)| {
            let step = if is_whole { 1.0 } else { (max - min) / 200.0 };
            view! {
                <input
                    class="needs-script"
                    type="range"
                    min=min.to_string()
                    max=max.to_string()
                    step=step.to_string()
                    value=first.clone()
                    prop:value=move || cell.text()
                    aria-label=format!("{}, slider", input.name)
                    on:input=move |event| cell.set(event_target_value(&event))
                />
            }
        });
    view! {
        <div class="number-pair">
            <input
                class="input num"
                id=id.to_owned()
                name=format!("{FIELD_PREFIX}{}", input.name)
                type="number"
                step="any"
                value=first.clone()
                prop:value=move || cell.text()
                aria-describedby=format!("{id}-note")
                on:input=move |event| cell.set(event_target_value(&event))
            />
            {slider}
        </div>
    }
    .into_any()
}

fn choice(input: &InputField, id: &str, cell: Cell, known: &[String]) -> AnyView {
    let first = untrack(|| cell.text());
    let is_known = first.is_empty() || known.contains(&first);
    let extra = (!is_known).then(|| first.clone());
    let options = known
        .iter()
        .chain(&extra)
        .map(|option| view! { <option value=option.clone() selected=*option == first>{option.clone()}</option> })
        .collect_view();
    view! {
        <select
            class="input"
            id=id.to_owned()
            name=format!("{FIELD_PREFIX}{}", input.name)
            prop:value=move || cell.text()
            aria-describedby=format!("{id}-note")
            on:change=move |event| cell.set(event_target_value(&event))
        >
            <option value="" selected=first.is_empty()>"(missing)"</option>
            {options}
        </select>
    }
    .into_any()
}

fn text(input: &InputField, id: &str, cell: Cell, known: &[String]) -> AnyView {
    let list = format!("{id}-known");
    let options = known
        .iter()
        .map(|option| view! { <option value=option.clone()></option> })
        .collect_view();
    view! {
        <input
            class="input"
            id=id.to_owned()
            name=format!("{FIELD_PREFIX}{}", input.name)
            list=list.clone()
            value=untrack(|| cell.text())
            prop:value=move || cell.text()
            aria-describedby=format!("{id}-note")
            on:input=move |event| cell.set(event_target_value(&event))
        />
        <datalist id=list>{options}</datalist>
    }
    .into_any()
}

fn hint(input: &InputField) -> String {
    let kind = match input.format {
        Some(TextFormat::Date) => "a date such as 2026-01-31",
        Some(TextFormat::Timestamp) => "a time such as 2026-01-31T09:30:00Z",
        None => input.kind.as_str(),
    };
    let seen = match (input.min, input.max) {
        (Some(min), Some(max)) => format!(
            "{kind}, {} to {} in training",
            numbers::decimal(min),
            numbers::decimal(max)
        ),
        _ => kind.to_owned(),
    };
    let seen = match &input.unseen {
        Some(unseen) => format!("{seen}; any other counts as {unseen}"),
        None => seen,
    };
    match (&input.impute, input.nullable) {
        (Some(impute), _) => format!("{seen}; missing is taken as {impute}"),
        (None, true) => format!("{seen}; may be missing"),
        (None, false) => seen,
    }
}

/// The row as JSON, or a list of rows.
pub(super) fn json_field(
    text: Signal<String>,
    written: RwSignal<Option<String>>,
    entries: RwSignal<Entries>,
) -> AnyView {
    let error = Signal::derive(move || {
        text.with(|text| {
            serde_json::from_str::<serde_json::Value>(text)
                .err()
                .map(|error| format!("not JSON yet: {error}"))
        })
    });
    let on_input = move |event| {
        let text = event_target_value(&event);
        if let Some(row) = row::from_json(&text) {
            entries.set(row);
        }
        written.set(Some(text));
    };
    view! {
        <Field id="json" label="Inputs" hint="One row as an object, or a list of rows." error>
            <textarea
                class="input"
                id="json"
                name="json"
                rows="14"
                spellcheck="false"
                prop:value=move || text.get()
                aria-describedby="json-note"
                on:input=on_input
            >
                {text.with_untracked(|text| area_text(text))}
            </textarea>
        </Field>
    }
    .into_any()
}

/// Other rows at a click.
pub(super) fn row_tools(
    signature: StoredValue<Signature>,
    entries: RwSignal<Entries>,
    written: RwSignal<Option<String>>,
) -> AnyView {
    let fill = move |row: Entries| {
        written.set(None);
        entries.set(row);
    };
    view! {
        <button type="button" class="button needs-script" on:click=move |_| fill(signature.with_value(row::sample))>
            "Sample row"
        </button>
        <button
            type="button"
            class="button needs-script"
            on:click=move |_| fill(signature.with_value(|signature| row::valid(signature, browser::random)))
        >
            "Random row"
        </button>
    }
    .into_any()
}

/// Which arm answers; only while there are two.
pub(super) fn arm_field(rollout: &Rollout, chosen: RwSignal<Option<Route>>) -> AnyView {
    let canary = format!("Canary (v{})", rollout.canary_version);
    let stable = format!("Stable (v{})", rollout.stable_version);
    view! {
        <Field id="arm" label="Answered by" hint="As routed: by the weight, as for any other caller.">
            <select
                class="input"
                id="arm"
                name="arm"
                aria-describedby="arm-note"
                on:change=move |event| chosen.set(super::arm(Some(&event_target_value(&event))))
            >
                <option value="">"As routed"</option>
                <option value="stable">{stable}</option>
                <option value="canary">{canary}</option>
            </select>
        </Field>
    }
    .into_any()
}

/// Whether the answer says what each input adds.
pub(super) fn explain_field(explain: RwSignal<bool>) -> AnyView {
    view! {
        <div on:change=move |event| explain.set(event_target_checked(&event))>
            <CheckField
                name="explain"
                value="true"
                label="Explain"
                hint="Says of one row what each input adds to the prediction."
                checked=explain.get_untracked()
            />
        </div>
    }
    .into_any()
}
