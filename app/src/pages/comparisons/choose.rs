use domain::comparisons::MOST_COMPARED;
use domain::training_runs::{RunStatus, TrainingRun};
use leptos::prelude::*;

use super::address::Address;
use crate::components::card::Card;
use crate::components::evaluation::headline;
use crate::components::field::{SelectField, TextField};
use crate::components::query_form::QueryForm;
use crate::pages::training_runs::list::short_id;

/// One more run or version.
pub(super) fn choose(address: &Address, runs: Vec<TrainingRun>) -> AnyView {
    if address.asked.count() >= MOST_COMPARED {
        let text = format!(
            "{MOST_COMPARED} is as many as fit beside each other: remove one to add another."
        );
        return view! { <p class="hint">{text}</p> }.into_any();
    }
    let mut options = vec![(String::new(), "None".to_owned())];
    for run in runs {
        let id = run.id.to_string();
        if run.status != RunStatus::Succeeded || address.asked.run.contains(&id) {
            continue;
        }
        let metric = run.metrics.as_ref().and_then(headline).unwrap_or_default();
        let version = run.version.map(|version| format!(" v{version}"));
        let label = format!(
            "{}: {}{}, {metric}",
            short_id(&id),
            run.model,
            version.unwrap_or_default()
        );
        options.push((id, label));
    }
    let hidden = address
        .fields(true)
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view();
    let action = format!("/p/{}/compare", address.project);
    view! {
        <Card title="Add one">
            <QueryForm action class="form">
                {hidden}
                <div class="form-row">
                    <TextField
                        name="version"
                        label="A version"
                        hint="A model and a number or an alias: price/3, price/@champion."
                        placeholder="price/3"
                        required=false
                    />
                    <SelectField name="run" label="Or a run" options hint="The newest that succeeded." />
                </div>
                <div class="form-actions">
                    <button type="submit" class="button">"Add to the comparison"</button>
                </div>
            </QueryForm>
        </Card>
    }
    .into_any()
}
