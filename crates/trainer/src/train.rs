use std::collections::BTreeMap;
use std::path::Path;

use domain::datasets::DataFormat;
use domain::models::{Evaluation, Signature};
use domain::training_runs::{Algorithm, LogLevel, Progress, RunError, Stage, TrainingSpec};
use model::Predictor;
use serde_json::{Map, Value as Json};

use crate::evaluate::evaluate;
use crate::failure::{failure, reserve};
use crate::features::Features;
use crate::fit::linear_regression;
use crate::package::package;
use crate::profile::Moments;
use crate::split::split;
use crate::table::{self, Values};

/// What a run tells while it goes.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainEvent {
    Progress(Progress),
    Log { level: LogLevel, message: String },
}

/// A model, trained and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The artifact file: see [`model::decode`].
    pub artifact: Vec<u8>,
    pub algorithm: Algorithm,
    pub params: Map<String, Json>,
    /// On the held-out rows: `mae`, `rmse`, `r2`, the same of always saying the training rows' mean as `baseline_mae`,
    /// `baseline_rmse`, `baseline_r2`, and the counts `train_rows`, `test_rows`, `features` (encoded columns).
    pub metrics: BTreeMap<String, f64>,
    pub signature: Signature,
    pub evaluation: Evaluation,
    /// The held-out rows, counted from 0 over all rows of the table.
    pub test_rows: Vec<u32>,
}

/// With fewer rows that have a target there is nothing to judge a model by.
const MIN_ROWS: usize = 10;

/// Trains a model as `spec` says on the table at `path`, and judges it on held-out rows.
///
/// # Errors
/// Why there is no model, and what to do about it.
pub fn train(
    path: &Path,
    format: DataFormat,
    spec: &TrainingSpec,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<Trained, RunError> {
    let mut run = Run { on_event };
    run.info("reading the table");
    let table = table::load(path, format, spec, &mut |fraction| {
        run.progress(Stage::Prepare, fraction);
    })?;
    let Values::Numbers(target) = &table.target.values else {
        return Err(failure(
            "invalid_target",
            "the target holds no numbers",
            "Choose a column of numbers.",
        ));
    };
    run.info(format!(
        "read {} rows, {} feature columns",
        table.rows,
        table.features.len()
    ));

    let mut usable = reserve(table.rows, "the row numbers")?;
    usable.extend((0..table.rows as u32).filter(|&row| !target[row as usize].is_nan()));
    let without_target = table.rows - usable.len();
    if without_target > 0 {
        run.warn(format!(
            "left out {without_target} rows that have no value for {:?}",
            spec.target
        ));
    }
    if usable.len() < MIN_ROWS {
        return Err(failure(
            "too_few_rows",
            format!(
                "{} rows have a value for {:?}: at least {MIN_ROWS} are needed",
                usable.len(),
                spec.target
            ),
            "Add rows and upload the table as a new version.",
        ));
    }
    let mut rows = split(
        usable.len() as u32,
        spec.split.test_fraction,
        spec.split.seed,
    );
    for place in rows.train.iter_mut().chain(&mut rows.test) {
        *place = usable[*place as usize];
    }
    run.info(format!(
        "split at random with seed {}: {} rows to train on, {} held out",
        spec.split.seed,
        rows.train.len(),
        rows.test.len()
    ));
    let scale = target_scale(target, &rows.train, &spec.target)?;

    let features = Features::fit(&table, &rows.train, &mut |fraction| {
        run.progress(Stage::Encode, fraction);
    });
    for dropped in &features.dropped {
        run.warn(format!(
            "dropped column {:?}: {}",
            dropped.column, dropped.reason
        ));
    }
    if features.features.is_empty() {
        return Err(failure(
            "invalid_features",
            "no feature is of use: each is constant, missing or an identifier",
            "Choose features that differ from row to row and repeat among rows.",
        ));
    }
    run.info(format!(
        "encoded {} columns as {} numbers",
        features.features.len(),
        features.encoded.len()
    ));

    let fit = linear_regression::fit(&features, target, scale, &rows.train, &mut |fraction| {
        run.progress(Stage::Train, fraction);
    })?;
    for (column, others) in &fit.collinear {
        run.warn(format!(
            "dropped {:?}: collinear with {}",
            features.encoded[*column].name,
            others.join(", ")
        ));
    }
    let packaged = package(&features, &fit, &spec.target, &usable);
    if packaged.used.is_empty() {
        return Err(failure(
            "invalid_features",
            "no feature is of use",
            "Choose other features.",
        ));
    }
    run.info(format!(
        "fitted {} coefficients by least squares",
        packaged.coefficients.len()
    ));

    // As it will be served: written, read back and prepared.
    let artifact = model::encode(&packaged.artifact).map_err(|error| broken(&error))?;
    let predictor = Predictor::new(&model::decode(&artifact).map_err(|error| broken(&error))?);
    let held_out = evaluate(
        &predictor,
        &rows.test,
        |row, values| packaged.values(&features, row, values),
        target,
        scale.0,
        &mut |fraction| run.progress(Stage::Evaluate, fraction),
    )?;
    let mut metrics = held_out.metrics;
    metrics.insert("train_rows".to_owned(), rows.train.len() as f64);
    metrics.insert("features".to_owned(), packaged.coefficients.len() as f64);
    let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
    run.info(format!(
        "held-out rows: R2 {:.4}, RMSE {:.6}, MAE {:.6}; predicting the mean: R2 {:.4}, RMSE {:.6}, MAE {:.6}",
        metric("r2"),
        metric("rmse"),
        metric("mae"),
        metric("baseline_r2"),
        metric("baseline_rmse"),
        metric("baseline_mae"),
    ));
    if metric("rmse") >= metric("baseline_rmse") {
        run.warn("the model does no better than predicting the mean: the features say little about the target".to_owned());
    }

    run.progress(Stage::Package, 0.0);
    run.info(format!("packed the model: {} bytes", artifact.len()));
    run.progress(Stage::Package, 1.0);
    Ok(Trained {
        artifact,
        algorithm: Algorithm::LinearRegression,
        params: packaged.artifact.params,
        metrics,
        signature: packaged.artifact.signature,
        evaluation: Evaluation {
            points: held_out.points,
            residuals: held_out.residuals,
            coefficients: packaged.coefficients,
            intercept: packaged.artifact.intercept,
            dropped: packaged.dropped,
        },
        test_rows: rows.test,
    })
}

/// Mean and standard deviation over the training rows.
fn target_scale(target: &[f64], train: &[u32], name: &str) -> Result<(f64, f64), RunError> {
    let moments: Moments = train.iter().map(|&row| target[row as usize]).collect();
    let (mean, std) = (moments.mean(), moments.population_std());
    if !mean.is_finite() || !std.is_finite() {
        return Err(failure(
            "invalid_target",
            format!("the values of the target {name:?} are too large to compute with"),
            "Give the target in a larger unit, and upload the table as a new version.",
        ));
    }
    if std <= 1e-13 * mean.abs() {
        return Err(failure(
            "invalid_target",
            format!(
                "the target {name:?} is {} in every training row: there is nothing to learn",
                moments.min()
            ),
            "Choose a column whose values differ.",
        ));
    }
    Ok((mean, std))
}

fn broken(error: &model::ArtifactError) -> RunError {
    failure(
        "internal",
        error.to_string(),
        "Choose fewer features, or ones with fewer and shorter categories.",
    )
}

struct Run<'a> {
    on_event: &'a mut dyn FnMut(TrainEvent),
}

impl Run<'_> {
    /// `fraction` is that of the stage.
    fn progress(&mut self, stage: Stage, fraction: f64) {
        let (from, to) = match stage {
            Stage::Prepare => (0.0, 0.5),
            Stage::Encode => (0.5, 0.6),
            Stage::Train => (0.6, 0.9),
            Stage::Evaluate => (0.9, 0.97),
            Stage::Package => (0.97, 1.0),
        };
        let fraction = from + (to - from) * fraction.clamp(0.0, 1.0);
        (self.on_event)(TrainEvent::Progress(Progress { stage, fraction }));
    }

    fn info(&mut self, message: impl Into<String>) {
        (self.on_event)(TrainEvent::Log {
            level: LogLevel::Info,
            message: message.into(),
        });
    }

    fn warn(&mut self, message: String) {
        (self.on_event)(TrainEvent::Log {
            level: LogLevel::Warn,
            message,
        });
    }
}
