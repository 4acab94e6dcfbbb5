//! What becomes of a new version.

use super::{OnBetter, RetrainingVerdictKind};

/// How things stand on the deployment when the verdict is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The stable version now, and the one that the new version was compared with.
    pub live_version: Option<i32>,
    pub compared_with: Option<i32>,
    /// The canary of a rollout that is under way.
    pub active_canary: Option<i32>,
    /// Inputs of the new version that callers of the live one do not send, or in another type, or leave out now and then; in words.
    pub new_inputs: Vec<String>,
    /// Somebody has paused the policy while it trained.
    pub is_paused: bool,
    /// The policy would not train this any more.
    pub is_outdated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The version is there, and that is all; with the reason.
    Keep(String),
    /// With what it waits for, if it is not only for somebody to accept it.
    Propose(Option<String>),
    StartCanary,
}

/// Says what to do. Pure: the same facts give the same decision.
///
/// A rollout starts by itself only when the policy says so, the verdict is that the new version is better, the version that it beat
/// is still live, no other rollout is under way, the policy is not paused and would train the same again, and callers need not send
/// anything new.
#[must_use]
pub fn decide(
    on_better: OnBetter,
    verdict: Option<RetrainingVerdictKind>,
    circumstances: &Circumstances,
) -> Decision {
    let keep = Decision::Keep;
    match verdict {
        None => return keep("there is no live version that it was to be compared with".to_owned()),
        Some(RetrainingVerdictKind::Better) => {}
        Some(RetrainingVerdictKind::NotComparable) => {
            return keep("what can not be compared starts nothing".to_owned());
        }
        Some(RetrainingVerdictKind::Worse | RetrainingVerdictKind::NotClearlyBetter) => {
            return keep("only a version that is better goes further".to_owned());
        }
    }
    if on_better == OnBetter::Nothing {
        return keep("the policy says to do nothing with a better version".to_owned());
    }
    if circumstances.live_version != circumstances.compared_with {
        let version = |version: Option<i32>| {
            version.map_or_else(|| "none".to_owned(), |version| format!("v{version}"))
        };
        return keep(format!(
            "{} is live by now, and it was compared with {}: run the policy again",
            version(circumstances.live_version),
            version(circumstances.compared_with)
        ));
    }
    if let Some(canary) = circumstances.active_canary {
        return Decision::Propose(Some(format!(
            "a rollout of v{canary} is under way: this one can be accepted once that has ended"
        )));
    }
    match on_better {
        OnBetter::StartCanary if circumstances.is_paused => Decision::Propose(Some(
            "it did not start by itself, since the policy is paused".to_owned(),
        )),
        OnBetter::StartCanary if circumstances.is_outdated => Decision::Propose(Some(
            "it did not start by itself, since the policy would not train the same again"
                .to_owned(),
        )),
        OnBetter::StartCanary if circumstances.new_inputs.is_empty() => Decision::StartCanary,
        OnBetter::StartCanary => Decision::Propose(Some(format!(
            "it did not start by itself, since callers do not send what it takes: {}",
            circumstances.new_inputs.join(", ")
        ))),
        OnBetter::Nothing | OnBetter::Propose => Decision::Propose(None),
    }
}
