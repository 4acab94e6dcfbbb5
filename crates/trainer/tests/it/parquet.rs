use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use domain::datasets::{ColumnType, DataFormat};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{TestFile, california_housing, column, spec};

fn written(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(1000))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn file(columns: Vec<(&str, ArrayRef)>) -> TestFile {
    TestFile::new(DataFormat::Parquet, &written(columns, Compression::SNAPPY))
}

pub(crate) fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

#[test]
fn every_usual_type_is_read() {
    let day = 19_358;
    let micros = i64::from(day) * 86_400_000_000 + 3_600_000_000;
    let file = file(vec![
        (
            "tiny",
            array(Int8Array::from(vec![Some(1), None, Some(-3)])),
        ),
        ("large", array(Int64Array::from(vec![1_i64 << 60, 0, -5]))),
        ("unsigned", array(UInt64Array::from(vec![1_u64, 2, 3]))),
        ("float", array(Float64Array::from(vec![1.5, f64::NAN, 2.5]))),
        ("half", array(Float32Array::from(vec![0.5, 0.25, -0.125]))),
        (
            "decimal",
            array(
                Decimal128Array::from(vec![12_345, -50, 0])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        (
            "flag",
            array(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "text",
            array(StringArray::from(vec![Some("a"), Some("NA"), None])),
        ),
        (
            "kind",
            array(
                ["x", "y", "x"]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
        ("day", array(Date32Array::from(vec![day, day + 1, day]))),
        (
            "moment",
            array(TimestampMicrosecondArray::from(vec![micros; 3]).with_timezone("Europe/Zurich")),
        ),
    ]);
    let profile = file.profile().unwrap();
    let kinds: Vec<_> = profile
        .columns
        .iter()
        .map(|column| column.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "integer", "integer", "integer", "float", "float", "float", "boolean", "string",
            "string", "string", "string"
        ]
    );
    assert_eq!(profile.rows, 3);
    let row: Vec<_> = profile.preview[1].iter().map(Option::as_deref).collect();
    assert_eq!(
        row[..7],
        [
            None,
            Some("0"),
            Some("2"),
            None,
            Some("0.25"),
            Some("-0.5"),
            Some("false")
        ]
    );
    // In Parquet a gap is a gap: the word is a word.
    assert_eq!(row[7..10], [Some("NA"), Some("y"), Some("2023-01-02")]);
    assert!(
        row[10].unwrap().starts_with("2023-01-01T01:00:00"),
        "{row:?}"
    );
    assert_eq!(column(&profile, "decimal").max, Some(123.45));
    assert_eq!(column(&profile, "float").missing, 1);
}

#[test]
fn a_parquet_table_trains_as_the_same_csv_does() {
    let csv = california_housing();
    let lines = std::fs::read_to_string(csv.path()).unwrap();
    let mut rows: Vec<Vec<&str>> = lines
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let names = rows.remove(0);
    let columns = names
        .iter()
        .enumerate()
        .map(|(index, &name)| {
            let values = rows.iter().map(|row| row[index]);
            let column: ArrayRef = if name == "ocean_proximity" {
                Arc::new(values.map(Some).collect::<StringArray>())
            } else {
                Arc::new(
                    values
                        .map(|value| value.parse::<f64>().ok())
                        .collect::<Float64Array>(),
                )
            };
            (name, column)
        })
        .collect();
    let parquet = TestFile::new(
        DataFormat::Parquet,
        &written(columns, Compression::ZSTD(ZstdLevel::default())),
    );
    let spec = spec("median_house_value");
    assert_eq!(parquet.train(&spec).unwrap(), csv.train(&spec).unwrap());
    assert_eq!(
        parquet.profile().unwrap().columns,
        csv.profile().unwrap().columns
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let list =
        ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), Some(2)])]);
    let error = file(vec![
        ("a", array(Int64Array::from(vec![1]))),
        ("tags", array(list)),
    ])
    .profile()
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("column \"tags\": columns of type List"),
        "{error}"
    );

    let infinite = Float64Array::from(vec![1.0, f64::INFINITY]);
    let error = file(vec![("a", array(infinite))]).profile().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("row 2, column \"a\", value \"inf\""),
        "{error}"
    );

    let huge = UInt64Array::from(vec![1, u64::MAX]);
    let error = file(vec![("a", array(huge))]).profile().unwrap_err();
    assert_eq!(error.column.as_deref(), Some("a"));

    let long = StringArray::from(vec!["x".repeat((1 << 20) + 1)]);
    let error = file(vec![("a", array(long))]).profile().unwrap_err();
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");

    let empty = file(vec![("a", array(Int64Array::from(Vec::<i64>::new())))])
        .profile()
        .unwrap_err();
    assert!(empty.to_string().contains("no rows"), "{empty}");
}

/// Cut short or with a byte changed: an error, a panic that the child turns into one, or (where the byte was of no
/// importance) a table. Never a wrong number of rows.
#[test]
fn damaged_files_end_in_errors() {
    let numbers = Int64Array::from_iter_values(0..5_000);
    let texts: StringArray = (0..5_000)
        .map(|index| Some(format!("t{}", index % 90)))
        .collect();
    let bytes = written(
        vec![("n", array(numbers)), ("t", array(texts))],
        Compression::SNAPPY,
    );
    std::panic::set_hook(Box::new(|_| {}));
    for index in 0..64 {
        let cut = bytes.len() * index / 64;
        let file = TestFile::new(DataFormat::Parquet, &bytes[..cut]);
        assert!(
            !matches!(std::panic::catch_unwind(|| file.profile()), Ok(Ok(_))),
            "cut to {cut} bytes"
        );
    }
    for index in 0..64 {
        let mut changed = bytes.clone();
        let place = (bytes.len() - 1) * index / 63;
        changed[place] ^= 0x55;
        let file = TestFile::new(DataFormat::Parquet, &changed);
        if let Ok(Ok(profile)) = std::panic::catch_unwind(|| file.profile()) {
            assert_eq!(profile.rows, 5_000, "byte {place}");
            assert_eq!(profile.columns[0].kind, ColumnType::Integer);
        }
    }
    drop(std::panic::take_hook());
}
