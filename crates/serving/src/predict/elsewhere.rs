//! Requests that are not computed where they are: together with others, or by another engine.

use std::sync::Arc;
use std::time::Instant;

use domain::Error;
use domain::datasets::ColumnType;
use domain::predictions::Route;
use model::Predictor;

use super::{Done, Failed, Request, attempt, not_loaded, read, write};
use crate::batcher::{Batcher, Computed, NotComputed};
use crate::dialects::Dialect;
use crate::recorder::Recorder;
use crate::remote::{Deadline, Trouble};
use crate::request::Rows;
use crate::versions::Version;

/// Where a request is computed that is not computed where it is, and until when.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    recorder: &'a Recorder,
    batcher: &'a Arc<Batcher>,
    deadline: Deadline,
}

impl<'a> Place<'a> {
    pub(super) fn of(
        recorder: &'a Recorder,
        batcher: &'a Arc<Batcher>,
        deadline: Deadline,
    ) -> Self {
        Self {
            recorder,
            batcher,
            deadline,
        }
    }
}

/// When a canary must have answered. Half of the time is left for the stable version to stand in for an engine that is too
/// slow.
pub(super) fn of_canary(version: &Version, deadline: Deadline) -> Deadline {
    if !version.is_remote() {
        return deadline;
    }
    let now = Instant::now();
    Deadline {
        at: now + deadline.at.saturating_duration_since(now) / 2,
        ..deadline
    }
}

pub(super) async fn attempt_in_batch<D: Dialect>(
    version: &Version,
    place: Place<'_>,
    route: Route,
    request: &Request<'_, D>,
) -> Result<Done, Failed> {
    // Of two arms it may be the other one that gains from it.
    if !version.gains_from_batches() {
        return attempt(version, route, request);
    }
    let predictor = version.predictor_owned();
    let predictor = predictor.ok_or_else(|| not_loaded(version))?;
    let mut read = read(&predictor, request)?;
    let rows = std::mem::take(&mut read.rows);
    let computed = if predictor.remote().is_some() {
        let predictions = elsewhere(version, &predictor, place, request, &rows).await;
        let predictions = predictions.map_err(|trouble| match (trouble.of_caller(), trouble) {
            (Some(error), _) => Failed::Refused(vec![error]),
            (None, Trouble::Crowded) => {
                Failed::Crowded(Trouble::Crowded.error(&version.model, version.number))
            }
            (None, trouble) => Failed::Engine(trouble),
        });
        Computed {
            predictions: predictions?,
            queued: None,
        }
    } else {
        let batcher = place.batcher;
        let computed = batcher.predict(&predictor, rows, place.deadline.at.into());
        computed
            .await
            .map_err(|refused| not_computed(version, refused))?
    };
    write(version, &predictor, route, request, read, computed)
}

/// Predictions of another engine. Boxed, so that requests for models that are here carry none of it.
async fn elsewhere<D: Dialect>(
    version: &Version,
    predictor: &Predictor,
    place: Place<'_>,
    request: &Request<'_, D>,
    rows: &Rows,
) -> Result<Vec<f64>, Trouble> {
    let engine = version.engine(place.recorder);
    let engine = engine.ok_or_else(|| Trouble::NotReached("nothing here calls it".to_owned()))?;
    // Texts that the signature does not name are nowhere else.
    let has_texts = |predictor: &Predictor| {
        let mut inputs = predictor.signature().inputs.iter();
        inputs.any(|input| input.kind == ColumnType::String)
    };
    let inputs = if has_texts(predictor) {
        request.dialect.inputs(predictor, request.body)
    } else {
        None
    };
    let predicted = engine.predict(predictor, rows, inputs.as_deref(), place.deadline);
    Box::pin(predicted).await
}

fn not_computed(version: &Version, refused: NotComputed) -> Failed {
    let crowded = |why: &str| {
        let message = format!(
            "version {} of model {} {why}: send fewer at once, or ask for more",
            version.number, version.model
        );
        Failed::Crowded(Error::Overloaded {
            message,
            retry_after: 1,
        })
    };
    match refused {
        NotComputed::Failed(reason) => Failed::Model(reason),
        NotComputed::Full => crowded("has as many rows waiting as it may"),
        NotComputed::Late => crowded("did not come to this request in time"),
        NotComputed::Lost => Failed::Crowded(Error::not_yet("the server is stopping", 1)),
    }
}
