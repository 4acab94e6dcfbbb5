use domain::Name;
use domain::training_runs::{Algorithm, RunStatus, TrainingRun};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm};
use crate::components::reruns::Reruns;
use crate::components::submit::Submit;
use crate::pages::training_runs::list::short_id;
use crate::server_fns::training_runs::RerunTrainingRun;

/// The button that trains a run again that made a version; nothing for others.
pub(super) fn button(
    project: &Name,
    run: &TrainingRun,
    rerun: Change<RerunTrainingRun>,
) -> Option<AnyView> {
    let is_made = run.version.is_some() || run.rerun_of.is_some();
    if !is_made || run.status != RunStatus::Succeeded {
        return None;
    }
    let title = "Trains on the same data with the same seeds and parameters, to see whether the same artifact comes out.";
    let (project, id) = (project.to_string(), run.id.to_string());
    Some(
        view! {
            <ChangeForm change=rerun>
                <input type="hidden" name="project" value=project />
                <input type="hidden" name="id" value=id />
                <Submit label="Train it again" class="button" title pending=rerun.pending() />
            </ChangeForm>
        }
        .into_any(),
    )
}

/// Of a re-run what it is, of another run what came of its re-runs.
pub(super) fn note(project: &Name, run: &TrainingRun) -> AnyView {
    let Some(original) = run.rerun_of else {
        let of_auto = (run.spec.algorithm == Algorithm::Auto && run.version.is_some()).then(|| {
            view! {
                <p class="hint">
                    "Training it again trains what auto chose, with the same seeds, and not the search: what is found within a time is not always the same."
                </p>
            }
        });
        return view! {
            {of_auto}
            <Reruns id=run.id />
        }
        .into_any();
    };
    let id = original.to_string();
    let href = format!("/p/{project}/training-runs/{id}");
    view! {
        <p class="hint">
            "A re-run of " <a class="mono" href=href>{short_id(&id)}</a>
            ": the same version of the dataset, the same seeds and parameters; of auto, what was chosen. It makes no version, and says whether the same artifact came out."
        </p>
    }
    .into_any()
}
