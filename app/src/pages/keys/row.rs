use domain::api_keys::{ApiKey, ApiKeyStatus};
use domain::budgets::BudgetPeriod;
use leptos::prelude::*;

use super::KeyActions;
use crate::calls::ChangeForm;
use crate::components::badge::Badge;
use crate::components::dialog::{Dialog, DialogButton};
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, options};
use crate::components::numbers::count;
use crate::components::status::Status;
use crate::components::submit::Submit;
use crate::components::time::{MaybeTime, Time};
use crate::context::use_project;

/// One key and what can be done with it.
#[component]
pub(super) fn KeyRow(key: ApiKey, actions: KeyActions) -> impl IntoView {
    let scopes = key
        .scopes
        .iter()
        .map(ToString::to_string)
        .map(|scope| view! { <Badge>{scope}</Badge> })
        .collect_view();
    let limit = format!(
        "{} / {} s",
        count(key.rate_limit.requests.into()),
        key.rate_limit.per_seconds
    );
    let spent = spent(&key);
    let ip = key
        .last_used_ip
        .clone()
        .map(|ip| view! { <span class="hint">"from " {ip}</span> });
    let is_live = matches!(key.status, ApiKeyStatus::Active | ApiKeyStatus::Rotating);
    let created_by = key.created_by.clone();
    let buttons = is_live.then(|| view! { <KeyButtons key=key.clone() actions/> });
    view! {
        <tr>
            <th scope="row"><span class="two-lines">{key.name}<code class="hint">{key.prefix}</code></span></th>
            <td><Status state=key.status/></td>
            <td><span class="chips">{scopes}</span></td>
            <td class="num"><span class="two-lines">{limit}{spent}</span></td>
            <td><span class="two-lines"><MaybeTime at=key.last_used_at/>{ip}</span></td>
            <td><MaybeTime at=key.expires_at/></td>
            <td><span class="two-lines"><Time at=key.created_at/><span class="hint">"by " {created_by}</span></span></td>
            <td>{buttons}</td>
        </tr>
    }
    .into_any()
}

/// How much of the budget is used.
fn spent(key: &ApiKey) -> Option<AnyView> {
    let budget = key.budget?;
    let (used, since) = match budget.per {
        BudgetPeriod::Day => (key.requests_today, "today"),
        BudgetPeriod::Month => (key.requests_this_month, "this month"),
    };
    let then = match budget.hard {
        true if used >= budget.requests => "now refused",
        true => "then refused",
        false if used > budget.requests => "over it",
        false => "then only counted",
    };
    let text = format!(
        "{} of {} {since}, {then}",
        count(used),
        count(budget.requests)
    );
    let share = (used as f64 / budget.requests as f64).min(1.0).to_string();
    let label = format!("Budget used by {}", key.name);
    Some(
        view! {
            <progress class="progress is-small" max="1" value=share aria-label=label></progress>
            <span class="hint">{text}</span>
        }
        .into_any(),
    )
}

#[component]
fn KeyButtons(key: ApiKey, actions: KeyActions) -> impl IntoView {
    let rotate = format!("rotate-{}", key.id);
    let revoke = format!("revoke-{}", key.id);
    let is_active = key.status == ApiKeyStatus::Active;
    let rotation = is_active.then(
        || view! { <DialogButton id=rotate.clone() class="button small">"Rotate"</DialogButton> },
    );
    let rotation_dialog =
        is_active.then(|| view! { <RotateDialog id=rotate key=key.clone() actions/> });
    view! {
        <div class="row">
            {rotation}
            <DialogButton id=revoke.clone() class="button small danger">"Revoke"</DialogButton>
        </div>
        {rotation_dialog}
        <RevokeDialog id=revoke key actions/>
    }
    .into_any()
}

#[component]
fn RotateDialog(id: String, key: ApiKey, actions: KeyActions) -> impl IntoView {
    let project = use_project();
    let overlaps = options([
        ("0", "End at once"),
        ("3600", "1 hour"),
        ("86400", "24 hours"),
        ("604800", "7 days"),
    ]);
    let select = format!("{id}-overlap");
    view! {
        <Dialog id title=format!("Rotate the key {}", key.name)>
            <p>"A new key with the same scopes and limits takes its place. It is shown once."</p>
            <ChangeForm change=actions.rotate>
                <input type="hidden" name="project" value=move || project.get().to_string()/>
                <input type="hidden" name="id" value=key.id.to_string()/>
                <SelectField name="overlap_seconds" id=select label="The old key stays good for" options=overlaps value="86400" hint="Time to put the new one in place"/>
                <FormError error=actions.rotate.failure()/>
                <div class="form-actions"><Submit label="Rotate the key" pending=actions.rotate.pending()/></div>
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}

#[component]
fn RevokeDialog(id: String, key: ApiKey, actions: KeyActions) -> impl IntoView {
    let project = use_project();
    view! {
        <Dialog id title=format!("Revoke the key {}", key.name)>
            <p>
                "Every program that uses " <code>{key.prefix}</code>
                " is refused within five seconds. This can not be undone. Last used: " <MaybeTime at=key.last_used_at/> "."
            </p>
            <ChangeForm change=actions.revoke>
                <input type="hidden" name="project" value=move || project.get().to_string()/>
                <input type="hidden" name="id" value=key.id.to_string()/>
                <FormError error=actions.revoke.failure()/>
                <div class="form-actions"><Submit label="Revoke the key" class="button danger" pending=actions.revoke.pending()/></div>
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}
