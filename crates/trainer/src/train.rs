use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::FieldError;
use domain::datasets::DataFormat;
use domain::models::{Evaluation, Signature, Task};
use domain::training_runs::{
    Algorithm, LogLevel, Progress, RunError, SplitMethod, Stage, TrainingSpec,
};
use model::Predictor;
use serde_json::{Map, Value as Json};

use crate::auto;
use crate::error::shorten;
use crate::evaluate::evaluate;
use crate::failure::{failure, reserve};
use crate::fit::Told;
use crate::learn::{Choice, Learned, Lesson};
use crate::split::{RowSplit, split, split_stratified};
use crate::table;
use crate::target::Target;

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
    /// On the held-out rows: of a regression `mae`, `rmse`, `r2`, and the same of always saying the training rows' mean as
    /// `baseline_mae` and so on; of a classification `log_loss`, `accuracy`, `brier`, `f1`, `roc_auc`, `pr_auc`, and the same of
    /// always saying the shares of the classes. Also the counts `train_rows`, `test_rows`, `features` (encoded columns of a linear
    /// model, inputs of trees).
    pub metrics: BTreeMap<String, f64>,
    pub signature: Signature,
    pub evaluation: Evaluation,
    /// The held-out rows, counted from 0 over all rows of the table.
    pub test_rows: Vec<u32>,
}

/// With fewer rows that have a target there is nothing to judge a model by.
const MIN_ROWS: usize = 10;
/// Of the progress of training, what is done once `auto` has chosen.
const SEARCH: f64 = 0.8;

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
    let begun = Instant::now();
    let mut run = Run { on_event };
    let params = spec
        .algorithm
        .checked(spec.params.as_ref())
        .map_err(|errors| unusable(&errors))?;
    run.info("reading the table");
    let mut table = table::load(path, format, spec, &mut |fraction| {
        run.progress(Stage::Prepare, fraction);
    })?;
    let target = Target::take(&mut table, spec)?;
    spec.check_task(target.task())
        .map_err(|errors| unusable(&errors))?;
    run.info(format!(
        "read {} rows, {} feature columns",
        table.rows,
        table.features.len()
    ));

    let mut usable = reserve(table.rows, "the row numbers")?;
    usable.extend((0..table.rows as u32).filter(|&row| !target.values[row as usize].is_nan()));
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
    if let Some(classes) = &target.classes {
        run.info(told_classes(classes));
    }
    let (method, rows) = divide(spec, &target, &usable);
    run.info(format!(
        "split {} with seed {}: {} rows to train on, {} held out",
        match method {
            SplitMethod::Random => "at random",
            SplitMethod::Stratified => "by class",
        },
        spec.split.seed,
        rows.train.len(),
        rows.test.len()
    ));
    let lesson = Lesson {
        table: &table,
        target: &target,
        target_name: &spec.target,
        usable: &usable,
        memory_mb: spec.budget.memory_mb,
    };
    let (choice, candidates, until) = match spec.algorithm.as_named() {
        None => {
            let half = begun + time(spec, 0.5);
            let (best, candidates) =
                auto::choose(&lesson, &rows.train, spec.split.seed, half, &mut |told| {
                    run.told(Stage::Train, told, (0.0, SEARCH));
                })?;
            run.info(format!(
                "the best is {best}: fitting it to all training rows"
            ));
            (best, candidates, Some(begun + time(spec, 0.9)))
        }
        Some(algorithm) => (Choice { algorithm, params }, Vec::new(), None),
    };
    let is_searched = !candidates.is_empty();
    let learned = lesson.learn(&rows.train, &choice, until, &mut |stage, told| {
        match (is_searched, stage, told) {
            (false, stage, told) => run.told(stage, told, (0.0, 1.0)),
            // The bar is past that.
            (true, Stage::Encode, Told::Progress(_)) => {}
            (true, _, told) => run.told(Stage::Train, told, (SEARCH, 1.0)),
        }
    })?;
    let Learned {
        features,
        packaged,
        mean,
    } = learned;

    // As it will be served: written, read back and prepared.
    let artifact = model::encode(&packaged.artifact).map_err(|error| broken(&error))?;
    let predictor = Predictor::new(&model::decode(&artifact).map_err(|error| broken(&error))?);
    let held_out = evaluate(
        &predictor,
        (&rows.train, &rows.test),
        |row, values| packaged.values(&features, row, values),
        &target,
        mean,
        &mut |fraction| run.progress(Stage::Evaluate, fraction),
    )?;
    let mut metrics = held_out.metrics;
    metrics.insert("train_rows".to_owned(), rows.train.len() as f64);
    metrics.insert("features".to_owned(), packaged.weighed as f64);
    run.judged(target.task(), &metrics);

    run.progress(Stage::Package, 0.0);
    run.info(format!("packed the model: {} bytes", artifact.len()));
    run.progress(Stage::Package, 1.0);
    Ok(Trained {
        artifact,
        algorithm: choice.algorithm.into(),
        params: packaged.artifact.params,
        metrics,
        signature: packaged.artifact.signature,
        evaluation: Evaluation {
            points: held_out.points,
            residuals: held_out.residuals,
            classification: held_out.classification,
            coefficients: packaged.coefficients,
            intercept: packaged.intercept,
            importances: packaged.importances,
            candidates,
            dropped: packaged.dropped,
        },
        test_rows: rows.test,
    })
}

/// The rows to train on and those that are held out, both among `usable`.
fn divide(spec: &TrainingSpec, target: &Target, usable: &[u32]) -> (SplitMethod, RowSplit) {
    let task = target.task();
    let method = spec.split.method.unwrap_or(SplitMethod::of(task));
    let (share, seed) = (spec.split.test_fraction, spec.split.seed);
    let mut rows = match method {
        SplitMethod::Random => split(usable.len() as u32, share, seed),
        SplitMethod::Stratified => {
            let classes = usable.iter().map(|&row| target.values[row as usize] as u32);
            split_stratified(&classes.collect::<Vec<u32>>(), share, seed)
        }
    };
    for place in rows.train.iter_mut().chain(&mut rows.test) {
        *place = usable[*place as usize];
    }
    (method, rows)
}

fn told_classes(classes: &[String]) -> String {
    const SHOWN: usize = 10;
    let names: Vec<String> = classes
        .iter()
        .take(SHOWN)
        .map(|class| format!("{:?}", shorten(class, 40)))
        .collect();
    let more = match classes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} classes: {}{more}", classes.len(), names.join(", "))
}

/// A share of the wall time that the run may take.
fn time(spec: &TrainingSpec, share: f64) -> Duration {
    Duration::from_secs(spec.budget.seconds.into()).mul_f64(share)
}

fn broken(error: &model::ArtifactError) -> RunError {
    failure(
        "internal",
        error.to_string(),
        "Choose fewer features, ones with fewer and shorter categories, or a lower budget of gradient_boosting.",
    )
}

/// Whoever made the run checked its parameters; a newer release may have.
fn unusable(errors: &[FieldError]) -> RunError {
    let wrong: Vec<String> = errors
        .iter()
        .map(|error| format!("{}: expected {}", error.pointer, error.expected))
        .collect();
    failure(
        "internal",
        format!("the run's parameters can not be used: {}", wrong.join("; ")),
        "Start the run again with parameters in their ranges.",
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

    /// `part` is where the work that tells this begins and ends within its stage.
    fn told(&mut self, stage: Stage, told: Told, part: (f64, f64)) {
        match told {
            Told::Progress(fraction) => {
                let (from, to) = part;
                self.progress(stage, from + (to - from) * fraction.clamp(0.0, 1.0));
            }
            Told::Info(message) => self.info(message),
            Told::Warn(message) => self.warn(message),
        }
    }

    fn judged(&mut self, task: Task, metrics: &BTreeMap<String, f64>) {
        let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
        let (names, baseline): (&[(&str, &str)], _) = match task {
            Task::Regression => (
                &[("r2", "R2"), ("rmse", "RMSE"), ("mae", "MAE")],
                "predicting the mean",
            ),
            Task::Classification => (
                &[
                    ("log_loss", "log loss"),
                    ("accuracy", "accuracy"),
                    ("roc_auc", "ROC AUC"),
                ],
                "saying the classes' shares",
            ),
        };
        let list = |prefix: &str| {
            let named = names.iter().filter_map(|(key, name)| {
                let value = metrics.get(&format!("{prefix}{key}"))?;
                let digits = if *name == "RMSE" || *name == "MAE" {
                    6
                } else {
                    4
                };
                Some(format!("{name} {value:.digits$}"))
            });
            named.collect::<Vec<String>>().join(", ")
        };
        self.info(format!(
            "held-out rows: {}; {baseline}: {}",
            list(""),
            list("baseline_")
        ));
        let key = task.metric().as_str();
        if metric(key) >= metric(&format!("baseline_{key}")) {
            self.warn(format!(
                "the model does no better than {baseline}: the features say little about the target"
            ));
        }
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
