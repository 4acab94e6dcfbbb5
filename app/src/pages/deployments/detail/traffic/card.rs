//! The rollout that runs now. Its figures move in place; the buttons are always there, and say why when they can not be used.

use domain::deployments::Deployment;
use domain::rollouts::{ArmStats, Rollout, RolloutStatus};
use domain::{Name, Permission};
use leptos::prelude::*;

use super::super::Changes;
use super::verdicts::{newest_verdict, timeline};
use crate::calls::{Change, ChangeForm};
use crate::components::allowed::Allowed;
use crate::components::card::Card;
use crate::components::dialog::{Dialog, DialogButton};
use crate::components::error_panel::FormError;
use crate::components::field::TextField;
use crate::components::numbers;
use crate::components::status::Status;
use crate::components::submit::Submit;
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::components::traffic_bar::{TrafficBar, per_cent};
use crate::components::weight::WeightInput;
use crate::server_fns::rollouts::{CommandRollout, SetRolloutWeight};

pub(super) fn rollout_card(
    project: &Name,
    deployment: Signal<Deployment>,
    changes: Changes,
) -> AnyView {
    let Some(first) = deployment.with_untracked(|deployment| deployment.rollout.clone()) else {
        return ().into_any();
    };
    let rollout = Memo::new({
        let first = first.clone();
        move |_| {
            deployment
                .with(|deployment| deployment.rollout.clone())
                .unwrap_or_else(|| first.clone())
        }
    });
    let weight = Signal::derive(move || rollout.with(|rollout| rollout.weight));
    let status = Memo::new(move |_| rollout.with(|rollout| rollout.status));
    let verdicts = Memo::new(move |_| rollout.with(|rollout| rollout.verdicts.clone()));
    let (stable, canary) = (first.stable_version, first.canary_version);
    let (created_at, created_by) = (first.created_at, first.created_by.clone());
    let buttons = rollout_buttons(project, deployment, changes.command);
    let project = project.clone();
    let weight_form = move || weight_form(&project, &first, rollout, changes.weight);
    view! {
        <Card title=format!("Canary v{canary} beside stable v{stable}")>
            <p class="row">
                {move || view! { <Status state=status.get() /> }}
                <span class="muted">"Started " <Time at=created_at /> " by " {created_by}</span>
            </p>
            <TrafficBar stable canary=Some(canary) weight />
            {newest_verdict(deployment)}
            {move || arms(&rollout.get())}
            {buttons}
        </Card>
        <Card title="Change the weight">
            <Allowed permission=Permission::Write what="Changing the weight">{weight_form()}</Allowed>
        </Card>
        <Card title="Verdicts" hint="The judge looks every few seconds. Equal verdicts in a row stand here once.">
            {move || timeline(&verdicts.get())}
        </Card>
    }
    .into_any()
}

/// Both arms over the judge's window.
fn arms(rollout: &Rollout) -> AnyView {
    let Some(verdict) = rollout.verdicts.first() else {
        return ().into_any();
    };
    let row = |name: String, arm: ArmStats, limit: String| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="num">{numbers::count(arm.requests)}</td>
                <td class="num">{numbers::count(arm.errors)}</td>
                <td class="num">{if arm.requests == 0 { "–".to_owned() } else { numbers::percent(arm.error_rate()) }}</td>
                <td class="num">{limit}</td>
            </tr>
        }
    };
    let policy = rollout.policy;
    let window = numbers::duration(f64::from(policy.window_seconds));
    let stable = row(
        format!("v{} stable", rollout.stable_version),
        verdict.stable,
        "–".to_owned(),
    );
    let canary = row(
        format!("v{} canary", rollout.canary_version),
        verdict.canary,
        numbers::percent(policy.max_error_rate),
    );
    view! {
        <TableFrame label="Both versions over the judge's window">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{format!("Last {window}")}</th>
                        <th scope="col" class="num">"Requests"</th>
                        <th scope="col" class="num">"Failed"</th>
                        <th scope="col" class="num">"Error rate"</th>
                        <th scope="col" class="num">"Limit"</th>
                    </tr>
                </thead>
                <tbody>
                    {stable}
                    {canary}
                </tbody>
            </table>
        </TableFrame>
        <p class="hint">
            {format!("Taken back by itself over the limit, judged from {} canary requests on.", numbers::count(u64::from(policy.min_samples)))}
        </p>
    }
    .into_any()
}

/// The four commands. They keep their place when there is nothing to command.
pub(in super::super) fn rollout_buttons(
    project: &Name,
    deployment: Signal<Deployment>,
    command: Change<CommandRollout>,
) -> AnyView {
    let project = project.clone();
    view! {
        <Allowed permission=Permission::Write what="Promoting, pausing and rolling back">
            {commands(&project, deployment, command)}
        </Allowed>
    }
    .into_any()
}

fn commands(
    project: &Name,
    deployment: Signal<Deployment>,
    command: Change<CommandRollout>,
) -> AnyView {
    let rollout = Memo::new(move |_| {
        deployment.with(|deployment| {
            let rollout = deployment.rollout.as_ref()?;
            Some((
                rollout.id,
                rollout.status,
                rollout.stable_version,
                rollout.canary_version,
            ))
        })
    });
    let name = deployment.with_untracked(|deployment| deployment.name.to_string());
    let project = project.to_string();
    let is_idle = Signal::derive(move || rollout.with(Option::is_none));
    let status = move || rollout.get().map(|(_, status, ..)| status);
    let can_pause = Signal::derive(move || status() != Some(RolloutStatus::Running));
    let can_resume = Signal::derive(move || status() != Some(RolloutStatus::Paused));
    let why = move || match status() {
        None => {
            "No canary is out, so there is nothing to promote or roll back. To go back to an earlier version, start it as a canary."
        }
        Some(RolloutStatus::Paused) => {
            "Paused: the weight stays as it is and the judge does not take the canary back."
        }
        Some(_) => "Resume can be used while the rollout is paused.",
    };
    let hidden = |word: &'static str| {
        let id = move || rollout.get().map(|(id, ..)| id.to_string());
        view! {
            <input type="hidden" name="project" value=project.clone() />
            <input type="hidden" name="deployment" value=name.clone() />
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="command" value=word />
        }
    };
    let (pause, resume, promote, roll_back) = (
        hidden("pause"),
        hidden("resume"),
        hidden("promote"),
        hidden("roll_back"),
    );
    let versions = move || {
        rollout
            .get()
            .map_or((0, 0), |(_, _, stable, canary)| (stable, canary))
    };
    let promote_words = move || {
        let (stable, canary) = versions();
        format!(
            "v{canary} becomes the stable version and takes all traffic; v{stable} takes none. The change shows within a second here and within 5 seconds in every other process."
        )
    };
    let back_words = move || {
        let (stable, canary) = versions();
        format!(
            "All traffic goes back to v{stable}: within a second here and within 5 seconds in every other process. v{canary} stays in the registry and can be released again."
        )
    };
    view! {
        <div class="rollout-buttons">
            <DialogButton id="promote" class="button primary" disabled=is_idle>"Promote"</DialogButton>
            <DialogButton id="roll-back" class="button danger" disabled=is_idle>"Roll back"</DialogButton>
            <ChangeForm change=command>
                {pause}
                <Submit label="Pause" class="button" pending=command.pending() disabled=can_pause />
            </ChangeForm>
            <ChangeForm change=command>
                {resume}
                <Submit label="Resume" class="button" pending=command.pending() disabled=can_resume />
            </ChangeForm>
        </div>
        <p class="hint">{why}</p>
        <FormError error=command.failure() />
        <Dialog id="promote" title="Promote the canary">
            <p>{promote_words}</p>
            <ChangeForm change=command class="form">
                {promote}
                <TextField id="promote-reason" name="reason" label="Reason" hint="Kept in the ledger." required=false maxlength="500" />
                <FormError error=command.failure() />
                <Submit label="Promote" pending=command.pending() />
            </ChangeForm>
        </Dialog>
        <Dialog id="roll-back" title="Roll back">
            <p>{back_words}</p>
            <ChangeForm change=command class="form">
                {roll_back}
                <TextField id="roll-back-reason" name="reason" label="Reason" hint="Kept in the ledger." required=false maxlength="500" />
                <FormError error=command.failure() />
                <Submit label="Roll back" class="button danger" pending=command.pending() />
            </ChangeForm>
        </Dialog>
    }
    .into_any()
}

fn weight_form(
    project: &Name,
    first: &Rollout,
    rollout: Memo<Rollout>,
    set: Change<SetRolloutWeight>,
) -> AnyView {
    let value = RwSignal::new(first.weight);
    let present = Memo::new(move |_| rollout.with(|rollout| rollout.weight));
    // Somebody else's change, or the next step, moves the slider along.
    Effect::new(move |before: Option<f64>| {
        let weight = present.get();
        if before.is_some_and(|before| (before - weight).abs() > f64::EPSILON) {
            value.set(weight);
        }
        weight
    });
    let consequence =
        Signal::derive(move || rollout.with(|rollout| consequence(rollout, value.get())));
    let (project, deployment, id) = (
        project.to_string(),
        first.deployment.to_string(),
        first.id.to_string(),
    );
    view! {
        <ChangeForm change=set class="form">
            <input type="hidden" name="project" value=project />
            <input type="hidden" name="deployment" value=deployment />
            <input type="hidden" name="id" value=id />
            <WeightInput name="weight" label="Share of the traffic for the canary" value consequence />
            {
                let error = set.field_failure("/weight");
                move || error.get().map(|error| view! { <p class="field-error">{error}</p> })
            }
            <FormError error=set.failure() />
            <div class="form-actions">
                <Submit label="Apply" class="button" pending=set.pending() />
            </div>
        </ChangeForm>
    }
    .into_any()
}

/// What a weight would mean at the present traffic.
fn consequence(rollout: &Rollout, weight: f64) -> String {
    let words = format!(
        "{} % to v{}, {} % to v{}",
        per_cent(weight),
        rollout.canary_version,
        per_cent(100.0 - weight),
        rollout.stable_version
    );
    let requests = rollout.verdicts.first().map_or(0, |verdict| {
        verdict.stable.requests + verdict.canary.requests
    });
    let each_second = requests as f64 / f64::from(rollout.policy.window_seconds.max(1));
    let a_minute = (each_second * 60.0 * weight / 100.0).round() as u64;
    match (requests, a_minute) {
        (0, _) => format!("{words}."),
        (_, 1) => format!("{words}: about 1 request a minute to the canary."),
        _ => format!(
            "{words}: about {} requests a minute to the canary.",
            numbers::count(a_minute)
        ),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::ids::RolloutId;
    use domain::rollouts::{RolloutMode, RolloutPolicy, Verdict, VerdictKind};

    use super::*;

    #[test]
    fn a_weight_is_told_in_requests_a_minute_once_there_is_traffic() {
        let now = Timestamp::UNIX_EPOCH;
        let name = Name::new("price").unwrap();
        let mut rollout = Rollout {
            id: RolloutId::at(now),
            deployment: name.clone(),
            model: name,
            mode: RolloutMode::Canary,
            status: RolloutStatus::Running,
            stable_version: 1,
            canary_version: 2,
            steps: Vec::new(),
            step: 0,
            weight: 10.0,
            policy: RolloutPolicy {
                window_seconds: 300,
                ..RolloutPolicy::default()
            },
            verdicts: Vec::new(),
            reason: None,
            created_by: String::new(),
            created_at: now,
            ended_at: None,
        };
        assert_eq!(consequence(&rollout, 25.0), "25 % to v2, 75 % to v1.");
        rollout.verdicts.push(Verdict {
            kind: VerdictKind::Continue,
            reason: String::new(),
            stable: ArmStats {
                requests: 1800,
                errors: 0,
            },
            canary: ArmStats {
                requests: 200,
                errors: 0,
            },
            at: now,
        });
        assert_eq!(
            consequence(&rollout, 25.0),
            "25 % to v2, 75 % to v1: about 100 requests a minute to the canary."
        );
    }
}
