#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]
#![allow(
    clippy::float_cmp,
    reason = "expected values are exact where they are compared so"
)]

mod algorithms;
mod auto;
mod child;
mod classification;
mod csv_corpus;
mod explanations;
mod exported;
mod generalised_linear;
mod histogram_boosting;
mod imports;
mod inference;
mod naive_bayes;
mod nearest_neighbours;
mod parquet;
mod preprocessing;
mod profiles;
mod refusals;
mod reproducibility;
mod rivals;
mod scoring;
mod sklearn;
mod splits;
mod streams;
mod training;
mod trees;

use std::io::{Read, Write};
use std::path::PathBuf;

use domain::Name;
use domain::datasets::{ColumnProfile, DataFormat, Profile};
use domain::models::Task;
use domain::training_runs::{
    Algorithm, LogLevel, Named, RunError, Split, SplitMethod, TrainingBudget, TrainingSpec,
};
use tempfile::TempDir;
use trainer::{DataError, TrainEvent, Trained};

/// A file in a directory that goes with it.
struct TestFile {
    directory: TempDir,
    format: DataFormat,
}

impl TestFile {
    fn csv(content: impl AsRef<[u8]>) -> Self {
        Self::new(DataFormat::Csv, content.as_ref())
    }

    fn new(format: DataFormat, content: &[u8]) -> Self {
        let file = Self {
            directory: tempfile::tempdir().unwrap(),
            format,
        };
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("table")
    }

    fn profile(&self) -> Result<Profile, DataError> {
        let mut told = 0.0;
        trainer::profile(&self.path(), self.format, &mut |fraction| {
            assert!(
                (told..=1.0).contains(&fraction),
                "progress went from {told} to {fraction}"
            );
            told = fraction;
        })
    }

    fn train(&self, spec: &TrainingSpec) -> Result<Trained, RunError> {
        trainer::train(&self.path(), self.format, spec, &mut |_| {})
    }

    fn train_with_events(
        &self,
        spec: &TrainingSpec,
    ) -> (Result<Trained, RunError>, Vec<TrainEvent>) {
        let mut events = Vec::new();
        let result = trainer::train(&self.path(), self.format, spec, &mut |event| {
            events.push(event);
        });
        (result, events)
    }
}

fn california_housing() -> TestFile {
    let packed: &[u8] = include_bytes!("../../../../demo/california_housing.csv.gz");
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut content)
        .unwrap();
    TestFile::csv(content)
}

fn titanic() -> TestFile {
    TestFile::csv(include_bytes!("../data/titanic.csv"))
}

fn spec(target: &str) -> TrainingSpec {
    TrainingSpec {
        dataset: name("table"),
        dataset_version: None,
        target: target.to_owned(),
        task: None,
        model: name("model"),
        algorithm: Algorithm::LinearRegression,
        params: None,
        features: None,
        preprocessing: domain::training_runs::Preprocessing::new(),
        split: Split {
            method: Some(SplitMethod::Random),
            ..Split::default()
        },
        budget: TrainingBudget::default(),
    }
}

fn spec_of(algorithm: Algorithm, target: &str, params: serde_json::Value) -> TrainingSpec {
    TrainingSpec {
        algorithm,
        params: params.as_object().cloned(),
        ..spec(target)
    }
}

/// All that are an algorithm of their own and serve the task.
fn algorithms(task: Task) -> Vec<Algorithm> {
    let named = Named::ALL.into_iter().map(Algorithm::from);
    named.filter(|algorithm| algorithm.serves(task)).collect()
}

/// What was told of this level, line by line.
fn messages(events: &[TrainEvent], level: LogLevel) -> String {
    let lines = events.iter().filter_map(|event| match event {
        TrainEvent::Log { level: of, message } if *of == level => Some(message.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn name(text: &str) -> Name {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap()
}

fn column<'a>(profile: &'a Profile, name: &str) -> &'a ColumnProfile {
    profile
        .columns
        .iter()
        .find(|column| column.name == name)
        .unwrap_or_else(|| panic!("no column {name}"))
}

/// A table written line by line.
fn csv(header: &str, rows: impl IntoIterator<Item = String>) -> TestFile {
    let mut content = Vec::new();
    writeln!(content, "{header}").unwrap();
    for row in rows {
        writeln!(content, "{row}").unwrap();
    }
    TestFile::csv(content)
}
