//! The scored table as a Parquet file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use domain::training_runs::RunError;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use crate::error::shorten;
use crate::failure::failure;

/// A row group of more encoded bytes is begun anew: so much of the table is held in memory.
const GROUP_BYTES: usize = 32 << 20;
/// What the encoders of very many columns may hold beside it.
const ENCODER_BYTES: usize = 128 << 20;

pub(super) struct Output {
    writer: ArrowWriter<Hashing>,
    max_bytes: u64,
}

impl Output {
    pub(super) fn open(path: &Path, schema: SchemaRef, max_bytes: u64) -> Result<Self, RunError> {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(|error| unwritten(&error.into(), max_bytes))?;
        let hashing = Hashing {
            file,
            hash: Sha256::new(),
            bytes: 0,
            max_bytes,
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        let writer = ArrowWriter::try_new(hashing, schema, Some(properties))
            .map_err(|error| unwritten(&error, max_bytes))?;
        Ok(Self { writer, max_bytes })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let mut written = self.writer.write(batch);
        if written.is_ok() && self.writer.memory_size() > ENCODER_BYTES {
            written = self.writer.flush();
        }
        written.map_err(|error| unwritten(&error, self.max_bytes))
    }

    /// The file's hash and length, once its bytes are on the disk.
    pub(super) fn finish(mut self) -> Result<(String, u64), RunError> {
        self.writer
            .finish()
            .and_then(|_| {
                let synced = self.writer.inner().file.sync_all();
                synced.map_err(ParquetError::from)
            })
            .map_err(|error| unwritten(&error, self.max_bytes))?;
        let written = self.writer.inner();
        Ok((hex::encode(written.hash.clone().finalize()), written.bytes))
    }
}

/// A file that knows what was written to it, and takes no more than it may.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: u64,
    max_bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // The system would end the process at its own limit, and nobody would know why.
        if self.bytes.saturating_add(buffer.len() as u64) > self.max_bytes {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn unwritten(error: &ParquetError, max_bytes: u64) -> RunError {
    let kind = match error {
        ParquetError::External(source) => source.downcast_ref::<io::Error>().map(io::Error::kind),
        _ => None,
    };
    match kind {
        Some(ErrorKind::FileTooLarge) => failure(
            "too_large",
            format!(
                "the scored table is larger than {max_bytes} bytes, which is this server's limit for a dataset"
            ),
            "Name fewer keep_columns, split the table, or have the limit raised.",
        ),
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => failure(
            "internal",
            "there is no room on the disk for the scored table",
            "Free some space and start the run again.",
        ),
        // Its text could name where the file lies.
        Some(kind) => failure(
            "internal",
            format!("the scored table could not be written: {kind}"),
            "Start the run again.",
        ),
        None => failure(
            "internal",
            format!(
                "the scored table could not be written: {}",
                shorten(&error.to_string(), 200)
            ),
            "Start the run again with fewer keep_columns.",
        ),
    }
}
