//! Training again what `auto` has chosen: the choice is not made anew, for it depends on how much there was time for.

use domain::training_runs::{Algorithm, Recipe, RunError};

use crate::divide::Division;
use crate::failure::failure;
use crate::learn::{Choice, Plan};

/// How far the number of rows that were asked for may be from that of those drawn: shares of classes and groups are rounded.
const ROUNDING: usize = 100;

/// What was chosen, as it was written down.
///
/// # Errors
/// It is nothing that can be trained.
pub(crate) fn plan(recipe: &Recipe) -> Result<Plan, RunError> {
    let Some(members) = recipe.params.get("members") else {
        return Ok(Plan::One(choice(recipe.algorithm, &recipe.params)?));
    };
    let members = members.as_array().ok_or_else(unusable)?.iter();
    let members = members.map(|member| -> Result<(f64, Choice), RunError> {
        let weight = member["weight"].as_f64().ok_or_else(unusable)?;
        let algorithm = member["algorithm"].as_str().and_then(Algorithm::named);
        let params = member["params"].as_object().ok_or_else(unusable)?;
        Ok((weight, choice(algorithm.ok_or_else(unusable)?, params)?))
    });
    Ok(Plan::Blend(members.collect::<Result<_, RunError>>()?))
}

fn choice(
    algorithm: Algorithm,
    params: &serde_json::Map<String, serde_json::Value>,
) -> Result<Choice, RunError> {
    Ok(Choice {
        algorithm: algorithm.as_named().ok_or_else(unusable)?,
        params: algorithm.checked(Some(params)).map_err(|_| unusable())?,
    })
}

/// Those of the training rows that there was time to learn from: mostly all. None when they can not be drawn again.
pub(crate) fn rows(division: &Division<'_>, train: &[u32], count: usize) -> Option<Vec<u32>> {
    if count >= train.len() {
        return Some(train.to_vec());
    }
    let asked = (0..=ROUNDING).flat_map(|off| [count + off, count.saturating_sub(off)]);
    asked
        .map(|most| division.some(train, most))
        .find(|some| some.len() == count)
}

fn unusable() -> RunError {
    failure(
        "internal",
        "what auto chose can not be trained again: this release reads it otherwise",
        "Clone the run, to search again.",
    )
}
