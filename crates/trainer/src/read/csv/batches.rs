use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use domain::datasets::ColumnType;

use super::records::Records;
use super::{check, read_header};
use crate::DataError;
use crate::read::{Number, is_missing, parse_boolean, parse_number};

const BATCH_ROWS: usize = 1024;
/// A batch of long rows ends earlier.
const BATCH_BYTES: usize = 8 << 20;

/// The rows of a CSV file as arrays of the types that its columns are known to have.
pub(in crate::read) struct Batches {
    records: Records,
    names: Vec<String>,
    /// Places in the file.
    columns: Vec<usize>,
    types: Vec<ColumnType>,
    schema: SchemaRef,
    /// Read so far.
    rows: u64,
}

impl Batches {
    pub(in crate::read) fn open(
        path: &Path,
        columns: &[usize],
        types: &[ColumnType],
    ) -> Result<Self, DataError> {
        let mut records = Records::open(path)?;
        let names = read_header(&mut records)?;
        records.names.clone_from(&names);
        let fields: Vec<Field> = columns
            .iter()
            .zip(types)
            .map(|(&column, kind)| Field::new(&names[column], arrow_type(*kind), true))
            .collect();
        Ok(Self {
            records,
            names,
            columns: columns.to_vec(),
            types: types.to_vec(),
            schema: Arc::new(Schema::new(fields)),
            rows: 0,
        })
    }

    pub(in crate::read) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(in crate::read) fn next_batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let mut columns: Vec<Column> = self.types.iter().map(|kind| Column::new(*kind)).collect();
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(record) = self.records.next()? else {
                break;
            };
            self.rows += 1;
            let place = |error: DataError| error.row(self.rows).line(record.line);
            let text = check(&record, &self.names).map_err(place)?;
            for (column, &index) in columns.iter_mut().zip(&self.columns) {
                let (from, to) = record.bounds(index);
                let value = text.get(from..to).unwrap_or_default();
                if !column.push(value) {
                    let problem =
                        "the value is of another type than its column: upload the file again";
                    return Err(place(DataError::new(problem))
                        .column(&self.names[index])
                        .value(value));
                }
            }
            rows += 1;
            bytes += text.len();
        }
        if rows == 0 {
            return Ok(None);
        }
        let arrays = columns.into_iter().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map(Some)
            .map_err(|error| DataError::new(error.to_string()))
    }
}

fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::String => DataType::Utf8,
    }
}

enum Column {
    Integers(Int64Builder),
    Floats(Float64Builder),
    Booleans(BooleanBuilder),
    Texts(StringBuilder),
}

impl Column {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Integers(Int64Builder::new()),
            ColumnType::Float => Self::Floats(Float64Builder::new()),
            ColumnType::Boolean => Self::Booleans(BooleanBuilder::new()),
            ColumnType::String => Self::Texts(StringBuilder::new()),
        }
    }

    /// `false`: the text is no value of the column's type.
    fn push(&mut self, text: &str) -> bool {
        if is_missing(text) {
            match self {
                Self::Integers(column) => column.append_null(),
                Self::Floats(column) => column.append_null(),
                Self::Booleans(column) => column.append_null(),
                Self::Texts(column) => column.append_null(),
            }
            return true;
        }
        match self {
            Self::Integers(column) => match parse_number(text) {
                Some(Number::Integer(whole)) => column.append_value(whole),
                _ => return false,
            },
            Self::Floats(column) => match parse_number(text) {
                Some(number) => column.append_value(number.as_f64()),
                None => return false,
            },
            Self::Booleans(column) => match parse_boolean(text) {
                Some(value) => column.append_value(value),
                None => return false,
            },
            Self::Texts(column) => column.append_value(text),
        }
        true
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Integers(mut column) => Arc::new(column.finish()),
            Self::Floats(mut column) => Arc::new(column.finish()),
            Self::Booleans(mut column) => Arc::new(column.finish()),
            Self::Texts(mut column) => Arc::new(column.finish()),
        }
    }
}
