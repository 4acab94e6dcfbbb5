use domain::members::Member;
use leptos::prelude::*;

use super::MemberActions;
use super::invite::roles;
use crate::calls::ChangeForm;
use crate::components::badge::Badge;
use crate::components::dialog::{Dialog, DialogButton};
use crate::components::error_panel::FormError;
use crate::components::submit::Submit;
use crate::components::time::Time;
use crate::context::use_project;

#[component]
pub(super) fn MemberRow(
    member: Member,
    actions: MemberActions,
    may_administer: bool,
) -> impl IntoView {
    let role = if may_administer {
        view! { <RoleForm member=member.clone() actions/> }.into_any()
    } else {
        view! { <Badge>{member.role.as_str()}</Badge> }.into_any()
    };
    let remove = may_administer.then(|| view! { <RemoveForm member=member.clone() actions/> });
    view! {
        <tr>
            <th scope="row">{member.name}</th>
            <td>{member.email}</td>
            <td>{role}</td>
            <td><Time at=member.joined_at/></td>
            <td>{remove}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn RoleForm(member: Member, actions: MemberActions) -> impl IntoView {
    let project = use_project();
    let label = format!("Role of {}", member.name);
    let options = roles()
        .into_iter()
        .map(|(value, text)| {
            let is_selected = value == member.role.as_str();
            view! { <option value=value selected=is_selected>{text}</option> }
        })
        .collect_view();
    view! {
        <ChangeForm change=actions.set_role>
            <input type="hidden" name="project" value=move || project.get().to_string()/>
            <input type="hidden" name="user" value=member.user_id.to_string()/>
            <div class="inline-form">
                <select class="input" name="role" aria-label=label>{options}</select>
                <Submit label="Save" class="button small"/>
            </div>
        </ChangeForm>
    }
    .into_any()
}

#[component]
fn RemoveForm(member: Member, actions: MemberActions) -> impl IntoView {
    let project = use_project();
    let id = format!("remove-{}", member.user_id);
    view! {
        <DialogButton id=id.clone() class="button small danger">"Remove"</DialogButton>
        <Dialog id title=format!("Remove {}", member.name)>
            <p>{format!("{} can no longer see or change this project. Keys that this person made stay good: revoke them on the page API keys.", member.email)}</p>
            <ChangeForm change=actions.remove>
                <input type="hidden" name="project" value=move || project.get().to_string()/>
                <input type="hidden" name="user" value=member.user_id.to_string()/>
                <FormError error=actions.remove.failure()/>
                <div class="form-actions"><Submit label="Remove the member" class="button danger" pending=actions.remove.pending()/></div>
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}
