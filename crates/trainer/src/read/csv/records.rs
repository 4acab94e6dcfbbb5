use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::quotes::Quotes;
use super::too_large;
use crate::DataError;
use crate::read::{MAX_CELL_BYTES, MAX_COLUMNS, MAX_ROW_BYTES};

const BUFFER_BYTES: usize = 256 << 10;

/// The records of a CSV file, one at a time, in buffers that are used again.
pub(super) struct Records {
    file: File,
    size: u64,
    read: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    core: Reader,
    quotes: Quotes,
    /// Line breaks between records, which the parser does not see.
    skipped_lines: u64,
    /// The fields of the record, one after the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Records read so far, the header among them.
    count: u64,
    /// The columns, once the header is read: errors name them.
    pub(super) names: Vec<String>,
}

pub(super) struct Record<'a> {
    /// All fields, one after the other.
    pub(super) bytes: &'a [u8],
    ends: &'a [usize],
    /// Where it begins, counted from 1.
    pub(super) line: u64,
}

impl<'a> Record<'a> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(super) fn bounds(&self, index: usize) -> (usize, usize) {
        (
            if index == 0 { 0 } else { self.ends[index - 1] },
            self.ends[index],
        )
    }

    pub(super) fn field(&self, index: usize) -> &'a [u8] {
        let (from, to) = self.bounds(index);
        &self.bytes[from..to]
    }
}

impl Records {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|error| DataError::io(&error))?;
        let size = file
            .metadata()
            .map_err(|error| DataError::io(&error))?
            .len();
        let mut records = Self {
            file,
            size,
            read: 0,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            at_end: false,
            core: Reader::new(),
            quotes: Quotes::new(b','),
            skipped_lines: 0,
            fields: vec![0; 16 << 10],
            ends: vec![0; MAX_COLUMNS + 1],
            count: 0,
            names: Vec::new(),
        };
        records.fill()?;
        let head = &records.buffer[..records.end];
        check_kind(head)?;
        if head.starts_with(b"\xEF\xBB\xBF") {
            records.start = 3;
        }
        let delimiter = delimiter(&records.buffer[records.start..records.end]);
        records.core = ReaderBuilder::new().delimiter(delimiter).build();
        records.quotes = Quotes::new(delimiter);
        Ok(records)
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn fraction(&self) -> f64 {
        if self.size == 0 {
            1.0
        } else {
            (self.read as f64 / self.size as f64).min(1.0)
        }
    }

    /// The next record, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, DataError> {
        if !self.skip_line_breaks()? {
            return Ok(None);
        }
        let line = self.core.line() + self.skipped_lines;
        self.quotes.begin();
        let (mut length, mut count) = (0, 0);
        loop {
            if self.start == self.end && !self.at_end {
                self.fill()?;
            }
            // At the end of the file a line break closes the last record, unless a quote is still open.
            let input = if self.start == self.end {
                b"\n"
            } else {
                &self.buffer[self.start..self.end]
            };
            let last = self.start == self.end;
            let (result, taken, written, ended) =
                self.core
                    .read_record(input, &mut self.fields[length..], &mut self.ends[count..]);
            if !last {
                let complete = matches!(result, ReadRecordResult::Record);
                let broken = self
                    .quotes
                    .feed(&self.buffer[self.start..self.start + taken], complete);
                self.start += taken;
                if let Some(field) = broken {
                    let problem = "a quoted value with line breaks goes on after its closing quote: close the quote where the \
                        value ends, and double quotes inside it";
                    return Err(self.place(line, field, DataError::new(problem)));
                }
            }
            length += written;
            count += ended;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::InputEmpty if last => {
                    return Err(self.place(
                        line,
                        count,
                        DataError::new("a quoted value is never closed: add the closing quote"),
                    ));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    let field = length - count.checked_sub(1).map_or(0, |index| self.ends[index]);
                    if field > MAX_CELL_BYTES {
                        return Err(self.place(line, count, too_large()));
                    }
                    if length >= MAX_ROW_BYTES {
                        let problem = format!(
                            "the row is larger than {} MiB: shorten its values",
                            MAX_ROW_BYTES >> 20
                        );
                        return Err(self.place(line, count, DataError::new(problem)));
                    }
                    self.fields.resize(self.fields.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let count = self.count_on(count)?;
                    return Err(self.place(line, 0, too_many_columns(count)));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
        if count > MAX_COLUMNS {
            return Err(self.place(line, 0, too_many_columns(Some(count))));
        }
        self.count += 1;
        Ok(Some(Record {
            bytes: &self.fields[..length],
            ends: &self.ends[..count],
            line,
        }))
    }

    /// How many values the record has for which there is no room, of which `count` were read. None where it goes on for longer than
    /// a row may.
    fn count_on(&mut self, mut count: usize) -> Result<Option<usize>, DataError> {
        let until = self.read + MAX_ROW_BYTES as u64;
        while self.read <= until {
            if self.start == self.end && !self.at_end {
                self.fill()?;
            }
            let last = self.start == self.end;
            let input = if last {
                b"\n"
            } else {
                &self.buffer[self.start..self.end]
            };
            let (result, taken, _, ended) =
                self.core
                    .read_record(input, &mut self.fields, &mut self.ends);
            count += ended;
            if !last {
                self.start += taken;
            }
            match result {
                ReadRecordResult::Record => return Ok(Some(count)),
                ReadRecordResult::InputEmpty if last => return Ok(None),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty
                | ReadRecordResult::OutputFull
                | ReadRecordResult::OutputEndsFull => {}
            }
        }
        Ok(None)
    }

    /// The record that is being read is the header when none was read before it.
    fn place(&self, line: u64, field: usize, error: DataError) -> DataError {
        let error = error.line(line);
        let error = if self.count == 0 {
            error
        } else {
            error.row(self.count)
        };
        match self.names.get(field) {
            Some(name) => error.column(name),
            None => error,
        }
    }

    /// Moves to the next record's first byte, past empty lines. False at the end of the file.
    fn skip_line_breaks(&mut self) -> Result<bool, DataError> {
        loop {
            while self.start < self.end {
                match self.buffer[self.start] {
                    b'\n' => self.skipped_lines += 1,
                    b'\r' => {}
                    _ => return Ok(true),
                }
                self.start += 1;
            }
            if self.at_end {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), DataError> {
        self.start = 0;
        self.end = 0;
        while self.end < self.buffer.len() {
            let count = match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(DataError::io(&error)),
            };
            self.end += count;
            self.read += count as u64;
        }
        Ok(())
    }
}

fn too_many_columns(count: Option<usize>) -> DataError {
    let count = match count {
        Some(count) => count.to_string(),
        None => format!("more than {MAX_COLUMNS}"),
    };
    DataError::new(format!(
        "the row has {count} values: at most {MAX_COLUMNS} columns are taken"
    ))
}

/// Says what a file is that is no CSV file.
fn check_kind(head: &[u8]) -> Result<(), DataError> {
    let kind = match head {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "the file is UTF-16: save it as UTF-8",
        [b'P', b'K', 3, 4, ..] => "the file is a ZIP archive or an Excel workbook: save it as CSV",
        [0x1F, 0x8B, ..] => "the file is compressed with gzip: decompress it first",
        [0x28, 0xB5, 0x2F, 0xFD, ..] => {
            "the file is compressed with Zstandard: decompress it first"
        }
        [b'P', b'A', b'R', b'1', ..] => {
            "the file is Parquet: name it .parquet or send it as application/vnd.apache.parquet"
        }
        _ => return Ok(()),
    };
    Err(DataError::new(kind))
}

/// A comma, unless the first line has none and has one of the other usual delimiters.
fn delimiter(head: &[u8]) -> u8 {
    const OTHERS: [u8; 3] = [b';', b'\t', b'|'];
    let mut counts = [0_usize; 3];
    let mut quoted = false;
    for &byte in head {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\n' | b'\r' => break,
            b',' => return b',',
            _ => {
                if let Some(index) = OTHERS.iter().position(|&other| other == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let best = (0..OTHERS.len()).max_by_key(|&index| (counts[index], OTHERS.len() - index));
    best.filter(|&index| counts[index] > 0)
        .map_or(b',', |index| OTHERS[index])
}
