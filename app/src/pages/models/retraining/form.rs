use domain::retraining::{OnBetter, RetrainingPolicy, SHOWN_MOMENTS, Schedule};
use domain::{Name, Permission, Timestamp};
use leptos::prelude::*;

use super::moments;
use crate::browser::clock;
use crate::calls::{Change, ChangeForm};
use crate::components::allowed::AllowedFields;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{CheckField, Field, SelectField, options};
use crate::components::submit::Submit;
use crate::server_fns::retraining::{Example, PRESETS, Retraining, SetRetraining, preset_of};

pub(super) fn form(
    project: &Name,
    model: &Name,
    retraining: &Retraining,
    set: Change<SetRetraining>,
) -> AnyView {
    let policy = retraining.policy.as_ref();
    let examples = &retraining.examples;
    if policy.is_none() && examples.is_empty() {
        let href = format!("/p/{project}/training-runs/new?model={model}");
        return view! {
            <Card title="Train it anew by itself">
                <p>
                    "A policy trains as a version was trained before, and no training run has made one yet. "
                    <a href=href>"Train a first version"</a> "."
                </p>
            </Card>
        }
        .into_any();
    }
    let revision = policy.map(|policy| policy.revision.to_string());
    let when = when(policy, set);
    let on_new = policy.is_some_and(|policy| policy.on_new_dataset_version);
    let deployment = policy
        .and_then(|policy| policy.deployment.as_ref())
        .map(ToString::to_string)
        .unwrap_or_default();
    let on_better = policy.map_or(OnBetter::Nothing, |policy| policy.on_better);
    let what_then = options([
        ("nothing", "Nothing: the version is there, with its verdict"),
        ("propose", "Propose a rollout, which somebody accepts"),
        ("start_canary", "Start a canary by itself"),
    ]);
    let title = if policy.is_some() {
        "Change the policy"
    } else {
        "Train it anew by itself"
    };
    let (project, model) = (project.to_string(), model.to_string());
    let compared_with = compared_with(&retraining.deployments, &deployment);
    let examples = example_options(policy, examples);
    view! {
        <Card
            title=title
            hint="A new version goes further only if it beats the live one on the same held-out rows."
        >
            <ChangeForm change=set class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="model" value=model />
                <input type="hidden" name="form[revision]" value=revision.unwrap_or_default() />
                <AllowedFields permission=Permission::Write what="Changing the policy">
                    <SelectField
                        id="retraining-example"
                        name="form[example]"
                        label="Train"
                        options=examples
                        hint="On the newest ready version of the dataset at the time. For other settings start a training run with them, and choose its version here."
                        error=set.field_failure("/example")
                    />
                    {when}
                    <CheckField
                        name="form[on_new_dataset_version]"
                        value="on"
                        label="Also whenever a new version of the dataset is ready"
                        checked=on_new
                    />
                    <div class="form-row">
                        <SelectField
                            id="retraining-deployment"
                            name="form[deployment]"
                            label="Compare with what is live on"
                            options=compared_with
                            value=deployment
                            error=set.field_failure("/deployment")
                        />
                        <SelectField
                            id="retraining-on-better"
                            name="form[on_better]"
                            label="If the new version is better"
                            options=what_then
                            value=on_better.as_str()
                            error=set.field_failure("/on_better")
                        />
                    </div>
                    <FormError error=set.failure() />
                    <div class="form-actions">
                        <Submit label="Save the policy" pending=set.pending() />
                    </div>
                </AllowedFields>
            </ChangeForm>
        </Card>
    }
    .into_any()
}

/// The preset, and five fields for any other schedule, with the moments that they stand for.
fn when(policy: Option<&RetrainingPolicy>, set: Change<SetRetraining>) -> AnyView {
    let schedule = policy.and_then(|policy| policy.schedule.clone());
    let preset = preset_of(schedule.as_deref());
    let saved = policy.map_or_else(String::new, |policy| match &policy.next_runs[..] {
        [] => String::new(),
        next => format!("As saved: {}", moments(next)),
    });
    // What is typed is read by the browser; what is saved came with the page.
    let typed = RwSignal::new(None::<String>);
    let note = move || match typed.get() {
        None => saved.clone(),
        Some(typed) => described(&typed),
    };
    let options = std::iter::once(("hand", "When somebody asks for it"))
        .chain(PRESETS.iter().map(|(name, label, _)| (*name, *label)))
        .chain([("cron", "At the times below")])
        .map(|(value, label)| {
            let is_selected = value == preset;
            view! { <option value=value selected=is_selected>{label}</option> }
        })
        .collect_view();
    let choose = move |event: leptos::ev::Event| {
        let chosen = event_target_value(&event);
        let preset = PRESETS.iter().find(|(name, ..)| *name == chosen);
        typed.set(Some(
            preset.map_or_else(String::new, |(_, _, fields)| (*fields).to_owned()),
        ));
    };
    let error = set.field_failure("/schedule");
    view! {
        <div class="form-row">
            <Field id="retraining-when" label="When">
                <select class="input" id="retraining-when" name="form[when]" aria-describedby="retraining-when-note" on:change=choose>
                    {options}
                </select>
            </Field>
            <Field
                id="retraining-schedule"
                label="Times, in UTC"
                hint="As cron has them: minute, hour, day of the month, month, weekday; at most every 15 minutes."
                error
            >
                <input
                    class="input mono"
                    id="retraining-schedule"
                    name="form[schedule]"
                    value=schedule.unwrap_or_default()
                    placeholder="0 3 * * 1"
                    maxlength="200"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby="retraining-schedule-note"
                    aria-invalid=move || error.with(Option::is_some).then_some("true")
                    on:input=move |event| typed.set(Some(event_target_value(&event)))
                />
            </Field>
        </div>
        <p class="hint" role="status">{note}</p>
    }
    .into_any()
}

/// The next moments of what was typed, or what is wrong with it.
fn described(typed: &str) -> String {
    if typed.trim().is_empty() {
        return String::new();
    }
    let now = clock::age(Timestamp::UNIX_EPOCH)
        .and_then(|seconds| Timestamp::from_unix_seconds(seconds as i64));
    match (Schedule::parse(typed), now) {
        (Err(expected), _) => format!("Expected {expected}."),
        (Ok(schedule), Some(now)) => {
            format!("Next: {}", moments(&schedule.upcoming(now, SHOWN_MOMENTS)))
        }
        (Ok(_), None) => String::new(),
    }
}

fn example_options(
    policy: Option<&RetrainingPolicy>,
    examples: &[Example],
) -> Vec<(String, String)> {
    let now = policy.map(|policy| {
        let training = &policy.training;
        let text = format!(
            "As now: {} to predict {} from {}",
            training.algorithm.described(training.params.as_ref()),
            training.target,
            training.dataset
        );
        (String::new(), text)
    });
    let examples = examples.iter().map(|example| {
        let from = example
            .dataset
            .as_ref()
            .map(|dataset| format!(" from {dataset}"));
        let text = format!(
            "As v{} was: {} to predict {}{}",
            example.version,
            example.algorithm.replace('_', " "),
            example.target,
            from.unwrap_or_default()
        );
        (example.version.to_string(), text)
    });
    now.into_iter().chain(examples).collect()
}

/// A deployment that is gone stays to be seen, and to be changed.
fn compared_with(deployments: &[Name], chosen: &str) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Nothing".to_owned())];
    options.extend(
        deployments
            .iter()
            .map(|name| (name.to_string(), name.to_string())),
    );
    if !options.iter().any(|(value, _)| value == chosen) {
        options.push((chosen.to_owned(), format!("{chosen} (gone)")));
    }
    options
}
