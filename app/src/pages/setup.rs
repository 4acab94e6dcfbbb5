use leptos::prelude::*;

use crate::calls::read;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::code::CodeBlock;
use crate::components::field::{PasswordField, TextField};
use crate::components::gate::{Gate, Refusal};
use crate::components::loaded::loaded_page;
use crate::components::submit::Submit;
use crate::context::use_query;
use crate::server_fns::session::NeedsSetup;

/// The first admin; only while there is no user.
#[component]
pub fn SetupPage() -> impl IntoView {
    let token = use_query("token");
    let needed = read(|| NeedsSetup {});
    view! {
        <Gate title="Set up Volary" lead="Make the first account. It is the admin of the project default and can invite others.">
            {loaded_page(needed, move |needed| match (needed, token.get()) {
                (false, _) => view! {
                    <Banner tone=Tone::Info>"This server is set up already."</Banner>
                    <a class="button primary" href="/login">"Sign in"</a>
                }.into_any(),
                (true, None) => view! {
                    <Banner tone=Tone::Info>
                        <p>"Open the one-time link that the server printed when it started. It looks like this:"</p>
                    </Banner>
                    <CodeBlock code="http://127.0.0.1:3000/setup?token=..."/>
                    <p class="hint">"Lost it? Restart the server: it prints a new one. Or make the account in a shell:"</p>
                    <CodeBlock code="volary admin create-user --email you@example.com"/>
                }.into_any(),
                (true, Some(token)) => view! { <SetupForm token/> }.into_any(),
            })}
        </Gate>
    }
    .into_any()
}

#[component]
fn SetupForm(token: String) -> impl IntoView {
    view! {
        <Refusal/>
        <form class="form" method="post" action="/auth/set-up">
            <input type="hidden" name="token" value=token/>
            <TextField name="name" label="Your name" autocomplete="name" maxlength="100"/>
            <TextField name="email" label="E-mail address" kind="email" autocomplete="username"/>
            <PasswordField name="password" label="Password" autocomplete="new-password" hint="12 characters or more: try four unrelated words"/>
            <Submit label="Create the account"/>
        </form>
    }
    .into_any()
}
