use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::dialog::Dialog;
use crate::components::error_panel::FormError;
use crate::components::field::{CheckField, SelectField, TextField, options};
use crate::components::submit::Submit;
use crate::context::use_project;
use crate::server_fns::api_keys::{CreateApiKey, NewKeyForm};

pub(super) const CREATE: &str = "create-key";

/// Scope, and what it opens.
const SCOPES: [(&str, &str); 5] = [
    ("predict:*", "Predict with every deployment and model"),
    ("feedback", "Send actual values"),
    (
        "read",
        "See datasets, runs, models, deployments and metrics",
    ),
    ("write", "Upload, train, deploy, roll out and back"),
    ("admin", "Manage keys and members"),
];

/// What the form holds at first.
pub(super) fn fresh() -> NewKeyForm {
    NewKeyForm {
        scopes: vec!["predict:*".to_owned()],
        days: "90".to_owned(),
        requests: "10000".to_owned(),
        per_seconds: "10".to_owned(),
        ..NewKeyForm::default()
    }
}

#[component]
pub(super) fn CreateDialog(create: Change<CreateApiKey>, form: NewKeyForm) -> impl IntoView {
    let project = use_project();
    let budget = budget_fields(create, &form);
    let NewKeyForm {
        name,
        scopes: ticked,
        deployments,
        days,
        requests,
        per_seconds,
        ..
    } = form;
    let scopes = SCOPES
        .into_iter()
        .map(|(scope, hint)| {
            let checked = ticked.iter().any(|one| one == scope);
            view! { <CheckField name="form[scopes][]" value=scope label=scope hint checked/> }
        })
        .collect_view();
    let expiries = options([
        ("30", "30 days"),
        ("90", "90 days"),
        ("365", "A year"),
        ("", "Never: rotate it yourself"),
    ]);
    // The page that follows a plain form that was refused shows the form again, with the reason.
    let was_refused = create.failure().with_untracked(Option::is_some);
    view! {
        <Dialog id=CREATE title="Create an API key" open=was_refused>
            <ChangeForm change=create>
                <input type="hidden" name="project" value=move || project.get().to_string()/>
                <TextField name="form[name]" id="key-name" label="Name" hint="Who or what will use it" placeholder="pricing-service" maxlength="100" value=name error=create.field_failure("/name")/>
                <fieldset class="checks">
                    <legend>"What it may do"</legend>
                    {scopes}
                </fieldset>
                <TextField
                    name="form[deployments]"
                    id="key-deployments"
                    label="Only these deployments"
                    hint="Names parted by commas: instead of the first box, the key may predict with these alone"
                    placeholder="price, churn"
                    required=false
                    value=deployments
                    error=create.field_failure("/scopes")
                />
                <SelectField name="form[days]" id="key-days" label="Expires after" options=expiries value=days error=create.field_failure("/expires_at")/>
                <div class="form-row">
                    <TextField name="form[requests]" id="key-requests" label="Requests" kind="number" min="1" value=requests error=create.field_failure("/rate_limit/requests")/>
                    <TextField name="form[per_seconds]" id="key-seconds" label="in seconds" kind="number" min="1" value=per_seconds error=create.field_failure("/rate_limit/per_seconds")/>
                </div>
                {budget}
                <FormError error=create.failure()/>
                <div class="form-actions"><Submit label="Create the key" pending=create.pending()/></div>
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}

fn budget_fields(create: Change<CreateApiKey>, form: &NewKeyForm) -> AnyView {
    let periods = options([("month", "month"), ("day", "day")]);
    let ends = options([
        ("refuse", "Refuse them"),
        ("count", "Answer and count them"),
    ]);
    view! {
        <div class="form-row">
            <TextField
                name="form[budget_requests]"
                id="key-budget"
                label="Budget"
                kind="number"
                min="1"
                hint="Requests; empty for no budget"
                required=false
                value=form.budget_requests.clone()
                error=create.field_failure("/budget/requests")
            />
            <SelectField name="form[budget_per]" id="key-budget-per" label="in every" options=periods value=form.budget_per.clone() hint="Of UTC" error=create.field_failure("/budget/per")/>
            <SelectField name="form[over_budget]" id="key-over-budget" label="Requests over it" options=ends value=form.over_budget.clone() error=create.field_failure("/budget/hard")/>
        </div>
    }
    .into_any()
}
