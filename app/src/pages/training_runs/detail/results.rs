use domain::Name;
use domain::training_runs::TrainingRun;
use leptos::prelude::*;

use crate::components::card::Card;
use crate::components::evaluation::{EvaluationCharts, HeldOutMetrics};

pub(super) fn results(project: &Name, run: &TrainingRun) -> AnyView {
    let metrics = run.metrics.clone().unwrap_or_default();
    let charts = run.evaluation.clone().map(|evaluation| {
        view! { <EvaluationCharts evaluation target=run.spec.target.clone() /> }
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
    view! {
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
