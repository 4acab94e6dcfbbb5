//! One deployment: what is live, why, how it does, and the buttons that change it.

mod capacity;
mod history;
mod metrics;
mod origins;
mod overview;
mod traffic;

use domain::Name;
use domain::deployments::Deployment;
use domain::events::Topic;
use leptos::prelude::*;

use crate::calls::{Change, read_when};
use crate::components::api_panel::ApiPanel;
use crate::components::not_found::NotFound;
use crate::components::page_header::PageHeader;
use crate::components::refreshed::refreshed_page;
use crate::components::status::Status;
use crate::components::tabs::Tabs;
use crate::context::{use_name_param, use_project, use_query};
use crate::live::use_live;
use crate::server_fns::deployments::GetDeployment;
use crate::server_fns::rollouts::{CommandRollout, SetRolloutWeight, StartRollout};

/// What a person can change here. Made once for the page, so that a refresh does not lose an answer.
#[derive(Clone, Copy)]
pub(super) struct Changes {
    start: Change<StartRollout>,
    command: Change<CommandRollout>,
    weight: Change<SetRolloutWeight>,
}

#[component]
pub fn DeploymentPage() -> impl IntoView {
    let name = use_name_param("name");
    move || match name.get() {
        Some(name) => view! { <DeploymentDetail name /> }.into_any(),
        None => view! { <NotFound /> }.into_any(),
    }
}

#[component]
fn DeploymentDetail(name: Name) -> impl IntoView {
    let project = use_project();
    let tab = use_query("tab");
    let current = Memo::new(move |_| {
        tab.get()
            .filter(|tab| TABS.iter().any(|(key, _)| key == tab))
            .unwrap_or_else(|| "overview".to_owned())
    });
    let changes = Changes {
        start: Change::new(),
        command: Change::new(),
        weight: Change::new(),
    };
    let (started, commanded, weighed) = (
        changes.start.successes(),
        changes.command.successes(),
        changes.weight.successes(),
    );
    let live = {
        let name = name.clone();
        use_live(move || vec![Topic::Deployment(name.clone())])
    };
    let deployment = {
        let name = name.clone();
        read_when(
            move || live.get() + started.get() + commanded.get() + weighed.get(),
            move || GetDeployment {
                project: project.get(),
                name: name.clone(),
            },
        )
    };
    let crumbs = Signal::derive(move || {
        vec![(
            "Deployments".to_owned(),
            format!("/p/{}/deployments", project.get()),
        )]
    });
    let base = {
        let name = name.clone();
        Signal::derive(move || format!("/p/{}/deployments/{name}", project.get()))
    };
    let items = Signal::derive(move || {
        let base = base.get();
        let href = |key: &str| {
            if key == "overview" {
                base.clone()
            } else {
                format!("{base}?tab={key}")
            }
        };
        TABS.iter()
            .map(|(key, label)| (*key, (*label).to_owned(), href(key)))
            .collect::<Vec<_>>()
    });
    let path = {
        let name = name.clone();
        Signal::derive(move || api_path(&project.get(), &name, &current.get()))
    };
    let body = {
        let name = name.clone();
        move |deployment| {
            let name = name.clone();
            page(&name, deployment, current, live, changes)
        }
    };
    view! {
        <PageHeader title=name.to_string() crumbs>
            <a class="button" href=move || format!("{}/try", base.get())>"Try it"</a>
        </PageHeader>
        <Tabs label="Views of the deployment" items current />
        {refreshed_page(deployment, body)}
        <ApiPanel path />
    }
    .into_any()
}

const TABS: [(&str, &str); 4] = [
    ("overview", "Overview"),
    ("traffic", "Traffic"),
    ("metrics", "Metrics"),
    ("history", "History"),
];

fn api_path(project: &Name, name: &Name, tab: &str) -> String {
    match tab {
        "metrics" => format!("/api/v1/projects/{project}/deployments/{name}/metrics"),
        "history" => format!("/api/v1/projects/{project}/ledger?deployment={name}"),
        _ => format!("/api/v1/projects/{project}/deployments/{name}"),
    }
}

fn page(
    name: &Name,
    deployment: Signal<Deployment>,
    tab: Memo<String>,
    live: Signal<u64>,
    changes: Changes,
) -> AnyView {
    let project = use_project().get_untracked();
    let name = name.clone();
    let content = move || match tab.get().as_str() {
        "traffic" => traffic::traffic(&project, deployment, live, changes),
        "metrics" => metrics::metrics(&project, &name, live),
        "history" => history::history(&project, &name, live),
        _ => overview::overview(&project, deployment, changes),
    };
    let state = move || deployment.with(|deployment| deployment.state);
    view! {
        <p class="state-line">
            {move || view! { <Status state=state() /> }} <span>{move || deployment.with(|deployment| deployment.reason.clone())}</span>
        </p>
        {content}
    }
    .into_any()
}
