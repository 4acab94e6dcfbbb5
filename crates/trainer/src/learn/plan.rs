//! What is learned once it is known what with: by one algorithm, or by several that answer together.

use std::fmt;
use std::time::Instant;

use domain::training_runs::{Algorithm, RunError, Stage};
use model::MAX_BYTES;
use serde_json::{Map, Value as Json, json};

use super::{Choice, Learned, Lesson};
use crate::failure::failure;
use crate::features::{Features, Rules};
use crate::fit::Told;
use crate::package::{blend, bytes};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    One(Choice),
    /// Each with what it counts; together they are 1. The one that takes longest to fit is the last.
    Blend(Vec<(f64, Choice)>),
}

/// Of the largest file, what the trees of a blend may take.
const ROOM: f64 = 0.9;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(choice) => choice.fmt(f),
            Self::Blend(members) => {
                for (place, (weight, choice)) in members.iter().enumerate() {
                    let before = if place == 0 { "" } else { ", and " };
                    write!(f, "{before}{weight:.2} of {choice}")?;
                }
                Ok(())
            }
        }
    }
}

impl Plan {
    /// `auto` for several that answer together.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::One(choice) => choice.algorithm.into(),
            Self::Blend(_) => Algorithm::Auto,
        }
    }

    pub(crate) fn params(&self) -> Map<String, Json> {
        match self {
            Self::One(choice) => choice.params.to_map(),
            Self::Blend(members) => {
                let members = members.iter().map(|(weight, choice)| {
                    json!({
                        "algorithm": Algorithm::from(choice.algorithm).as_str(),
                        "params": choice.params.to_map(),
                        "weight": weight,
                    })
                });
                Map::from_iter([("members".to_owned(), members.collect())])
            }
        }
    }
}

impl<'t> Lesson<'t> {
    /// As [`Self::learn`], by whatever the plan says.
    ///
    /// # Errors
    /// Why there is no model, and what to do about it.
    pub(crate) fn carry_out(
        &self,
        train: &[u32],
        plan: &Plan,
        until: Option<Instant>,
        tell: &mut dyn FnMut(Stage, Told),
    ) -> Result<Learned<'t>, RunError> {
        let members = match plan {
            Plan::One(choice) => return self.learn(train, choice, until, tell),
            Plan::Blend(members) => members,
        };
        let count = members.len() as f64;
        let mut learned: Vec<(f64, Learned<'t>)> = Vec::with_capacity(members.len());
        for (place, (weight, choice)) in members.iter().enumerate() {
            let own = self.learn(train, choice, until, &mut |stage, told| {
                let told = match (stage, told) {
                    // The bar is past that.
                    (Stage::Encode, Told::Progress(_)) if place > 0 => return,
                    (Stage::Train, Told::Progress(fraction)) => {
                        Told::Progress((place as f64 + fraction) / count)
                    }
                    (_, told) => told,
                };
                tell(stage, told);
            })?;
            learned.push((*weight, own));
        }
        let size: usize = learned
            .iter()
            .map(|(_, own)| bytes(&own.packaged.artifact.body))
            .sum();
        if size as f64 > ROOM * MAX_BYTES as f64 {
            // The file of one has been made to fit.
            tell(
                Stage::Train,
                Told::Warn(format!(
                    "together they would take {:.0} MB, more than a model may: the one that counts most is taken alone",
                    size as f64 / 1e6
                )),
            );
            learned.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            learned.truncate(1);
            return learned.pop().map(|(_, own)| own).ok_or_else(none);
        }
        let mut shared: Option<(usize, Features<'t>, f64)> = None;
        let mut packaged = Vec::with_capacity(learned.len());
        for ((_, choice), (weight, own)) in members.iter().zip(learned) {
            packaged.push((weight, own.packaged));
            // Learned from the same rows, they are the same for all, but for how many categories are told apart.
            let told_apart = Rules::of(choice.algorithm).max_categories;
            if shared.as_ref().is_none_or(|(most, ..)| told_apart >= *most) {
                shared = Some((told_apart, own.features, own.mean));
            }
        }
        let (_, features, mean) = shared.ok_or_else(none)?;
        let mut packaged = blend(packaged).ok_or_else(none)?;
        plan.algorithm()
            .as_str()
            .clone_into(&mut packaged.artifact.algorithm);
        packaged.artifact.params = plan.params();
        Ok(Learned {
            features,
            packaged,
            mean,
        })
    }
}

fn none() -> RunError {
    failure(
        "internal",
        "these models can not answer together",
        "Choose one of the algorithms, and report the bug with the table if you can.",
    )
}
