use domain::Name;
use domain::rollouts::Rollout;
use leptos::prelude::*;

use super::verdicts::timeline;
use crate::components::card::Card;
use crate::components::status::Status;
use crate::components::time::{MaybeTime, Time};

/// Rollouts that have ended, newest first; nothing when there are none.
pub(super) fn past(project: &Name, rollouts: Vec<Rollout>) -> AnyView {
    let ended: Vec<Rollout> = rollouts
        .into_iter()
        .filter(|rollout| !rollout.status.is_active())
        .collect();
    if ended.is_empty() {
        return ().into_any();
    }
    let items = ended
        .into_iter()
        .map(|rollout| item(project, rollout))
        .collect_view();
    view! {
        <Card title="Earlier rollouts">
            <ol class="past-rollouts">{items}</ol>
        </Card>
    }
    .into_any()
}

fn item(project: &Name, rollout: Rollout) -> impl IntoView + use<> {
    let href = format!(
        "/p/{project}/models/{}/versions/{}",
        rollout.model, rollout.canary_version
    );
    view! {
        <li class="past-rollout">
            <span class="row">
                <Status state=rollout.status />
                <a href=href>{format!("v{}", rollout.canary_version)}</a>
                <span class="hint">
                    "beside v" {rollout.stable_version} ", " <Time at=rollout.created_at /> " to " <MaybeTime at=rollout.ended_at otherwise="now" /> ", by "
                    {rollout.created_by}
                </span>
            </span>
            {rollout.reason.map(|reason| view! { <p>{reason}</p> })}
            {(!rollout.verdicts.is_empty())
                .then(|| {
                    view! {
                        <details>
                            <summary>"The judge's last verdict"</summary>
                            {timeline(&rollout.verdicts)}
                        </details>
                    }
                })}
        </li>
    }
}
