//! One vocabulary of states, everywhere a text, a picture and a colour.

use domain::api_keys::ApiKeyStatus;
use domain::datasets::DatasetStatus;
use domain::deployments::DeploymentState;
use domain::rollouts::{RolloutStatus, VerdictKind};
use domain::training_runs::RunStatus;
use leptos::prelude::*;

use super::badge::Tone;
use super::icon::{Glyph, Icon};

/// A state as the reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub text: &'static str,
    pub tone: Tone,
    pub glyph: Glyph,
}

const fn state(text: &'static str, tone: Tone, glyph: Glyph) -> State {
    State { text, tone, glyph }
}

impl From<RunStatus> for State {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Queued => state("Queued", Tone::Neutral, Glyph::Clock),
            RunStatus::Running => state("Running", Tone::Info, Glyph::Spinner),
            RunStatus::Succeeded => state("Succeeded", Tone::Ok, Glyph::Done),
            RunStatus::Failed => state("Failed", Tone::Danger, Glyph::Failed),
            RunStatus::Cancelled => state("Cancelled", Tone::Neutral, Glyph::Stopped),
        }
    }
}

impl From<DatasetStatus> for State {
    fn from(status: DatasetStatus) -> Self {
        match status {
            DatasetStatus::Profiling => state("Profiling", Tone::Info, Glyph::Spinner),
            DatasetStatus::Ready => state("Ready", Tone::Ok, Glyph::Done),
            DatasetStatus::Failed => state("Failed", Tone::Danger, Glyph::Failed),
        }
    }
}

impl From<DeploymentState> for State {
    fn from(status: DeploymentState) -> Self {
        match status {
            DeploymentState::Ready => state("Ready", Tone::Ok, Glyph::Done),
            DeploymentState::RollingOut => state("Rolling out", Tone::Info, Glyph::Rolling),
            DeploymentState::Cold => state("Cold", Tone::Neutral, Glyph::Clock),
            DeploymentState::Degraded => state("Degraded", Tone::Danger, Glyph::Warning),
        }
    }
}

impl From<RolloutStatus> for State {
    fn from(status: RolloutStatus) -> Self {
        match status {
            RolloutStatus::Running => state("Rolling out", Tone::Info, Glyph::Rolling),
            RolloutStatus::Paused => state("Paused", Tone::Warn, Glyph::Pause),
            RolloutStatus::Promoted => state("Promoted", Tone::Ok, Glyph::Done),
            RolloutStatus::RolledBack => state("Rolled back", Tone::Warn, Glyph::Back),
            RolloutStatus::Failed => state("Failed", Tone::Danger, Glyph::Failed),
        }
    }
}

impl From<VerdictKind> for State {
    fn from(kind: VerdictKind) -> Self {
        match kind {
            VerdictKind::Continue => state("Continue", Tone::Ok, Glyph::Right),
            VerdictKind::Promote => state("Promote", Tone::Ok, Glyph::Up),
            VerdictKind::RollBack => state("Roll back", Tone::Danger, Glyph::Back),
            VerdictKind::NotEnoughData => state("Not enough data", Tone::Neutral, Glyph::Clock),
        }
    }
}

impl From<ApiKeyStatus> for State {
    fn from(status: ApiKeyStatus) -> Self {
        match status {
            ApiKeyStatus::Active => state("Active", Tone::Ok, Glyph::Done),
            ApiKeyStatus::Rotating => state("Rotating out", Tone::Warn, Glyph::Rolling),
            ApiKeyStatus::Expired => state("Expired", Tone::Neutral, Glyph::Clock),
            ApiKeyStatus::Revoked => state("Revoked", Tone::Neutral, Glyph::Stopped),
        }
    }
}

/// A state with its picture.
#[component]
pub fn Status(#[prop(into)] state: State) -> impl IntoView {
    view! {
        <span class="status" data-tone=state.tone.as_str()>
            <Icon glyph=state.glyph/>
            <span>{state.text}</span>
        </span>
    }
}
