use domain::Name;
use domain::training_runs::TrainingRun;
use leptos::prelude::*;

use crate::components::card::Card;
use crate::components::evaluation::{EvaluationCharts, HeldOutMetrics};
use crate::components::reruns::outcome;

pub(super) fn results(project: &Name, run: &TrainingRun) -> AnyView {
    let metrics = run.metrics.clone().unwrap_or_default();
    let charts = run.evaluation.clone().map(|evaluation| {
        let has_log_link = run.spec.algorithm.has_log_link();
        view! { <EvaluationCharts evaluation target=run.spec.target.clone() has_log_link /> }
    });
    let next = run.version.map(|version| {
        let model = run.model.clone();
        view! {
            <p class="hint">
                {format!("This run made {model} v{version}. ")}
                <a href=format!("/p/{project}/deployments/new?model={model}&version={version}")>"Deploy it"</a>
            </p>
        }
    });
    let outcome = run
        .reproduction
        .as_ref()
        .map(|reproduction| outcome(project, reproduction));
    view! {
        {outcome}
        <Card title="Results">
            <div class="stack">
                <HeldOutMetrics metrics />
                {next}
                {charts}
            </div>
        </Card>
    }
    .into_any()
}
