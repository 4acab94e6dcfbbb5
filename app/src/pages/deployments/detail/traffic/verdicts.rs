//! What the judge said, in its own sentences.

use domain::deployments::Deployment;
use domain::rollouts::Verdict;
use leptos::prelude::*;

use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::status::{State, Status};
use crate::components::time::Time;

/// What the judge says now, in its own sentence; nothing without a rollout.
pub(in super::super) fn newest_verdict(deployment: Signal<Deployment>) -> AnyView {
    let newest = Memo::new(move |_| {
        deployment.with(|deployment| {
            deployment
                .rollout
                .as_ref()
                .map(|rollout| rollout.verdicts.first().cloned())
        })
    });
    let content = move || {
        newest.get().map(|verdict| match verdict {
            None => view! { <p class="muted">"The judge has not looked yet."</p> }.into_any(),
            Some(verdict) => {
                let state = State::from(verdict.kind);
                let tone = if state.tone == Tone::Neutral {
                    Tone::Info
                } else {
                    state.tone
                };
                view! {
                    <Banner tone>
                        <p><span class="strong">{state.text}</span> ": " {verdict.reason}</p>
                    </Banner>
                }
                .into_any()
            }
        })
    };
    content.into_any()
}

/// Newest first, each with its reason.
pub(super) fn timeline(verdicts: &[Verdict]) -> AnyView {
    if verdicts.is_empty() {
        return view! { <p class="muted">"No verdict yet."</p> }.into_any();
    }
    let items = verdicts
        .iter()
        .map(|verdict| {
            let state = State::from(verdict.kind);
            view! {
                <li class="verdict" data-tone=state.tone.as_str()>
                    <span class="row">
                        <Status state />
                        <span class="hint"><Time at=verdict.at /></span>
                    </span>
                    <p>{verdict.reason.clone()}</p>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="verdicts">{items}</ol> }.into_any()
}
