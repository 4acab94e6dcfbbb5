use std::sync::Arc;
use std::time::Instant;

use domain::FieldError;
use model::{Artifact, Predictor, check_row};
use serde_json::{Map, Value as Json};

use super::{Line, Trouble, infer, reply};
use crate::request::Rows;
use crate::versions::sample;

/// Tries an engine out with the row that the signature shows as an example: alone, twice in one request, and without what may be
/// missing.
///
/// # Errors
/// What the engine can not do.
pub async fn probe(
    line: &Arc<dyn Line>,
    artifact: &Artifact,
    deadline: Instant,
) -> Result<(), FieldError> {
    let predictor = Predictor::new(artifact);
    let row = sample(predictor.signature());
    let model = |expected: &str, trouble: &Trouble| {
        let expected = format!("{expected}; of a probe prediction {trouble}");
        FieldError::new("/remote/model", "probe_failed", expected)
    };
    ask(line, &predictor, std::slice::from_ref(&row), deadline)
        .await
        .map_err(|failed| match failed {
            NotAsked::Refused(error) => error,
            NotAsked::Trouble(trouble) => model(
                "a model that answers for the signature's examples, which signature.inputs[].example sets",
                &trouble,
            ),
        })?;
    ask(line, &predictor, &[row.clone(), row.clone()], deadline)
        .await
        .map_err(|failed| match failed {
            NotAsked::Refused(error) => error,
            NotAsked::Trouble(trouble) => model(
                "a model that takes several rows at once: it answered for one, but not for two",
                &trouble,
            ),
        })?;
    for (place, input) in artifact.signature.inputs.iter().enumerate() {
        if !input.nullable {
            continue;
        }
        let mut without = row.clone();
        without.insert(input.name.clone(), Json::Null);
        let asked = ask(line, &predictor, std::slice::from_ref(&without), deadline).await;
        if let Err(NotAsked::Trouble(trouble)) = asked {
            let pointer = format!("/signature/inputs/{place}/nullable");
            let expected = format!(
                "false, since the engine does not answer without {:?}: of a probe prediction {trouble}",
                input.name
            );
            return Err(FieldError::new(pointer, "probe_failed", expected));
        }
    }
    Ok(())
}

enum NotAsked {
    /// The example does not fit the signature.
    Refused(FieldError),
    Trouble(Trouble),
}

async fn ask(
    line: &Arc<dyn Line>,
    predictor: &Predictor,
    rows: &[Map<String, Json>],
    deadline: Instant,
) -> Result<(), NotAsked> {
    let mut checked = Rows::of_width(predictor.len());
    for row in rows {
        let values = check_row(predictor, None, row).map_err(|errors| {
            let error = errors.into_iter().next();
            let (expected, name) = error.map_or_else(
                || (String::new(), String::new()),
                |error| (error.expected, error.pointer),
            );
            let inputs = &predictor.signature().inputs;
            let is_it = |name: &str| {
                inputs
                    .iter()
                    .position(|input| format!("/inputs/{}", input.name) == name)
            };
            let place = is_it(&name).unwrap_or_default();
            let pointer = format!("/signature/inputs/{place}/example");
            NotAsked::Refused(FieldError::new(pointer, "invalid", expected))
        })?;
        checked.push(&values);
    }
    let inputs = serde_json::to_vec(rows).ok();
    let Some(remote) = predictor.remote() else {
        return Ok(());
    };
    let body = infer(remote, predictor, &checked, inputs.as_deref()).map_err(NotAsked::Trouble)?;
    let longest = reply::longest(predictor, rows.len());
    let answer = line.infer(body, longest, deadline).await;
    let answer = answer.map_err(NotAsked::Trouble)?;
    reply::predictions(remote, predictor, rows.len(), &answer)
        .map(drop)
        .map_err(NotAsked::Trouble)
}
