use leptos::prelude::*;

use crate::calls::read;
use crate::components::field::{PasswordField, TextField};
use crate::components::gate::{Gate, Refusal};
use crate::components::submit::Submit;
use crate::context::{redirect_page, use_query, use_site};
use crate::server_fns::session::NeedsSetup;

#[component]
pub fn LoginPage() -> impl IntoView {
    let next = use_query("next");
    let next = Memo::new(move |_| {
        next.get()
            .filter(|next| is_local(next))
            .unwrap_or_else(|| "/".to_owned())
    });
    if use_site().signed_in {
        redirect_page(&next.get_untracked());
    }
    let needs_setup = read(|| NeedsSetup {});
    view! {
        <Gate title="Sign in" lead="Models, versions and canaries of your team.">
            <Suspense>
                {move || needs_setup.get().and_then(Result::ok).filter(|needed| *needed).map(|_| redirect_page("/setup"))}
            </Suspense>
            <Refusal/>
            <form class="form" method="post" action="/auth/sign-in">
                <input type="hidden" name="next" value=move || next.get()/>
                <TextField name="email" label="E-mail address" kind="email" autocomplete="username"/>
                <PasswordField name="password" label="Password" autocomplete="current-password"/>
                <Submit label="Sign in"/>
            </form>
        </Gate>
    }
    .into_any()
}

/// Only a path of this site: never another host.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        assert!(is_local("/p/default/keys?x=1"));
        for elsewhere in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}
