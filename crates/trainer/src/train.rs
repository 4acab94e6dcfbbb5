use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::FieldError;
use domain::datasets::DataFormat;
use domain::models::{Evaluation, Permutation, Signature, Task};
use domain::training_runs::{Algorithm, LogLevel, Progress, Recipe, RunError, Stage, TrainingSpec};
use model::{Artifact, ArtifactError, Predictor};
use serde_json::{Map, Value as Json};

use crate::again;
use crate::auto::{self, Bounds, Found};
use crate::divide::Division;
use crate::error::shorten;
use crate::evaluate::{Dealing, REPEATS, evaluate, permutation, segments};
use crate::failure::{failure, reserve};
use crate::fit::Told;
use crate::folds;
use crate::leaks::leaks;
use crate::learn::{Choice, Learned, Lesson, Plan};
use crate::stream::Stream;
use crate::table::{self, Table};
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
    /// model, inputs of trees). With `split.folds` also `folds` and, over them, the
    /// mean of each metric as `folds_mae` and so on, and its standard deviation as `folds_mae_std`.
    pub metrics: BTreeMap<String, f64>,
    pub signature: Signature,
    pub evaluation: Evaluation,
    /// The held-out rows, counted from 0 over all rows of the table.
    pub test_rows: Vec<u32>,
    /// What they are: numbers, or places among the classes.
    pub test_values: Vec<f64>,
}

/// With fewer rows that have a target there is nothing to judge a model by.
const MIN_ROWS: usize = 10;
/// Of the progress of training, what is done once `auto` has chosen.
const SEARCH: f64 = 0.8;
/// Of the progress of evaluating, what is done once the held-out rows are predicted, where there are folds.
const HELD_OUT: f64 = 0.1;

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
    work(path, format, spec, None, on_event)
}

/// As [`train`], of `auto` with what it has chosen before.
///
/// # Errors
/// As those of [`train`].
pub fn train_again(
    path: &Path,
    format: DataFormat,
    spec: &TrainingSpec,
    recipe: &Recipe,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<Trained, RunError> {
    work(path, format, spec, Some(recipe), on_event)
}

fn work(
    path: &Path,
    format: DataFormat,
    spec: &TrainingSpec,
    recipe: Option<&Recipe>,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<Trained, RunError> {
    let begun = Instant::now();
    let mut run = Run {
        has_folds: spec.split.folds.is_some(),
        on_event,
    };
    let params = spec
        .algorithm
        .checked(spec.params.as_ref())
        .map_err(|errors| unusable(&errors))?;
    run.info("reading the table");
    let mut load = |may_thin| -> Result<(Table, Target), RunError> {
        let mut table = table::load(path, format, spec, may_thin, &mut |fraction| {
            run.progress(Stage::Prepare, fraction);
        })?;
        let target = Target::take(&mut table, spec)?;
        Ok((table, target))
    };
    let (mut table, mut target) = load(true)?;
    let mut stream = None;
    if let Some(thinned) = &table.thinned {
        stream = Stream::new(path, spec, thinned, target.classes.as_deref());
        if stream.is_none() {
            (table, target) = load(false)?;
        }
    }
    spec.check_task(target.task())
        .map_err(|errors| unusable(&errors))?;
    run.info(format!(
        "read {} rows, {} feature columns",
        table.rows,
        table.features.len()
    ));
    if let Some(stream) = &stream {
        run.info(format!(
            "of {} rows: what columns are like is learned from these and the model is judged by some of them, but all others are learned \
             from too, read from the file as often as it takes",
            stream.rows
        ));
    }

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
    let division = Division::new(spec, &table, &target)?;
    let mut rows = division.hold_out(&usable)?;
    run.info(format!(
        "split {}: {} rows to train on, {} held out",
        division.described(),
        rows.train.len(),
        rows.test.len()
    ));
    if let (Some(column), None) = (&spec.split.column, &spec.features) {
        run.info(format!(
            "{column:?} is what the split goes by, so it is not learned from: name it in features to do so"
        ));
    }
    let mut warnings = division.notes(&usable, rows.test.len());
    warnings.extend(leaks(&table, &target, &spec.target, &rows));
    for warning in &warnings {
        run.warn(warning.clone());
    }
    let lesson = Lesson {
        table: &table,
        target: &target,
        target_name: &spec.target,
        usable: &usable,
        memory_mb: spec.budget.memory_mb,
        stream: stream.as_ref(),
        preprocessing: &spec.preprocessing,
        division: &division,
    };
    let (plan, candidates, until) = match (spec.algorithm.as_named(), recipe) {
        (None, Some(recipe)) => {
            let plan = again::plan(recipe)?;
            if stream.is_none() {
                match again::rows(&division, &rows.train, recipe.train_rows as usize) {
                    Some(some) => rows.train = some,
                    None => run.warn(format!(
                        "the {} rows that there was time for then can not be drawn again: learning from all",
                        recipe.train_rows
                    )),
                }
            }
            run.info(format!("training again what auto chose: {plan}"));
            (plan, Vec::new(), None)
        }
        (None, None) => {
            let bounds = Bounds {
                until: begun + time(spec, 0.45),
                ready: begun + time(spec, 0.85),
                held_out: rows.test.len(),
                max_micros: spec.budget.max_predict_micros,
            };
            let found = auto::choose(&lesson, &rows.train, bounds, &mut |told| {
                run.told(Stage::Train, told, (0.0, SEARCH));
            })?;
            let Found {
                plan,
                rows: affordable,
                until,
                candidates,
            } = found;
            rows.train = affordable;
            run.info(format!(
                "the best is {plan}: fitting it to {} training rows",
                rows.train.len()
            ));
            (plan, candidates, Some(until))
        }
        (Some(algorithm), _) => (Plan::One(Choice { algorithm, params }), Vec::new(), None),
    };
    let is_searched = !candidates.is_empty();
    let fitting = Instant::now();
    let learned = lesson.carry_out(&rows.train, &plan, until, &mut |stage, told| {
        match (is_searched, stage, told) {
            (false, stage, told) => run.told(stage, told, (0.0, 1.0)),
            // The bar is past that.
            (true, Stage::Encode, Told::Progress(_)) => {}
            (true, _, told) => run.told(Stage::Train, told, (SEARCH, 1.0)),
        }
    })?;
    let took = fitting.elapsed();
    let Learned {
        features,
        mut packaged,
        mean,
    } = learned;

    packaged.of_inputs(&features, &usable, &rows.train);
    packaged.observe(&features, &rows.train)?;
    // As it will be served: written, read back and prepared.
    let artifact = run.pack(&mut packaged.artifact)?;
    let predictor = Predictor::new(&model::decode(&artifact).map_err(|error| broken(&error))?);
    let held_out = evaluate(
        &predictor,
        (&rows.train, &rows.test),
        |row, values| packaged.values(&features, row, values),
        &target,
        mean,
        &mut |fraction| {
            let part = if run.has_folds { HELD_OUT } else { 1.0 };
            run.progress(Stage::Evaluate, fraction * part);
        },
    )?;
    let inputs = predictor.signature().inputs.iter();
    let columns = inputs.filter_map(|input| {
        let mut columns = table.features.iter();
        columns.find(|column| column.name == input.name)
    });
    let segments = segments(
        columns,
        &rows.test,
        &held_out.losses,
        target.task().metric(),
    );
    let mut metrics = held_out.metrics;
    let train_rows = stream
        .as_ref()
        .map_or(rows.train.len(), |stream| stream.learned(rows.train.len()));
    metrics.insert("train_rows".to_owned(), train_rows as f64);
    metrics.insert("features".to_owned(), packaged.weighed as f64);
    run.judged(target.task(), &metrics);
    if let Some(count) = spec.split.folds {
        let time = (took, begun + time(spec, 0.9));
        let mut tell = |told| run.told(Stage::Evaluate, told, (HELD_OUT, 1.0));
        let judged = folds::judge(&lesson, &rows.train, &plan, count as usize, time, &mut tell);
        metrics.extend(judged);
    }

    let dealing = Dealing {
        seed: spec.split.seed,
        until: (Instant::now() + time(spec, 0.1)).min(begun + time(spec, 0.95)),
    };
    let permutation = permutation(
        &predictor,
        &rows.test,
        |row, values| packaged.values(&features, row, values),
        &target,
        dealing,
    );
    run.relied(permutation.as_ref(), predictor.len());

    run.progress(Stage::Package, 0.0);
    run.info(format!("packed the model: {} bytes", artifact.len()));
    run.progress(Stage::Package, 1.0);
    Ok(Trained {
        artifact,
        algorithm: plan.algorithm(),
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
            permutation,
            segments,
            candidates,
            warnings,
            dropped: packaged.dropped,
        },
        test_values: rows
            .test
            .iter()
            .map(|&row| target.values[row as usize])
            .collect(),
        test_rows: match &stream {
            None => rows.test,
            Some(stream) => stream.in_file(&rows.test),
        },
    })
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
    has_folds: bool,
    on_event: &'a mut dyn FnMut(TrainEvent),
}

impl Run<'_> {
    /// `fraction` is that of the stage.
    fn progress(&mut self, stage: Stage, fraction: f64) {
        // Every fold takes about as long as the training.
        let (from, to) = match (stage, self.has_folds) {
            (Stage::Prepare, false) => (0.0, 0.5),
            (Stage::Encode, false) => (0.5, 0.6),
            (Stage::Train, false) => (0.6, 0.9),
            (Stage::Evaluate, false) => (0.9, 0.97),
            (Stage::Prepare, true) => (0.0, 0.2),
            (Stage::Encode, true) => (0.2, 0.25),
            (Stage::Train, true) => (0.25, 0.45),
            (Stage::Evaluate, true) => (0.45, 0.97),
            (Stage::Package, _) => (0.97, 1.0),
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

    /// One that is too large with what explanations need is better without it than none.
    fn pack(&mut self, artifact: &mut Artifact) -> Result<Vec<u8>, RunError> {
        let packed = match model::encode(artifact) {
            Err(ArtifactError::TooLarge { .. }) if artifact.background.is_some() => {
                artifact.background = None;
                self.warn(
                    "the model is too large to keep what explanations need: single predictions can not be explained"
                        .to_owned(),
                );
                model::encode(artifact)
            }
            packed => packed,
        };
        packed.map_err(|error| broken(&error))
    }

    /// `inputs`: how many the model has.
    fn relied(&mut self, permutation: Option<&Permutation>, inputs: usize) {
        let (repeats, measured) = permutation.map_or((0, 0), |permutation| {
            (permutation.repeats, permutation.importances.len())
        });
        if measured == inputs {
            self.info(format!(
                "measured {repeats} times how much worse the model does with each input's values dealt out anew among the held-out rows"
            ));
        }
        if repeats < REPEATS || measured < inputs {
            self.warn(format!(
                "measured the importance of {measured} of {inputs} inputs, {repeats} instead of {REPEATS} times: it takes no more than a tenth \
                 of budget.seconds"
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
