//! The child as the server starts it: a process of its own, spoken to over its standard streams.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use domain::datasets::DataFormat;
use domain::retraining::Comparison;
use domain::training_runs::Algorithm;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use trainer::child::{self, ChildLimits, ChildMessage, ChildRequest, TrainedModel};
use trainer::{Rival, ScoreSpec};

use crate::{TestFile, california_housing, csv, spec, spec_of};

const ROLE: &str = "TRAINER_TEST_CHILD";

const LIMITS: ChildLimits = ChildLimits {
    memory_mb: 1024,
    cpu_seconds: 60,
};

/// Not a test of its own: this is where the process begins that the tests start from this very program.
#[test]
fn process() {
    if std::env::var_os(ROLE).is_some() {
        child::run(std::io::stdin().lock(), std::io::stdout().lock());
    }
}

/// Everything the child says, and how it ends.
fn run(line: &str) -> (Vec<ChildMessage>, ExitStatus) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child::process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(line.as_bytes()).unwrap();
    stdin.write_all(b"\n").unwrap();
    drop(stdin);
    let lines = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    // The rest is the test runner's.
    let messages = lines
        .filter_map(|line| {
            line.find("{\"kind\"")
                .map(|start| serde_json::from_str(&line[start..]).unwrap())
        })
        .collect();
    (messages, process.wait().unwrap())
}

fn ask(request: &ChildRequest) -> (Vec<ChildMessage>, ExitStatus) {
    run(&serde_json::to_string(request).unwrap())
}

fn profile_request(path: PathBuf, format: DataFormat) -> ChildRequest {
    ChildRequest::Profile {
        path,
        format,
        limits: LIMITS,
    }
}

fn train_request(file: &TestFile, output: &Path, limits: ChildLimits) -> ChildRequest {
    let spec = Box::new(spec("median_house_value"));
    ChildRequest::Train {
        path: file.path(),
        format: file.format,
        spec,
        recipe: None,
        rival: None,
        output: output.to_owned(),
        limits,
    }
}

#[test]
fn a_profile_comes_with_progress_before() {
    let file = california_housing();
    let (messages, _) = ask(&profile_request(file.path(), file.format));
    let Some((ChildMessage::Profile(profile), before)) = messages.split_last() else {
        panic!("{messages:?}");
    };
    assert_eq!(*profile, file.profile().unwrap());
    assert!(
        !before.is_empty()
            && before
                .iter()
                .all(|message| matches!(message, ChildMessage::Profiling { .. }))
    );
}

#[test]
fn an_unreadable_table_is_said_to_be_so() {
    let file = TestFile::csv("a,b\n1\n");
    let (messages, _) = ask(&profile_request(file.path(), file.format));
    let [ChildMessage::Unreadable(error)] = &messages[..] else {
        panic!("{messages:?}")
    };
    assert_eq!((error.row, error.line), (Some(1), Some(2)));

    let (messages, _) = ask(&profile_request(
        file.directory.path().join("missing"),
        file.format,
    ));
    assert!(
        matches!(&messages[..], [ChildMessage::Unreadable(_)]),
        "{messages:?}"
    );
}

#[test]
fn a_model_lies_where_it_was_asked_for() {
    let file = california_housing();
    let output = NamedTempFile::new().unwrap();
    let (messages, _) = ask(&train_request(&file, output.path(), LIMITS));
    let Some(ChildMessage::Trained(trained)) = messages.last() else {
        panic!("{messages:?}")
    };
    let bytes = std::fs::read(output.path()).unwrap();
    assert_eq!(trained.bytes, bytes.len() as u64);
    assert_eq!(trained.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(model::decode(&bytes).unwrap().signature, trained.signature);
    assert!(
        messages
            .iter()
            .any(|message| matches!(message, ChildMessage::Log { .. }))
    );
}

/// A child that ends while it compares has told of its model already.
#[test]
fn a_model_is_told_before_it_is_compared() {
    let file = california_housing();
    let (output, mut live) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    let trained = file.train(&spec("median_house_value")).unwrap();
    live.write_all(&trained.artifact).unwrap();
    let profile = file.profile().unwrap();
    let mut request = train_request(&file, output.path(), LIMITS);
    if let ChildRequest::Train { rival, .. } = &mut request {
        *rival = Some(Rival {
            artifact: live.path().to_owned(),
            types: profile.columns.iter().map(|column| column.kind).collect(),
        });
    }
    let (messages, _) = ask(&request);
    let told: Vec<&TrainedModel> = messages
        .iter()
        .filter_map(|message| match message {
            ChildMessage::Trained(told) => Some(&**told),
            _ => None,
        })
        .collect();
    let [first, last] = told[..] else {
        panic!("{messages:?}")
    };
    assert!(matches!(messages.last(), Some(ChildMessage::Trained(_))));
    assert!(matches!(last.comparison, Some(Comparison::Compared(_))));
    let without = TrainedModel {
        comparison: None,
        ..last.clone()
    };
    assert_eq!(*first, without);
}

/// Also with little memory, on threads of its own, and confined.
#[test]
fn boosting_in_a_child_gives_the_same_bytes() {
    let file = california_housing();
    let spec = spec_of(
        Algorithm::GradientBoosting,
        "median_house_value",
        json!({"budget": 0.3}),
    );
    let output = NamedTempFile::new().unwrap();
    let (messages, status) = ask(&ChildRequest::Train {
        path: file.path(),
        format: file.format,
        spec: Box::new(spec.clone()),
        recipe: None,
        rival: None,
        output: output.path().to_owned(),
        limits: LIMITS,
    });
    let Some(ChildMessage::Trained(trained)) = messages.last() else {
        panic!("{messages:?} {status:?}")
    };
    assert_eq!(trained.algorithm, Algorithm::GradientBoosting);
    let here = file.train(&spec).unwrap();
    assert_eq!(std::fs::read(output.path()).unwrap(), here.artifact);
    assert_eq!(trained.evaluation, here.evaluation);
}

#[test]
fn boosting_without_the_memory_for_it_is_a_failed_run_with_a_reason() {
    let file = california_housing();
    let spec = spec_of(Algorithm::GradientBoosting, "median_house_value", json!({}));
    let output = NamedTempFile::new().unwrap();
    let (messages, status) = ask(&ChildRequest::Train {
        path: file.path(),
        format: file.format,
        spec: Box::new(spec),
        recipe: None,
        rival: None,
        output: output.path().to_owned(),
        limits: ChildLimits {
            memory_mb: 64,
            ..LIMITS
        },
    });
    let error = match messages.last() {
        Some(ChildMessage::Failed(error)) => error.clone(),
        _ => child::death(status),
    };
    assert_eq!(error.code, "out_of_memory", "{error:?} {status:?}");
    assert!(error.fix.contains("memory_mb"));
}

#[test]
fn a_scored_table_lies_where_it_was_asked_for() {
    let file = california_housing();
    let trained = file.train(&spec("median_house_value")).unwrap();
    let profile = file.profile().unwrap();
    let (mut artifact, output) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    artifact.write_all(&trained.artifact).unwrap();
    let request = ChildRequest::Score {
        path: file.path(),
        format: file.format,
        spec: Box::new(ScoreSpec {
            types: profile.columns.iter().map(|column| column.kind).collect(),
            rows: profile.rows,
            keep: Vec::new(),
            prediction_column: "prediction".to_owned(),
            error_column: "prediction_error".to_owned(),
            max_bytes: 1 << 20,
        }),
        artifact: artifact.path().to_owned(),
        output: output.path().to_owned(),
        limits: LIMITS,
    };
    let (messages, _) = ask(&request);
    let Some((ChildMessage::Scored(scored), before)) = messages.split_last() else {
        panic!("{messages:?}");
    };
    let bytes = std::fs::read(output.path()).unwrap();
    assert_eq!((scored.rows, scored.rows_failed), (20_640, 0));
    assert_eq!(scored.bytes, bytes.len() as u64);
    assert_eq!(scored.sha256, hex::encode(Sha256::digest(&bytes)));
    assert!(
        before
            .iter()
            .all(|message| matches!(message, ChildMessage::Scoring { .. }))
            && !before.is_empty()
    );
}

#[test]
fn a_child_makes_no_files_of_its_own() {
    let file = california_housing();
    let output = file.directory.path().join("artifact");
    let (messages, _) = ask(&train_request(&file, &output, LIMITS));
    let Some(ChildMessage::Failed(error)) = messages.last() else {
        panic!("{messages:?}")
    };
    assert_eq!(error.code, "internal");
    assert!(!output.exists());
}

#[test]
fn too_little_memory_is_a_failed_run_with_a_reason() {
    let rows =
        (0..2_000_000).map(|index| format!("{index},{},{},{}", index % 7, index % 11, index % 13));
    let file = csv("median_house_value,a,b,c", rows);
    let output = NamedTempFile::new().unwrap();
    let limits = ChildLimits {
        memory_mb: 32,
        ..LIMITS
    };
    let (messages, status) = ask(&train_request(&file, output.path(), limits));
    let error = match messages.last() {
        Some(ChildMessage::Failed(error)) => error.clone(),
        _ => child::death(status),
    };
    assert_eq!(error.code, "out_of_memory", "{error:?} {status:?}");
    assert!(error.fix.contains("memory_mb"));
    assert_eq!(std::fs::metadata(output.path()).unwrap().len(), 0);
}

#[test]
fn too_little_time_ends_the_process() {
    let header = (0..20)
        .map(|index| format!("c{index}"))
        .collect::<Vec<_>>()
        .join(",");
    let rows = (0..100).map(|row| {
        (0..21)
            .map(|column| (row * column % 17).to_string())
            .collect::<Vec<_>>()
            .join(",")
    });
    let block = rows.collect::<Vec<_>>().join("\n") + "\n";
    let file = TestFile::csv(format!(
        "{header},median_house_value\n{}",
        block.repeat(20_000)
    ));
    let output = NamedTempFile::new().unwrap();
    let limits = ChildLimits {
        cpu_seconds: 1,
        ..LIMITS
    };
    let (messages, status) = ask(&train_request(&file, output.path(), limits));
    assert!(
        !matches!(
            messages.last(),
            Some(ChildMessage::Trained(_) | ChildMessage::Failed(_))
        ),
        "{messages:?}"
    );
    let error = child::death(status);
    assert_eq!(error.code, "out_of_time", "{error:?} {status:?}");
}

#[test]
fn a_request_that_is_none_is_refused() {
    for line in ["", "{}", "{\"kind\":\"format_disk\"}", "not json"] {
        let (messages, _) = run(line);
        let [ChildMessage::Failed(error)] = &messages[..] else {
            panic!("{line:?}: {messages:?}")
        };
        assert_eq!(error.code, "internal");
    }
}

#[test]
fn a_damaged_file_never_ends_the_conversation_without_a_word() {
    for content in [
        &b"PAR1"[..],
        b"PAR1\x00\x00\x00\x00PAR1",
        b"",
        b"PAR1\xff\xff\xff\x7fPAR1",
    ] {
        let file = TestFile::new(DataFormat::Parquet, content);
        let (messages, status) = ask(&profile_request(file.path(), file.format));
        assert!(
            matches!(
                messages.last(),
                Some(ChildMessage::Unreadable(_) | ChildMessage::Failed(_))
            ),
            "{messages:?} {status:?}"
        );
    }
}

#[test]
fn an_import_leaves_its_artifact() {
    let (file, output) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    let request = ChildRequest::Import {
        path: file.path().to_owned(),
        given: Box::default(),
        output: output.path().to_owned(),
        limits: LIMITS,
    };
    std::fs::write(file.path(), crate::imports::line()).unwrap();
    let (messages, _) = ask(&request);
    let [ChildMessage::Imported(imported)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let artifact = std::fs::read(output.path()).unwrap();
    assert_eq!(imported.sha256, hex::encode(Sha256::digest(&artifact)));
    assert_eq!(imported.bytes, artifact.len() as u64);
    let artifact = model::decode(&artifact).unwrap();
    assert_eq!(artifact.signature, imported.signature);
    assert_eq!(artifact.params, imported.params);

    std::fs::write(file.path(), "a,b\n1,2\n").unwrap();
    let (messages, _) = ask(&request);
    let [ChildMessage::Refused { errors }] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(errors[0].pointer, "/file");
}
