use domain::deployments::Deployment;
use domain::{Name, Permission};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::allowed::AllowedFields;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::field::{SelectField, TextField, options};
use crate::components::submit::{Submit, announce};
use crate::server_fns::deployments::SetDeploymentCapacity;

/// How much the deployment does at once, and whether its versions stay loaded.
pub(super) fn capacity(project: &Name, deployment: &Deployment) -> AnyView {
    let set = Change::<SetDeploymentCapacity>::new();
    announce(set, "The settings are saved");
    let (project, name) = (project.to_string(), deployment.name.to_string());
    let max_in_flight = deployment.max_in_flight.map(|most| most.to_string());
    let max_queue = deployment.max_queue.to_string();
    let (min_warm, idle_seconds) = (
        deployment.min_warm.to_string(),
        deployment.idle_seconds.to_string(),
    );
    let (max_batch, max_delay_us) = (
        deployment.max_batch.to_string(),
        deployment.max_delay_us.to_string(),
    );
    let warmth = options([
        ("1", "Stay loaded"),
        (
            "0",
            "Are let go when nobody asks, and loaded for the next request",
        ),
    ]);
    view! {
        <Card title="Capacity">
            <ChangeForm change=set class="form">
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="name" value=name />
                <AllowedFields permission=Permission::Write what="Changing the settings">
                    <TextField
                        name="form[max_in_flight]"
                        id="max_in_flight"
                        label="Most predictions in flight"
                        kind="number"
                        value=max_in_flight.unwrap_or_default()
                        min="1"
                        max="10000"
                        required=false
                        hint="In each process; empty for no limit."
                        error=set.field_failure("/max_in_flight")
                    />
                    <TextField
                        name="form[max_queue]"
                        id="max_queue"
                        label="Most that wait for a turn"
                        kind="number"
                        value=max_queue
                        min="0"
                        max="10000"
                        hint="At most 50 ms; what is too much is refused with 503."
                        error=set.field_failure("/max_queue")
                    />
                    <SelectField
                        name="form[min_warm]"
                        id="min_warm"
                        label="Its versions"
                        options=warmth
                        value=min_warm
                        error=set.field_failure("/min_warm")
                    />
                    <TextField
                        name="form[idle_seconds]"
                        id="idle_seconds"
                        label="Let go after seconds without a request"
                        kind="number"
                        value=idle_seconds
                        min="10"
                        error=set.field_failure("/idle_seconds")
                    />
                    <TextField
                        name="form[max_batch]"
                        id="max_batch"
                        label="Most rows computed at once"
                        kind="number"
                        value=max_batch
                        min="1"
                        max="1024"
                        hint="Of several requests, for models that gain from it."
                        error=set.field_failure("/max_batch")
                    />
                    <TextField
                        name="form[max_delay_us]"
                        id="max_delay_us"
                        label="Microseconds a batch waits for more"
                        kind="number"
                        value=max_delay_us
                        min="0"
                        max="100000"
                        hint="0: only what waits already is computed together."
                        error=set.field_failure("/max_delay_us")
                    />
                    <FormError error=set.failure() />
                    <div class="form-actions">
                        <Submit label="Save the settings" class="button" pending=set.pending() />
                    </div>
                </AllowedFields>
            </ChangeForm>
        </Card>
    }
    .into_any()
}
