use domain::members::InvitationPreview;
use leptos::prelude::*;

use crate::calls::read;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::field::{PasswordField, TextField};
use crate::components::gate::{Gate, Refusal};
use crate::components::loaded::loaded_page;
use crate::components::submit::Submit;
use crate::context::{use_query, use_site};
use crate::server_fns::members::PreviewInvitation;

/// Accepts an invitation: the link carries its secret.
#[component]
pub fn InvitePage() -> impl IntoView {
    let token = use_query("token");
    let invitation = read(move || PreviewInvitation {
        token: token.get().unwrap_or_default(),
    });
    view! {
        <Gate title="You are invited" lead="Join a project on this Volary server.">
            {loaded_page(invitation, move |invitation| {
                let token = token.get().unwrap_or_default();
                view! { <InvitationForm invitation token/> }.into_any()
            })}
        </Gate>
    }
    .into_any()
}

#[component]
fn InvitationForm(invitation: InvitationPreview, token: String) -> impl IntoView {
    let InvitationPreview {
        email,
        project,
        role,
        invited_by,
        has_account,
    } = invitation;
    let is_signed_in = use_site().signed_in;
    let fields = match (has_account, is_signed_in) {
        (false, _) => view! {
            <TextField name="name" label="Your name" autocomplete="name" maxlength="100"/>
            <PasswordField name="password" label="Choose a password" autocomplete="new-password" hint="12 characters or more: try four unrelated words"/>
        }
        .into_any(),
        (true, false) => view! { <PasswordField name="password" label="Your password" autocomplete="current-password"/> }.into_any(),
        (true, true) => view! { <p class="hint">"You join with the account you are signed in with."</p> }.into_any(),
    };
    let sentence = format!("{invited_by} invites {email} to the project {project} as {role}.");
    view! {
        <Banner tone=Tone::Info>
            <p>{sentence}</p>
            <p class="hint">{format!("A {role} {}.", role.describe())}</p>
        </Banner>
        <Refusal/>
        <form class="form" method="post" action="/auth/accept-invitation">
            <input type="hidden" name="token" value=token/>
            // Tells password managers whose password it is.
            <input class="visually-hidden" type="email" value=email autocomplete="username" readonly=true tabindex="-1" aria-hidden="true"/>
            {fields}
            <Submit label="Join the project"/>
        </form>
    }
    .into_any()
}
