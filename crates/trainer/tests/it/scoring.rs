//! Tables that are scored, and what becomes of rows that the model refuses.

use std::io::Write as _;
use std::path::Path;

use arrow::array::{Date32Array, DictionaryArray, Float64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int32Type};
use domain::datasets::{ColumnType, DataFormat};
use domain::models::InputField;
use domain::training_runs::RunError;
use model::{Artifact, Predictor, Transform};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;
use trainer::read::{self, Cell, CellSink};
use trainer::{ScoreSpec, ScoredTable, score};

use crate::{TestFile, california_housing, csv, spec};

/// Values column by column, as a request would carry them.
#[derive(Default)]
struct Columns(Vec<Vec<Value>>);

impl CellSink for Columns {
    fn cell(&mut self, position: usize, _row: u64, cell: Cell<'_>) {
        if self.0.len() <= position {
            self.0.resize(position + 1, Vec::new());
        }
        self.0[position].push(match cell {
            Cell::Missing => Value::Null,
            Cell::Integer(whole) => whole.into(),
            Cell::Float(float) => float.into(),
            Cell::Boolean(value) => value.into(),
            Cell::Text(text) | Cell::Raw(text) => text.into(),
        });
    }
}

fn columns(path: &Path) -> (Vec<String>, Vec<Vec<Value>>) {
    let names = read::header(path, DataFormat::Parquet).unwrap().names;
    let all: Vec<usize> = (0..names.len()).collect();
    let mut columns = Columns::default();
    read::scan(path, DataFormat::Parquet, &all, &mut columns, &mut |_| {}).unwrap();
    (names, columns.0)
}

/// Everything kept, under the usual names.
fn all_of(file: &TestFile) -> ScoreSpec {
    let profile = file.profile().unwrap();
    ScoreSpec {
        types: profile.columns.iter().map(|column| column.kind).collect(),
        rows: profile.rows,
        keep: profile
            .columns
            .into_iter()
            .map(|column| column.name)
            .collect(),
        prediction_column: "prediction".to_owned(),
        error_column: "prediction_error".to_owned(),
        max_bytes: 1 << 30,
    }
}

fn scored(
    file: &TestFile,
    spec: &ScoreSpec,
    artifact: &[u8],
) -> (NamedTempFile, Result<ScoredTable, RunError>) {
    let (mut model, output) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    model.write_all(artifact).unwrap();
    let mut told = 0;
    let result = score(
        &file.path(),
        file.format,
        spec,
        model.path(),
        output.path(),
        &mut |rows, _| {
            assert!(rows > told && rows <= spec.rows);
            told = rows;
        },
    );
    (output, result)
}

fn input(name: &str, kind: ColumnType, nullable: bool) -> (InputField, Transform) {
    let field = InputField {
        name: name.to_owned(),
        kind,
        nullable,
        categories: None,
        min: None,
        max: None,
        format: None,
        impute: None,
        unseen: None,
        transform: None,
        example: None,
    };
    let transform = Transform::Numeric {
        impute: 5.0,
        mean: 0.0,
        std: 1.0,
        coefficient: 2.0,
    };
    (field, transform)
}

/// `2 rooms + 2 area`; a missing area is 5.
fn model() -> Vec<u8> {
    let inputs = vec![
        input("rooms", ColumnType::Integer, false),
        input("area", ColumnType::Float, true),
    ];
    model::encode(&Artifact::linear("price", 0.0, inputs)).unwrap()
}

#[test]
fn every_row_gets_the_prediction_that_a_request_would() {
    let file = california_housing();
    let artifact = file.train(&spec("median_house_value")).unwrap().artifact;
    let spec = all_of(&file);
    let (output, result) = scored(&file, &spec, &artifact);
    let result = result.unwrap();
    assert_eq!(
        (result.rows, result.rows_failed, result.refusals.len()),
        (20_640, 0, 0)
    );
    assert_eq!(
        result.bytes,
        std::fs::metadata(output.path()).unwrap().len()
    );

    let predictor = Predictor::new(&model::decode(&artifact).unwrap());
    let (names, columns) = columns(output.path());
    assert_eq!(names[..spec.keep.len()], spec.keep);
    assert_eq!(names[spec.keep.len()..], ["prediction", "prediction_error"]);
    let place = |name: &str| names.iter().position(|other| other == name).unwrap();
    assert_eq!(columns[place("prediction")].len(), 20_640);
    for (row, found) in columns[place("prediction")].iter().enumerate() {
        let mut request = Map::new();
        for input in &predictor.signature().inputs {
            request.insert(input.name.clone(), columns[place(&input.name)][row].clone());
        }
        let values = model::check_row(&predictor, None, &request).unwrap();
        let asked = predictor.number(&values).unwrap();
        let found = found.as_f64().unwrap();
        assert_eq!(asked.to_bits(), found.to_bits(), "row {row}");
    }
    let types: Vec<ColumnType> =
        TestFile::new(DataFormat::Parquet, &std::fs::read(output.path()).unwrap())
            .profile()
            .unwrap()
            .columns
            .iter()
            .map(|column| column.kind)
            .collect();
    assert_eq!(types[..spec.types.len()], spec.types);
}

#[test]
fn a_row_that_the_model_refuses_fails_alone() {
    let rows = ["1,10,a", "2.5,10,b", ",10,c", "3,,d", "4.0,1e308,e"];
    let file = csv("rooms,area,note", rows.map(str::to_owned));
    let (output, result) = scored(&file, &all_of(&file), &model());
    let result = result.unwrap();
    assert_eq!((result.rows, result.rows_failed), (5, 3));
    let told: Vec<_> = result
        .refusals
        .iter()
        .map(|refusal| (refusal.row, refusal.column.as_deref()))
        .collect();
    assert_eq!(told, [(2, Some("rooms")), (3, Some("rooms")), (5, None)]);
    assert_eq!(
        result.refusals[0].reason,
        "expected a whole number, got 2.5"
    );
    assert_eq!(
        result.refusals[1].reason,
        "expected a whole number, got no value"
    );

    let (_, columns) = columns(output.path());
    assert_eq!(columns[2], ["a", "b", "c", "d", "e"].map(Value::from));
    assert_eq!(
        columns[3],
        [
            json!(22.0),
            json!(null),
            json!(null),
            json!(16.0),
            json!(null)
        ]
    );
    let reasons = &columns[4];
    assert_eq!(reasons[1], json!("rooms: expected a whole number, got 2.5"));
    assert_eq!((&reasons[0], &reasons[3]), (&Value::Null, &Value::Null));
    assert!(reasons[4].as_str().unwrap().contains("not a finite number"));
}

#[test]
fn columns_go_along_as_asked_and_keep_their_types() {
    let moments =
        TimestampMicrosecondArray::from(vec![1_000_000, 2_000_000]).with_timezone("Europe/Zurich");
    let file = crate::parquet::file(vec![
        ("day", crate::parquet::array(Date32Array::from(vec![1, 2]))),
        (
            "area",
            crate::parquet::array(Float64Array::from(vec![Some(1.5), None])),
        ),
        ("moment", crate::parquet::array(moments)),
        (
            "rooms",
            crate::parquet::array(Float64Array::from(vec![1.0, 2.0])),
        ),
        (
            "kind",
            crate::parquet::array(
                ["x", "y"]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
    ]);
    let mut spec = all_of(&file);
    spec.keep = ["moment", "kind", "day"].map(str::to_owned).to_vec();
    spec.prediction_column = "price".to_owned();
    let (output, result) = scored(&file, &spec, &model());
    assert_eq!(result.unwrap().rows_failed, 0);

    let reader = ParquetRecordBatchReaderBuilder::try_new(output.reopen().unwrap()).unwrap();
    let found: Vec<(&str, &DataType)> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), field.data_type()))
        .collect();
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["moment", "kind", "day", "price", "prediction_error"]
    );
    assert!(
        matches!(found[0].1, DataType::Timestamp(_, Some(zone)) if &**zone == "Europe/Zurich"),
        "{found:?}"
    );
    assert!(matches!(found[1].1, DataType::Dictionary(..)), "{found:?}");
    assert_eq!(found[2].1, &DataType::Date32);

    let (_, columns) = columns(output.path());
    assert_eq!(columns[1], ["x", "y"].map(Value::from));
    assert_eq!(columns[3], [json!(5.0), json!(14.0)]);
}

#[test]
fn what_can_not_be_scored_says_why_and_what_to_do() {
    let file = csv("rooms,area", (0..5000).map(|row| format!("{row},{row}.5")));
    let small = ScoreSpec {
        max_bytes: 1000,
        ..all_of(&file)
    };
    let other = csv("rooms,space", (0..20).map(|row| format!("{row},1")));
    for (file, spec, artifact, code) in [
        (&file, small, model(), "too_large"),
        (&other, all_of(&other), model(), "unreadable_data"),
        (
            &file,
            all_of(&file),
            b"no model".to_vec(),
            "unreadable_model",
        ),
    ] {
        let error = scored(file, &spec, &artifact).1.unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(!error.message.is_empty() && !error.fix.is_empty());
    }
}
