//! How each column is prepared: folded away, with what is usual in words.

use domain::datasets::{ColumnProfile, ColumnType, DatasetVersion};
use domain::training_runs::preprocessing::{KEPT_CATEGORIES, KEPT_CODED_CATEGORIES, MIN_COUNT};
use domain::training_runs::{Encode, Role, Scale};
use leptos::prelude::*;

use crate::components::field::Field;
use crate::server_fns::training_runs::{AS_CATEGORY, ColumnForm, TrainingForm};

/// More rows would make the page slow; the API takes any.
const MOST_ROWS: usize = 100;

pub(super) fn preprocessing_fields(
    dataset: &DatasetVersion,
    first: &TrainingForm,
    error: Signal<Option<String>>,
) -> AnyView {
    let rows = dataset
        .columns
        .iter()
        .enumerate()
        .take(MOST_ROWS)
        .map(|(place, column)| row(place, column, first.preprocessing.get(&key(place))))
        .collect_view();
    let more = dataset.columns.len().saturating_sub(MOST_ROWS);
    let is_told = first.preprocessing.values().any(is_unusual);
    view! {
        <details class="preprocessing" open=is_told>
            <summary>"Preprocessing, column by column"</summary>
            <p class="hint">
                "Everything is learned from the training rows alone, and is done the same way when the model predicts. What is left as it is "
                "needs no choice."
            </p>
            {move || error.get().map(|error| view! { <p class="field-error">{error}</p> })}
            <div class="preprocessing-rows">{rows}</div>
            {(more > 0)
                .then(|| view! { <p class="hint">{format!("{more} more columns are prepared in the usual way; the API takes a choice for each.")}</p> })}
        </details>
    }
    .into_any()
}

/// The name of a column's row: its place, since its own name may be anything.
pub(super) fn key(place: usize) -> String {
    place.to_string()
}

fn is_unusual(form: &ColumnForm) -> bool {
    *form
        != ColumnForm {
            column: form.column.clone(),
            kind: form.kind.clone(),
            rest: form.rest.clone(),
            ..ColumnForm::default()
        }
}

fn role(column: &ColumnProfile) -> Role {
    match (column.kind, column.format) {
        (ColumnType::Integer | ColumnType::Float, _) => Role::Number,
        (ColumnType::String, Some(_)) => Role::Date,
        _ => Role::Category,
    }
}

fn row(place: usize, column: &ColumnProfile, form: Option<&ColumnForm>) -> AnyView {
    let role = role(column);
    let form = form.cloned().unwrap_or_default();
    let field = move |part: &str| format!("form[preprocessing][{place}][{part}]");
    let id = move |part: &str| format!("prepare-{place}-{part}");
    let label = |text: &str| format!("{text}, {}", column.name);
    let has_limits = role == Role::Category && column.kind == ColumnType::String;
    let limits = has_limits.then(|| {
        [
            (
                "min_count",
                "Rows that a category needs",
                MIN_COUNT.to_string(),
                form.min_count.clone(),
            ),
            (
                "max_categories",
                "Categories that are kept",
                format!("{KEPT_CATEGORIES}, or {KEPT_CODED_CATEGORIES} as one number"),
                form.max_categories.clone(),
            ),
        ]
        .map(|(part, text, usual, value)| {
            let of_input = label(text);
            view! {
                <Field id=id(part) label=text hint=format!("Usually {usual}.")>
                    <input class="input" id=id(part) name=field(part) inputmode="numeric" value=value aria-label=of_input aria-describedby=format!("{}-note", id(part)) />
                </Field>
            }
        })
        .collect_view()
    });
    let [of_missing, of_constant, of_values] =
        ["A missing value", "The constant", "The values"].map(label);
    let imputes = options(&imputes(role), &form.impute);
    let treatments = options(&treatments(role), &form.treatment);
    let constant = form.constant.clone();
    view! {
        <fieldset class="preprocessing-row">
            <legend>
                <span class="mono">{column.name.clone()}</span>
                " "
                <span class="hint">{described(column, role)}</span>
            </legend>
            <input type="hidden" name=field("column") value=column.name.clone() />
            <input type="hidden" name=field("kind") value=column.kind.as_str() />
            {(!form.rest.is_empty()).then(|| view! { <input type="hidden" name=field("rest") value=form.rest.clone() /> })}
            <Field id=id("impute") label="A missing value" hint=missing(column)>
                <select class="input" id=id("impute") name=field("impute") aria-label=of_missing aria-describedby=format!("{}-note", id("impute"))>
                    {imputes}
                </select>
            </Field>
            <Field id=id("constant") label="The constant" hint="Where a constant stands in.">
                <input class="input" id=id("constant") name=field("constant") value=constant aria-label=of_constant aria-describedby=format!("{}-note", id("constant")) />
            </Field>
            <label class="check">
                <input type="checkbox" name=field("indicator") value="on" checked=!form.indicator.is_empty() aria-label=label("Mark missing values in a column beside it") />
                <span>"Mark missing values in a column beside it"</span>
            </label>
            <Field id=id("treatment") label="The values">
                <select class="input" id=id("treatment") name=field("treatment") aria-label=of_values>
                    {treatments}
                </select>
            </Field>
            {limits}
        </fieldset>
    }
    .into_any()
}

fn described(column: &ColumnProfile, role: Role) -> String {
    let kind = match (role, column.format) {
        (Role::Date, Some(format)) => format.as_str(),
        _ => column.kind.as_str(),
    };
    match role {
        Role::Category => format!("{kind}, {} different values", column.distinct),
        Role::Number | Role::Date => kind.to_owned(),
    }
}

fn missing(column: &ColumnProfile) -> String {
    match column.missing {
        0 => "None is missing.".to_owned(),
        1 => "1 is missing.".to_owned(),
        count => format!("{count} are missing."),
    }
}

fn imputes(role: Role) -> Vec<(&'static str, &'static str)> {
    let usual = match role {
        Role::Number => "As usual: the median, or as trees learn it",
        Role::Category => "As usual: the most frequent, or as trees learn it",
        Role::Date => "As usual: each part's median, or as trees learn it",
    };
    let all = [
        ("median", "The median"),
        ("mean", "The mean"),
        ("most_frequent", "The most frequent value"),
        ("constant", "A constant"),
        ("missing_indicator", "The average, and marked as missing"),
    ];
    let allowed = all
        .into_iter()
        .filter(|(name, _)| role.imputes().contains(name));
    [("", usual)].into_iter().chain(allowed).collect()
}

fn treatments(role: Role) -> Vec<(&'static str, &'static str)> {
    match role {
        Role::Number => [("", "As usual: standardised where they are weighed")]
            .into_iter()
            .chain(Scale::ALL.map(|scale| (scale.as_str(), scale.label())))
            .collect(),
        Role::Category => [("", "As usual: each category by itself")]
            .into_iter()
            .chain(Encode::ALL.map(|encode| (encode.as_str(), encode.label())))
            .collect(),
        Role::Date => vec![
            (
                "",
                "As usual: taken apart into year, month, day, weekday and days",
            ),
            (AS_CATEGORY, "As categories, text by text"),
        ],
    }
}

fn options(pairs: &[(&'static str, &'static str)], chosen: &str) -> AnyView {
    pairs
        .iter()
        .map(|&(value, label)| {
            view! { <option value=value selected=value == chosen>{label}</option> }
        })
        .collect_view()
        .into_any()
}
