use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::record_batch::RecordBatch;
use domain::datasets::ColumnType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::{Cell, CellSink, Header, MAX_CELL_BYTES, MAX_COLUMNS, Thin, check_names};
use crate::DataError;
use crate::error::shorten;

/// Few rows at a time, since each value of them may be large.
const BATCH_ROWS: usize = 1024;

type Builder = ParquetRecordBatchReaderBuilder<File>;

pub(super) fn header(path: &Path) -> Result<Header, DataError> {
    read_header(&open(path)?)
}

pub(super) fn scan<S: CellSink>(
    path: &Path,
    columns: &[usize],
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    scan_batches(Batches::open(path, columns)?, sink, progress)
}

pub(super) fn scan_some<S: CellSink>(
    path: &Path,
    columns: &[usize],
    thin: Thin,
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    scan_batches(
        Batches::open_some(path, columns, Some(thin))?,
        sink,
        progress,
    )
}

fn scan_batches<S: CellSink>(
    mut batches: Batches,
    sink: &mut S,
    progress: &mut dyn FnMut(f64),
) -> Result<u64, DataError> {
    let mut rows = 0;
    while let Some(batch) = batches.next_batch()? {
        for (position, array) in batch.columns().iter().enumerate() {
            let mut emit =
                |row: usize, cell: Cell<'_>| sink.cell(position, rows + row as u64, cell);
            cells(array, &mut emit).map_err(|(row, error)| {
                error
                    .row(rows + row as u64 + 1)
                    .column(batches.schema.field(position).name())
            })?;
        }
        rows = batches.rows;
        progress((rows as f64 / batches.total).min(1.0));
    }
    Ok(rows)
}

/// The file's own batches.
pub(super) struct Batches {
    schema: SchemaRef,
    /// Handed out so far.
    rows: u64,
    /// In the file; at least 1.
    total: f64,
    reader: ParquetRecordBatchReader,
    path: PathBuf,
    /// Places in the file.
    columns: Vec<usize>,
    selection: Option<RowSelection>,
}

impl Batches {
    pub(super) fn open(path: &Path, columns: &[usize]) -> Result<Self, DataError> {
        Self::open_some(path, columns, None)
    }

    fn open_some(path: &Path, columns: &[usize], thin: Option<Thin>) -> Result<Self, DataError> {
        let mut builder = open(path)?;
        let header = read_header(&builder)?;
        let fields = builder.schema().fields();
        let fields: Vec<Field> = columns
            .iter()
            .map(|&column| {
                Field::new(
                    &header.names[column],
                    fields[column].data_type().clone(),
                    true,
                )
            })
            .collect();
        let mut total = builder.metadata().file_metadata().num_rows().max(1) as f64;
        let mut chosen = None;
        if let Some(thin) = thin {
            let rows = builder.metadata().file_metadata().num_rows();
            let rows = u64::try_from(rows).unwrap_or_default();
            let selection = selection(thin, rows);
            builder = builder.with_row_selection(selection.clone());
            chosen = Some(selection);
            total = thin.of(rows).max(1) as f64;
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| damaged(0, &error))?;
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            rows: 0,
            total,
            reader,
            path: path.to_owned(),
            columns: columns.to_vec(),
            selection: chosen,
        })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>, DataError> {
        let next = guarded(|| self.reader.next());
        let batch = match next {
            Ok(None) => return Ok(None),
            Ok(Some(batch)) => batch.map_err(|error| self.damaged(&error))?,
            Err(problem) => return Err(self.damaged(&problem)),
        };
        self.rows += batch.num_rows() as u64;
        Ok(Some(batch))
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> DataError {
        let error = damaged(self.rows, error);
        match self.broken() {
            Some(position) => error.column(self.schema.field(position).name()),
            None => error,
        }
    }

    /// The first column whose next rows can not be read: of all columns together nobody says which one it is.
    fn broken(&self) -> Option<usize> {
        let file = File::open(&self.path).ok()?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).ok()?;
        let rows = usize::try_from(self.rows).ok()?;
        let is_broken = |column: usize| {
            let file = file.try_clone().ok()?;
            let mut builder = Builder::new_with_metadata(file, metadata.clone());
            if let Some(selection) = &self.selection {
                builder = builder.with_row_selection(selection.clone());
            }
            let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
            let builder = builder
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .with_offset(rows)
                .with_limit(BATCH_ROWS);
            let read = guarded(|| builder.build()?.collect::<Result<Vec<_>, _>>());
            Some(!matches!(read, Ok(Ok(_))))
        };
        self.columns
            .iter()
            .position(|&column| is_broken(column) == Some(true))
    }
}

fn selection(thin: Thin, rows: u64) -> RowSelection {
    let mut selectors = Vec::new();
    let mut at = 0;
    while at < rows {
        let run = thin.run.min(rows - at);
        selectors.push(RowSelector::select(run as usize));
        at += run;
        let others = (thin.run * (thin.every - 1)).min(rows - at);
        if others > 0 {
            selectors.push(RowSelector::skip(others as usize));
        }
        at += others;
    }
    RowSelection::from(selectors)
}

/// Hands out the values of an array, brought to one of the four types that [`target`] gives.
pub(super) fn cells(
    array: &ArrayRef,
    emit: &mut impl FnMut(usize, Cell<'_>),
) -> Result<(), (usize, DataError)> {
    let Some((_, target)) = target(array.data_type()) else {
        return Err((0, unusable(array.data_type())));
    };
    let array =
        canonical(array, &target).map_err(|error| (0, DataError::new(error.to_string())))?;
    canonical_cells(&array, emit)
}

fn unusable(data_type: &DataType) -> DataError {
    DataError::new(format!(
        "columns of type {} cannot be used: write numbers, booleans, text or dates, one value per row",
        shorten(&data_type.to_string(), 80)
    ))
}

fn open(path: &Path) -> Result<Builder, DataError> {
    let file = File::open(path).map_err(|error| DataError::io(&error))?;
    let size = file
        .metadata()
        .map_err(|error| DataError::io(&error))?
        .len();
    let unreadable = |error: &dyn std::fmt::Display| {
        DataError::new(format!(
            "the file is not Parquet, or is damaged: {}",
            shorten(&error.to_string(), 200)
        ))
    };
    let builder = guarded(|| Builder::try_new(file))
        .map_err(|problem| unreadable(&problem))?
        .map_err(|error| unreadable(&error))?;
    check_places(builder.metadata(), size)?;
    Ok(builder)
}

/// What lies outside of the file can not be read, and the system says no more than that.
fn check_places(metadata: &ParquetMetaData, size: u64) -> Result<(), DataError> {
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    for chunk in chunks {
        let mut places = [
            Some(chunk.data_page_offset()),
            chunk.dictionary_page_offset(),
        ]
        .into_iter()
        .flatten();
        if places.any(|place| !u64::try_from(place).is_ok_and(|place| place < size)) {
            let problem = "the file says that the column lies where the file has ended: it is damaged, write it again";
            return Err(DataError::new(problem).column(&chunk.column_path().string()));
        }
    }
    Ok(())
}

/// The library trusts what a file says of itself, and panics over some lies.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, &'static str> {
    catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| "what it says of itself contradicts what it holds")
}

fn damaged(rows: u64, error: &dyn std::fmt::Display) -> DataError {
    let error = shorten(&error.to_string(), 200);
    DataError::new(format!("the file is damaged here: {error}")).row(rows + 1)
}

fn read_header(builder: &Builder) -> Result<Header, DataError> {
    let fields = builder.schema().fields();
    if fields.is_empty() {
        return Err(DataError::new("the file has no columns"));
    }
    if fields.len() > MAX_COLUMNS {
        return Err(DataError::new(format!(
            "the file has {} columns: at most {MAX_COLUMNS} are taken",
            fields.len()
        )));
    }
    let mut types = Vec::with_capacity(fields.len());
    for field in fields {
        let Some((kind, _)) = target(field.data_type()) else {
            return Err(unusable(field.data_type()).column(field.name()));
        };
        types.push(kind);
    }
    let names = check_names(fields.iter().map(|field| field.name().clone()).collect())?;
    Ok(Header {
        names,
        types: Some(types),
    })
}

/// What a column is, and the type that its values are brought to.
fn target(data_type: &DataType) -> Option<(ColumnType, DataType)> {
    use DataType as D;
    Some(match data_type {
        D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => {
            (ColumnType::Integer, D::Int64)
        }
        D::Float16
        | D::Float32
        | D::Float64
        | D::Decimal32(..)
        | D::Decimal64(..)
        | D::Decimal128(..) => (ColumnType::Float, D::Float64),
        D::Boolean => (ColumnType::Boolean, D::Boolean),
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Null => (ColumnType::String, D::Utf8),
        D::Date32 | D::Date64 | D::Time32(_) | D::Time64(_) | D::Timestamp(..) => {
            (ColumnType::String, D::Utf8)
        }
        D::Dictionary(_, values) if !matches!(**values, D::Dictionary(..)) => {
            return target(values);
        }
        _ => return None,
    })
}

fn canonical(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    // Named time zones need a database of them; the moment does not.
    let array = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => &in_utc(array, *unit),
        _ => array,
    };
    if array.data_type() == target {
        Ok(array.clone())
    } else {
        cast_with_options(array, target, &options)
    }
}

fn in_utc(array: &ArrayRef, unit: TimeUnit) -> ArrayRef {
    const UTC: &str = "+00:00";
    match unit {
        TimeUnit::Second => Arc::new(
            array
                .as_primitive::<TimestampSecondType>()
                .clone()
                .with_timezone(UTC),
        ),
        TimeUnit::Millisecond => Arc::new(
            array
                .as_primitive::<TimestampMillisecondType>()
                .clone()
                .with_timezone(UTC),
        ),
        TimeUnit::Microsecond => Arc::new(
            array
                .as_primitive::<TimestampMicrosecondType>()
                .clone()
                .with_timezone(UTC),
        ),
        TimeUnit::Nanosecond => Arc::new(
            array
                .as_primitive::<TimestampNanosecondType>()
                .clone()
                .with_timezone(UTC),
        ),
    }
}

/// Hands out the values of an array that is of one of the four types already.
fn canonical_cells(
    array: &ArrayRef,
    emit: &mut impl FnMut(usize, Cell<'_>),
) -> Result<(), (usize, DataError)> {
    match array.data_type() {
        DataType::Int64 => {
            for (row, value) in array.as_primitive::<Int64Type>().iter().enumerate() {
                emit(row, value.map_or(Cell::Missing, Cell::Integer));
            }
        }
        DataType::Float64 => {
            for (row, value) in array.as_primitive::<Float64Type>().iter().enumerate() {
                match value {
                    Some(value) if value.is_infinite() => {
                        let error = DataError::new(
                            "infinity is no value to learn from: replace it or leave it empty",
                        );
                        return Err((row, error.value(&value.to_string())));
                    }
                    Some(value) if !value.is_nan() => emit(row, Cell::Float(value)),
                    _ => emit(row, Cell::Missing),
                }
            }
        }
        DataType::Boolean => {
            for (row, value) in array.as_boolean().iter().enumerate() {
                emit(row, value.map_or(Cell::Missing, Cell::Boolean));
            }
        }
        _ => {
            let Some(texts) = array.as_string_opt::<i32>() else {
                return Err((0, unusable(array.data_type())));
            };
            for (row, value) in texts.iter().enumerate() {
                match value {
                    Some(text) if text.len() > MAX_CELL_BYTES => {
                        let problem = format!(
                            "the value is larger than {} MiB: shorten it",
                            MAX_CELL_BYTES >> 20
                        );
                        return Err((row, DataError::new(problem).value(text)));
                    }
                    Some(text) if text.contains('\0') => {
                        return Err((
                            row,
                            DataError::new("the value has a NUL byte: remove it").value(text),
                        ));
                    }
                    Some(text) => emit(row, Cell::Text(text)),
                    None => emit(row, Cell::Missing),
                }
            }
        }
    }
    Ok(())
}
