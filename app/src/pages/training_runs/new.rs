//! A run in one form. Choosing the dataset is a GET form of its own: its columns are what the rest is made from.

mod form;

use domain::datasets::DatasetStatus;
use domain::{Name, Permission};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys;

use crate::calls::read;
use crate::components::allowed::Allowed;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::empty_state::EmptyState;
use crate::components::field::Field;
use crate::components::icon::Glyph;
use crate::components::loaded::loaded_page;
use crate::components::numbers;
use crate::components::page_header::PageHeader;
use crate::components::query_form::QueryForm;
use crate::context::{use_project, use_query};
use crate::server_fns::training_runs::{GetTrainingChoices, TrainingChoices};

#[component]
pub fn NewTrainingRunPage() -> impl IntoView {
    let project = use_project();
    let dataset = use_query("dataset");
    let version = use_query("dataset_version");
    let choices = read(move || GetTrainingChoices {
        project: project.get(),
        dataset: dataset.get().and_then(|name| Name::new(name).ok()),
        version: version.get().and_then(|version| version.parse().ok()),
    });
    let crumbs = Signal::derive(move || {
        vec![(
            "Training runs".to_owned(),
            format!("/p/{}/training-runs", project.get()),
        )]
    });
    view! {
        <PageHeader
            title="New training run"
            crumbs
            lead="Choose the data and the column to predict. The result is a new version of a model, measured on rows it has not seen."
        />
        <Allowed permission=Permission::Write what="Training">
            {loaded_page(choices, move |choices| page(&project.get_untracked(), choices))}
        </Allowed>
    }
    .into_any()
}

fn page(project: &Name, choices: TrainingChoices) -> AnyView {
    if choices.datasets.is_empty() {
        let href = format!("/p/{project}/datasets");
        return view! {
            <EmptyState
                glyph=Glyph::Dataset
                title="There is no dataset to train on yet"
                text="Upload a CSV or Parquet file first. Its columns are profiled, and then you can come back here."
            >
                <a class="button primary" href=href>
                    "Upload a dataset"
                </a>
            </EmptyState>
        }
        .into_any();
    }
    let rest = match &choices.dataset {
        None => view! { <p class="hint">"The columns to choose from appear once a dataset is chosen."</p> }.into_any(),
        Some(dataset) => match dataset.status {
            DatasetStatus::Ready => form::run_form(project, &choices, dataset),
            DatasetStatus::Profiling => view! {
                <Banner tone=Tone::Info>
                    <p>"This version is still being profiled. "<a href="" rel="external">"Look again"</a></p>
                </Banner>
            }
            .into_any(),
            DatasetStatus::Failed => {
                let error = dataset.error.clone().unwrap_or_default();
                view! {
                    <Banner tone=Tone::Danger>
                        <p>"This version could not be read: " {error} ". Choose another version or upload a corrected file."</p>
                    </Banner>
                }
                .into_any()
            }
        },
    };
    view! {
        <div class="stack">
            {choose_dataset(project, &choices)}
            {rest}
        </div>
    }
    .into_any()
}

fn choose_dataset(project: &Name, choices: &TrainingChoices) -> AnyView {
    let action = format!("/p/{project}/training-runs/new");
    let chosen = choices.dataset.as_ref();
    let name = chosen.map(|dataset| dataset.name.clone());
    let has_choice = name.is_some();
    let datasets = choices
        .datasets
        .iter()
        .map(|dataset| {
            let rows = dataset
                .rows
                .map(|rows| format!(", {} rows", numbers::count(rows)))
                .unwrap_or_default();
            let text = format!("{}{rows}", dataset.name);
            let is_selected = Some(&dataset.name) == name.as_ref();
            view! { <option value=dataset.name.to_string() selected=is_selected>{text}</option> }
        })
        .collect_view();
    let chosen_version = chosen.map(|dataset| dataset.version);
    let newest = choices.versions.first().copied();
    let versions = choices
        .versions
        .iter()
        .map(|version| {
            let text = if Some(*version) == newest { format!("v{version} (newest)") } else { format!("v{version}") };
            view! { <option value=version.to_string() selected=Some(*version) == chosen_version>{text}</option> }
        })
        .collect_view();
    view! {
        <Card title="1. Data">
            <QueryForm action class="form-row">
                <Field id="dataset" label="Dataset">
                    <select class="input" id="dataset" name="dataset" required=true on:change=|event| submit_own_form(&event, &["dataset_version"])>
                        {(!has_choice).then(|| view! { <option value="">"Choose a dataset"</option> })}
                        {datasets}
                    </select>
                </Field>
                {has_choice
                    .then(|| {
                        view! {
                            <Field id="dataset_version" label="Version">
                                <select class="input" id="dataset_version" name="dataset_version" on:change=|event| submit_own_form(&event, &[])>
                                    {versions}
                                </select>
                            </Field>
                        }
                    })}
                <div class="form-actions is-end">
                    <button type="submit" class="button">
                        {if has_choice { "Change" } else { "Continue" }}
                    </button>
                </div>
            </QueryForm>
        </Card>
    }
    .into_any()
}

/// Sends the form of the control that changed, without the controls named in `without`: their values belonged to what was
/// chosen before.
pub(crate) fn submit_own_form(event: &web_sys::Event, without: &[&str]) {
    let Some(form) = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .and_then(|control| control.closest("form").ok().flatten())
        .and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok())
    else {
        return;
    };
    let left_out: Vec<web_sys::Element> = without
        .iter()
        .filter_map(|name| {
            form.query_selector(&format!("[name='{name}']"))
                .ok()
                .flatten()
        })
        .collect();
    for control in &left_out {
        let _ = control.set_attribute("disabled", "");
    }
    let _ = form.request_submit();
    for control in &left_out {
        let _ = control.remove_attribute("disabled");
    }
}
