//! The retraining of a model: what is trained, when, and what came of it.

mod attempts;
mod form;

use domain::events::Topic;
use domain::retraining::RetrainingPolicy;
use domain::{Name, Permission, Timestamp};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read_when};
use crate::components::allowed::Allowed;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::error_panel::FormError;
use crate::components::loaded::{loaded, loaded_page};
use crate::components::numbers::minute;
use crate::components::submit::{Submit, announce};
use crate::components::table::Facts;
use crate::components::time::Time;
use crate::context::{use_project, use_query};
use crate::live::use_live;
use crate::server_fns::retraining::{
    AcceptRetraining, DeleteRetraining, DismissRetraining, GetRetraining, PauseRetraining,
    ResumeRetraining, RunRetraining, SetRetraining,
};

/// What a person can change here. Made once for the page, so that a refresh does not lose an answer.
#[derive(Clone, Copy)]
struct Changes {
    set: Change<SetRetraining>,
    run: Change<RunRetraining>,
    pause: Change<PauseRetraining>,
    resume: Change<ResumeRetraining>,
    delete: Change<DeleteRetraining>,
    accept: Change<AcceptRetraining>,
    dismiss: Change<DismissRetraining>,
}

impl Changes {
    fn new() -> Self {
        let changes = Self {
            set: Change::new(),
            run: Change::new(),
            pause: Change::new(),
            resume: Change::new(),
            delete: Change::new(),
            accept: Change::new(),
            dismiss: Change::new(),
        };
        announce(changes.set, "The policy is saved");
        announce(changes.run, "Training has been queued");
        announce(changes.accept, "The canary has started");
        changes
    }

    /// Grows with every change.
    fn successes(self) -> Signal<u64> {
        let each = [
            self.set.successes(),
            self.run.successes(),
            self.pause.successes(),
            self.resume.successes(),
            self.delete.successes(),
            self.accept.successes(),
            self.dismiss.successes(),
        ];
        Signal::derive(move || each.iter().map(Get::get).sum())
    }
}

pub(super) fn retraining(name: &Name) -> AnyView {
    let project = use_project();
    let cursor = use_query("cursor");
    let changes = Changes::new();
    let changed = changes.successes();
    let live = use_live(|| vec![Topic::Runs, Topic::Deployments]);
    let asked = {
        let name = name.clone();
        move |cursor| GetRetraining {
            project: project.get(),
            model: name.clone(),
            cursor,
        }
    };
    let standing = {
        let asked = asked.clone();
        read_when(
            move || live.get() + changed.get(),
            move || asked(cursor.get()),
        )
    };
    // What others do meanwhile must not take away what is being typed.
    let settings = read_when(move || changed.get(), move || asked(None));
    let head = {
        let name = name.clone();
        loaded_page(standing, move |retraining| {
            let policy = retraining.policy.as_ref();
            let head = policy.map(|policy| head(&project.get_untracked(), &name, policy, changes));
            head.into_any()
        })
    };
    let form = {
        let name = name.clone();
        loaded(settings, move |retraining| {
            form::form(&project.get_untracked(), &name, &retraining, changes.set)
        })
    };
    let name = name.clone();
    let attempts = loaded(standing, move |retraining| {
        let (project, cursor) = (project.get_untracked(), cursor.get_untracked());
        attempts::attempts(&project, &name, retraining.attempts, cursor, changes)
    });
    view! {
        <div class="stack">
            {head}
            {form}
            {attempts}
        </div>
    }
    .into_any()
}

/// How the policy stands, and the buttons.
fn head(project: &Name, model: &Name, policy: &RetrainingPolicy, changes: Changes) -> AnyView {
    let problems = (!policy.problems.is_empty()).then(|| {
        let problems = policy
            .problems
            .iter()
            .map(|problem| view! { <li>{problem.clone()}</li> })
            .collect_view();
        view! {
            <Banner tone=Tone::Warn>
                <p class="strong">"The next attempt will not work as it is"</p>
                <ul>{problems}</ul>
            </Banner>
        }
    });
    let paused = policy.pause_reason.clone().map(|reason| {
        view! {
            <Banner tone=Tone::Warn>
                <p><span class="strong">"Paused"</span> ": " {reason}</p>
            </Banner>
        }
    });
    let next = if policy.next_runs.is_empty() {
        let text = match (policy.paused, policy.on_new_dataset_version) {
            (true, _) => "none while it is paused",
            (false, true) => "when a new version of the dataset is ready",
            (false, false) => "when somebody asks for it",
        };
        text.into_any()
    } else {
        moments(&policy.next_runs).into_any()
    };
    let put_off = policy.not_before.map(|at| {
        (
            "Put off until",
            view! { <Time at /> {format!(", after {} failed attempts", policy.failures)} }
                .into_any(),
        )
    });
    let training = &policy.training;
    let what = format!(
        "{} to predict {} from {}",
        training.algorithm.described(training.params.as_ref()),
        training.target,
        training.dataset
    );
    let facts = [("Trains", what.into_any()), ("Next", next)]
        .into_iter()
        .chain(put_off)
        .collect();
    let (project, model) = (project.to_string(), model.to_string());
    let hidden = move || {
        view! {
            <input type="hidden" name="project" value=project.clone() />
            <input type="hidden" name="model" value=model.clone() />
        }
    };
    let is_paused = policy.paused;
    view! {
        <Card title="Policy">
            {problems}
            {paused}
            <Facts facts />
            <Allowed permission=Permission::Write what="Starting and pausing it">
                <div class="row">
                    <ChangeForm change=changes.run clone:hidden>
                        {hidden()} <Submit label="Train now" class="button" pending=changes.run.pending() />
                    </ChangeForm>
                    {if is_paused {
                        let hidden = hidden.clone();
                        view! {
                            <ChangeForm change=changes.resume>
                                {hidden()} <Submit label="Resume" class="button" pending=changes.resume.pending() />
                            </ChangeForm>
                        }
                        .into_any()
                    } else {
                        let hidden = hidden.clone();
                        view! {
                            <ChangeForm change=changes.pause>
                                {hidden()} <Submit label="Pause" class="button" pending=changes.pause.pending() />
                            </ChangeForm>
                        }
                        .into_any()
                    }}
                    <ChangeForm change=changes.delete clone:hidden>
                        {hidden()} <Submit label="Delete the policy" class="button danger" pending=changes.delete.pending() />
                    </ChangeForm>
                </div>
            </Allowed>
            <FormError error=changes.run.failure() />
            <FormError error=changes.pause.failure() />
            <FormError error=changes.resume.failure() />
            <FormError error=changes.delete.failure() />
        </Card>
    }
    .into_any()
}

/// Of a schedule, as text.
fn moments(moments: &[Timestamp]) -> String {
    let moments: Vec<String> = moments.iter().map(|at| minute(*at)).collect();
    format!("{} UTC", moments.join(", "))
}
