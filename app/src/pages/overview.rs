//! The first page: what to do next, what is live, what runs, what happened.

mod checklist;
mod deployments;

use domain::Permission;
use domain::events::Topic;
use domain::ledger::LedgerEntry;
use domain::overview::Overview;
use domain::training_runs::TrainingRun;
use leptos::prelude::*;

use crate::calls::read_when;
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::loaded::loaded_page;
use crate::components::numbers::percent;
use crate::components::page_header::PageHeader;
use crate::components::status::Status;
use crate::components::time::Time;
use crate::context::use_project;
use crate::live::use_live;
use crate::server_fns::overview::GetOverview;

use checklist::ChecklistCard;
use deployments::DeploymentCards;

#[component]
pub fn OverviewPage() -> impl IntoView {
    let project = use_project();
    let live = use_live(|| vec![Topic::Datasets, Topic::Runs, Topic::Deployments]);
    let overview = read_when(
        move || live.get(),
        move || GetOverview {
            project: project.get(),
        },
    );
    view! {
        <PageHeader title="Overview" lead="What is live, what runs, and what happened."/>
        {loaded_page(overview, |overview| {
            let Overview { checklist, deployments, active_runs, activity } = overview;
            view! {
                <ChecklistCard checklist/>
                <DeploymentCards cards=deployments/>
                <div class="grid-2">
                    <ActiveRuns runs=active_runs/>
                    <Activity entries=activity/>
                </div>
            }.into_any()
        })}
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/deployments", project.get()))/>
    }
    .into_any()
}

#[component]
fn ActiveRuns(runs: Vec<TrainingRun>) -> impl IntoView {
    let project = use_project().get_untracked();
    let base = format!("/p/{project}/training-runs");
    let new = format!("{base}/new");
    let content = if runs.is_empty() {
        view! { <p class="muted">"Nothing is queued or running."</p> }.into_any()
    } else {
        let rows = runs
            .into_iter()
            .map(|run| {
                let fraction = run.progress.map_or(0.0, |progress| progress.fraction);
                let label = format!("Progress of the run for {}", run.model);
                view! {
                    <li class="run-row">
                        <a href=format!("{base}/{}", run.id)>{run.model.to_string()}</a>
                        <Status state=run.status/>
                        <progress max="1" value=fraction.to_string() aria-label=label></progress>
                        <span class="hint num">{percent(fraction)}</span>
                    </li>
                }
            })
            .collect_view();
        view! { <ul class="stack-tight">{rows}</ul> }.into_any()
    };
    view! {
        <Card title="Training now" actions=move || view! {
            <Allowed permission=Permission::Write><a class="button small" href=new.clone()>"Train a model"</a></Allowed>
        }>
            {content}
        </Card>
    }
    .into_any()
}

#[component]
fn Activity(entries: Vec<LedgerEntry>) -> impl IntoView {
    let project = use_project().get_untracked();
    let ledger = format!("/p/{project}/ledger");
    let content = if entries.is_empty() {
        view! { <p class="muted">"Nothing has changed yet. Every change of what is live will stand here."</p> }.into_any()
    } else {
        let rows = entries
            .into_iter()
            .map(|entry| {
                view! {
                    <li>
                        <p>{entry.reason}</p>
                        <p class="hint">{entry.subject} " · " <Time at=entry.at/></p>
                    </li>
                }
            })
            .collect_view();
        view! { <ol class="timeline">{rows}</ol> }.into_any()
    };
    view! {
        <Card title="Recent changes" actions=move || view! { <a class="button small" href=ledger>"Ledger"</a> }>
            {content}
        </Card>
    }
    .into_any()
}
