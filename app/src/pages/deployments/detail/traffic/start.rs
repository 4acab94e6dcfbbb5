use domain::Name;
use domain::deployments::Deployment;
use domain::rollouts::RolloutPolicy;
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, TextField};
use crate::components::submit::Submit;
use crate::components::traffic_bar::per_cent;
use crate::components::weight::WeightInput;
use crate::server_fns::rollouts::StartRollout;

/// `asked` is the version that a link brought along.
pub(super) fn start_form(
    project: &Name,
    deployment: &Deployment,
    versions: &[i32],
    asked: Option<i32>,
    start: Change<StartRollout>,
) -> AnyView {
    let stable = deployment.stable_version;
    let options: Vec<i32> = versions
        .iter()
        .copied()
        .filter(|version| *version != stable)
        .collect();
    let Some(newest) = options.first().copied() else {
        return view! {
            <p>
                {format!("v{stable} is the only version of {}. ", deployment.model)}
                <a href=format!("/p/{project}/training-runs/new?model={}", deployment.model)>"Train another"</a>
                " to release it here."
            </p>
        }
        .into_any();
    };
    let chosen = asked
        .filter(|version| options.contains(version))
        .unwrap_or(newest);
    let options = options
        .iter()
        .map(|version| (version.to_string(), format!("v{version}")))
        .collect();
    let weight = RwSignal::new(10.0);
    let consequence = Signal::derive(move || {
        let weight = weight.get();
        format!(
            "{} % of the requests go to the canary, {} % stay with v{stable}.",
            per_cent(weight),
            per_cent(100.0 - weight)
        )
    });
    let policy = RolloutPolicy::default();
    let (project, deployment) = (project.to_string(), deployment.name.to_string());
    view! {
        <ChangeForm change=start class="form">
            <input type="hidden" name="project" value=project />
            <input type="hidden" name="deployment" value=deployment />
            <div class="form-row">
                <SelectField id="canary-version" name="form[version]" label="Version" options value=chosen.to_string() error=start.field_failure("/version") />
                <WeightInput name="form[weight]" label="Share of the traffic" value=weight consequence />
            </div>
            <fieldset class="policy">
                <legend>"Take it back by itself when"</legend>
                <div class="form-row">
                    <TextField
                        id="max-error-percent"
                        name="form[max_error_percent]"
                        label="More than, % of its requests fail"
                        kind="number"
                        min="0"
                        max="100"
                        step="any"
                        value=per_cent(policy.max_error_rate * 100.0)
                        error=start.field_failure("/policy/max_error_rate")
                    />
                    <TextField
                        id="min-samples"
                        name="form[min_samples]"
                        label="After at least, requests"
                        kind="number"
                        min="1"
                        step="1"
                        value=policy.min_samples.to_string()
                        hint="Fewer say nothing."
                        error=start.field_failure("/policy/min_samples")
                    />
                    <TextField
                        id="window-seconds"
                        name="form[window_seconds]"
                        label="Within the last, seconds"
                        kind="number"
                        min="10"
                        max="86400"
                        step="1"
                        value=policy.window_seconds.to_string()
                        error=start.field_failure("/policy/window_seconds")
                    />
                </div>
            </fieldset>
            <FormError error=start.failure() />
            <div class="form-actions">
                <Submit label="Start the canary" pending=start.pending() />
            </div>
        </ChangeForm>
    }
    .into_any()
}
