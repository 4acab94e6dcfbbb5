use leptos::prelude::*;

use crate::calls::read;
use crate::components::empty_state::EmptyState;
use crate::components::icon::Glyph;
use crate::components::loaded::loaded_page;
use crate::context::{redirect_page, require_sign_in};
use crate::server_fns::session::GetSession;

/// `/`: leads to the first project.
#[component]
pub fn HomePage() -> impl IntoView {
    if !require_sign_in() {
        return ().into_any();
    }
    let session = read(|| GetSession {});
    view! {
        <main class="gate">
            {loaded_page(session, |session| match session.projects.first() {
                Some(project) => {
                    redirect_page(&format!("/p/{}", project.name));
                    ().into_any()
                }
                None => view! {
                    <EmptyState
                        glyph=Glyph::Members
                        title="You are not a member of a project"
                        text="Ask an admin of a project to invite you. You will get a link that lets you in."
                    >
                        <form method="post" action="/auth/sign-out"><button type="submit" class="button">"Sign out"</button></form>
                    </EmptyState>
                }.into_any(),
            })}
        </main>
    }
    .into_any()
}
