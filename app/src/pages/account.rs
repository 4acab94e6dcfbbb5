use domain::projects::Project;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::calls::{Change, ChangeForm, read};
use crate::components::badge::{Badge, Tone};
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{PasswordField, TextField};
use crate::components::gate::Refusal;
use crate::components::loaded::loaded_page;
use crate::components::page_header::PageHeader;
use crate::components::submit::Submit;
use crate::components::table::Facts;
use crate::components::theme_switch::ThemeSwitch;
use crate::components::time::Time;
use crate::context::use_query;
use crate::server_fns::session::{CreateProject, GetSession};

/// The signed-in person: who he is, his password, his projects.
#[component]
pub fn AccountPage() -> impl IntoView {
    let session = read(|| GetSession {});
    view! {
        <PageHeader title="Account" lead="Who you are on this server, and how you look at it."/>
        {loaded_page(session, |session| {
            let user = session.user;
            let email = user.email.clone();
            view! {
                <div class="grid-2">
                    <Card title="Profile">
                        <Facts facts=vec![
                            ("Name", user.name.into_any()),
                            ("E-mail address", user.email.into_any()),
                            ("Since", view! { <Time at=user.created_at/> }.into_any()),
                            ("Theme", view! { <ThemeSwitch/> }.into_any()),
                        ]/>
                    </Card>
                    <PasswordCard email/>
                    <ProjectsCard projects=session.projects/>
                </div>
            }.into_any()
        })}
    }
    .into_any()
}

#[component]
fn PasswordCard(email: String) -> impl IntoView {
    let done = use_query("done");
    let next = use_location().pathname;
    view! {
        <Card title="Password" hint="Changing it ends all your other sessions.">
            {move || (done.get().as_deref() == Some("password_changed")).then(|| view! { <Banner tone=Tone::Ok>"The password is changed."</Banner> })}
            <Refusal/>
            <form class="form" method="post" action="/auth/change-password">
                <input type="hidden" name="next" value=next/>
                <input class="visually-hidden" type="email" value=email autocomplete="username" readonly=true tabindex="-1" aria-hidden="true"/>
                <PasswordField name="current_password" label="Current password" autocomplete="current-password"/>
                <PasswordField name="new_password" label="New password" autocomplete="new-password" hint="12 characters or more: try four unrelated words"/>
                <div class="form-actions"><Submit label="Change the password"/></div>
            </form>
        </Card>
    }
    .into_any()
}

#[component]
fn ProjectsCard(projects: Vec<Project>) -> impl IntoView {
    let create = Change::<CreateProject>::new();
    let rows = projects
        .into_iter()
        .map(|project| {
            view! {
                <li class="row">
                    <a href=format!("/p/{}", project.name)>{project.name.to_string()}</a>
                    <Badge>{project.role.as_str()}</Badge>
                </li>
            }
        })
        .collect_view();
    view! {
        <Card title="Projects" hint="A project holds its own datasets, models, deployments, keys and members.">
            <ul class="stack-tight">{rows}</ul>
            <ChangeForm change=create>
                <div class="stack">
                    <TextField name="name" id="project-name" label="New project" placeholder="pricing" maxlength="63" error=create.field_failure("/name")/>
                    <FormError error=create.failure()/>
                    <div class="form-actions"><Submit label="Create the project" class="button" pending=create.pending()/></div>
                </div>
            </ChangeForm>
        </Card>
    }
    .into_any()
}
