use domain::Role;
use domain::members::CreatedInvitation;
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read};
use crate::components::dialog::Dialog;
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, TextField};
use crate::components::secret::SecretReveal;
use crate::components::submit::Submit;
use crate::context::{use_project, use_site};
use crate::server_fns::members::{InvitationJustMade, InviteMember};

pub(super) const INVITE: &str = "invite-member";

/// Each role as a choice of a select.
pub(super) fn roles() -> Vec<(String, String)> {
    Role::ALL
        .into_iter()
        .map(|role| (role.as_str().to_owned(), role.as_str().to_owned()))
        .collect()
}

#[component]
pub(super) fn InviteDialog(invite: Change<InviteMember>) -> impl IntoView {
    let project = use_project();
    view! {
        <Dialog id=INVITE title="Invite to the project">
            <ChangeForm change=invite>
                <input type="hidden" name="project" value=move || project.get().to_string()/>
                <TextField name="email" id="invite-email" label="E-mail address" kind="email" autocomplete="off" error=invite.field_failure("/email")/>
                <SelectField name="role" id="invite-role" label="Role" options=roles() value="editor"/>
                <p class="hint">"You get a link to hand over. It is good for one account and a limited time; nothing is sent by e-mail."</p>
                <FormError error=invite.failure()/>
                <div class="form-actions"><Submit label="Make the link" pending=invite.pending()/></div>
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}

/// The link that was just made.
#[component]
pub(super) fn Invited(invite: Change<InviteMember>) -> impl IntoView {
    let before = read(|| InvitationJustMade {});
    view! {
        <Suspense>
            {move || {
                let before = before.get().and_then(Result::ok).flatten();
                let made = invite.value().get().and_then(Result::ok);
                made.or(before).map(reveal)
            }}
        </Suspense>
    }
    .into_any()
}

fn reveal(created: CreatedInvitation) -> AnyView {
    let link = format!("{}/invite?token={}", use_site().base_url, created.token);
    view! {
        <SecretReveal
            title=format!("Invitation of {}", created.invitation.email)
            secret=link
            note="Hand this link over yourself. It is shown this once; withdraw the invitation and make a new one if it is lost."
        />
    }
    .into_any()
}
