//! A table that is too large to be held in memory: some of its rows are, spread evenly, and whoever learns from all of them reads the
//! file again, as often as it takes. What columns are like is learned from the rows in memory.
//!
//! Only tables of numbers in Parquet, and only for what goes by sums over the rows.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use domain::datasets::DataFormat;
use domain::training_runs::{Named, RunError, SplitMethod, TrainingSpec};
use ndarray::Array2;

use crate::DataError;
use crate::failure::{failure, out_of_memory, unreadable};
use crate::features::{Encoding, Numeric};
use crate::fit::Rows;
use crate::profile::mix;
use crate::read::{self, Batches, Cell, Number, Thin, parse_number};
use crate::table::Thinned;

/// Values that are held in memory at most, where it can be helped.
const MOST_VALUES: u64 = 16 << 20;
/// Of the memory that a run may take, what these may.
const PART: u64 = 8;
/// Of a table that is not held, the rows that are have so many times fewer values.
const HELD: u64 = 4;
/// Rows that stand together in the file and are held together.
const RUN: u64 = 256;
/// What learns from blocks of rows at the same time. The sums depend on it: it is the same on every machine.
const WORKERS: usize = 2;
/// Blocks that wait for a worker.
const WAITING: usize = 4;

/// What is read again and again.
pub(crate) struct Stream {
    path: PathBuf,
    /// Places in the file, ascending.
    columns: Vec<usize>,
    names: Vec<String>,
    /// Place among the columns.
    target: usize,
    /// Of a classification, what its target is in the file.
    classes: Option<Vec<Class>>,
    thin: Thin,
    seed: u64,
    /// Of the rows that are not held, those that are not learned from either, as the split asks for.
    share: f64,
    /// All rows of the file.
    pub(crate) rows: u64,
}

/// A class as a file has it.
struct Class {
    name: String,
    number: Option<f64>,
}

/// Rows that are learned from.
pub(crate) struct Block {
    /// A row of this for each encoded column.
    pub(crate) values: Array2<f64>,
    /// Of each row; of a classification the place of its class.
    pub(crate) target: Vec<f64>,
}

/// How a table of so many rows and columns is to be thinned out, if it is one that can be read again and again.
pub(crate) fn thinned(
    spec: &TrainingSpec,
    format: DataFormat,
    rows: u64,
    columns: usize,
    are_numbers: bool,
) -> Option<Thin> {
    let can_stream = matches!(
        spec.algorithm.as_named(),
        Some(
            Named::LinearRegression
                | Named::Ridge
                | Named::Lasso
                | Named::ElasticNet
                | Named::Poisson
                | Named::Gamma
                | Named::Tweedie
                | Named::LogisticRegression
        )
    );
    let is_plain = are_numbers
        && format == DataFormat::Parquet
        && spec.preprocessing.is_empty()
        && spec.split.folds.is_none()
        && !spec.split.method.is_some_and(SplitMethod::has_column);
    let values = rows.saturating_mul(columns as u64);
    let memory = u64::from(spec.budget.memory_mb) << 20;
    let most = (memory / PART / size_of::<f64>() as u64).min(MOST_VALUES);
    if !can_stream || !is_plain || values <= most {
        return None;
    }
    let every = values.div_ceil(most / HELD);
    Some(Thin { run: RUN, every })
}

impl Stream {
    /// None when the classes are more than two.
    pub(crate) fn new(
        path: &Path,
        spec: &TrainingSpec,
        thinned: &Thinned,
        classes: Option<&[String]>,
    ) -> Option<Self> {
        let Thinned {
            columns,
            names,
            thin,
            rows,
        } = thinned;
        if classes.is_some_and(|classes| classes.len() != 2) {
            return None;
        }
        let target = names.iter().position(|name| *name == spec.target)?;
        let class = |name: &String| Class {
            name: name.clone(),
            number: parse_number(name).map(Number::as_f64),
        };
        Some(Self {
            path: path.to_owned(),
            target,
            columns: columns.clone(),
            names: names.clone(),
            classes: classes.map(|classes| classes.iter().map(class).collect()),
            thin: *thin,
            seed: spec.split.seed,
            share: spec.split.test_fraction,
            rows: *rows,
        })
    }

    /// Hands out all rows that are learned from, block by block in their order.
    ///
    /// # Errors
    /// What is wrong with the file, what `take` says, and that the time is over.
    fn each(
        &self,
        rows: &Rows<'_>,
        take: &mut dyn FnMut(Block) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let sources = self.sources(rows)?;
        let mut is_learned = vec![false; self.thin.of(self.rows) as usize + RUN as usize];
        for &row in rows.train {
            is_learned[row as usize] = true;
        }
        let mut batches = Batches::open(&self.path, DataFormat::Parquet, &self.columns, &[])
            .map_err(|error| unreadable(&error))?;
        let mut begin = 0_u64;
        let mut target = Vec::new();
        let mut numbers = Vec::new();
        while let Some(batch) = batches.next_batch().map_err(|error| unreadable(&error))? {
            if rows.until.is_some_and(|until| Instant::now() > until) {
                return Err(failure(
                    "out_of_time",
                    "there was no time to fit it",
                    "Raise budget.seconds, or choose fewer features.",
                ));
            }
            let broken = |column: usize| {
                let name = &self.names[column];
                move |(row, error): (usize, DataError)| {
                    unreadable(&error.row(begin + row as u64 + 1).column(name))
                }
            };
            target.clear();
            let mut unknown = None;
            read::cells(batch.column(self.target), &mut |row, cell| {
                let value = self.value(cell).unwrap_or_else(|| {
                    unknown.get_or_insert(row);
                    f64::NAN
                });
                target.push(value);
            })
            .map_err(broken(self.target))?;
            if let Some(row) = unknown {
                return Err(failure(
                    "invalid_target",
                    format!(
                        "row {} has a class that the rows which were looked at first do not have",
                        begin + row as u64 + 1
                    ),
                    "Leave such rows out, or add more of them, and upload a new version.",
                ));
            }
            let kept: Vec<usize> = (0..target.len())
                .filter(|&row| {
                    let is_learned = match self.thin.place(begin + row as u64) {
                        Some(place) => is_learned[place as usize],
                        None => !self.is_left_out(begin + row as u64),
                    };
                    is_learned && !target[row].is_nan()
                })
                .collect();
            let mut values = Array2::zeros((sources.len(), kept.len()));
            for ((column, numeric), mut out) in sources.iter().zip(values.rows_mut()) {
                numbers.clear();
                read::cells(batch.column(*column), &mut |_, cell| {
                    numbers.push(cell.number().map_or(f64::NAN, Number::as_f64));
                })
                .map_err(broken(*column))?;
                for (out, &row) in out.iter_mut().zip(&kept) {
                    *out = numeric.encode(numbers[row]);
                }
            }
            begin += target.len() as u64;
            if !kept.is_empty() {
                take(Block {
                    values,
                    target: kept.iter().map(|&row| target[row]).collect(),
                })?;
            }
        }
        Ok(())
    }

    /// Of each encoded column, the place of its own among those of the file, and what is done with it.
    fn sources(&self, rows: &Rows<'_>) -> Result<Vec<(usize, Numeric)>, RunError> {
        let features = rows.features.features.iter();
        let sources: Option<Vec<(usize, Numeric)>> = features
            .map(|feature| match &feature.encoding {
                Encoding::Numeric(numeric) => {
                    let name = &feature.column.name;
                    let place = self.names.iter().position(|other| other == name)?;
                    Some((place, *numeric))
                }
                Encoding::Categorical(_) => None,
            })
            .collect();
        sources.ok_or_else(|| {
            failure(
                "internal",
                "a column that is read again and again is not of numbers",
                "Raise budget.memory_mb, or leave the column out.",
            )
        })
    }

    /// NaN where there is none; None for a class that is not among those that are known.
    fn value(&self, cell: Cell<'_>) -> Option<f64> {
        let number = cell.number().map(Number::as_f64);
        let Some(classes) = &self.classes else {
            return Some(number.unwrap_or(f64::NAN));
        };
        let text = match cell {
            Cell::Missing => return Some(f64::NAN),
            Cell::Raw(text) | Cell::Text(text) => Some(text),
            _ => cell
                .boolean()
                .map(|truth| if truth { "true" } else { "false" }),
        };
        let place = classes.iter().position(|class| match (number, text) {
            (Some(number), _) => class.number == Some(number),
            (None, Some(text)) => class.name == text,
            (None, None) => false,
        });
        place.map(|place| place as f64)
    }

    /// How many rows are learned from, of which so many are held.
    pub(crate) fn learned(&self, held: usize) -> usize {
        let is_learned = |row: &u64| self.thin.place(*row).is_none() && !self.is_left_out(*row);
        held + (0..self.rows).filter(is_learned).count()
    }

    /// Of rows that are held, where they stand in the file.
    pub(crate) fn in_file(&self, rows: &[u32]) -> Vec<u32> {
        let rows = rows.iter().map(|&row| self.thin.row(row.into()));
        // A table has no more rows than that.
        rows.map(|row| row as u32).collect()
    }

    fn is_left_out(&self, row: u64) -> bool {
        /// Of the bits that a 64-bit float can tell apart.
        const PARTS: f64 = 9_007_199_254_740_992.0;
        let drawn = mix(mix(self.seed) ^ row) >> 11;
        (drawn as f64) < self.share * PARTS
    }

    /// What workers make of the blocks, each of every second one in their order. `work` gets the blocks of one worker.
    ///
    /// # Errors
    /// As [`Self::each`], and when there is no memory for a thread.
    pub(crate) fn reduce<T: Send>(
        &self,
        rows: &Rows<'_>,
        work: impl Fn(Receiver<Block>) -> T + Sync,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Vec<T>, RunError> {
        std::thread::scope(|scope| {
            let mut senders: Vec<SyncSender<Block>> = Vec::with_capacity(WORKERS);
            let mut workers = Vec::with_capacity(WORKERS);
            for _ in 0..WORKERS {
                let (sender, receiver) = sync_channel(WAITING);
                let work = &work;
                let worker = std::thread::Builder::new()
                    .name("rows".to_owned())
                    .spawn_scoped(scope, move || work(receiver))
                    .map_err(|_| out_of_memory("another thread"))?;
                senders.push(sender);
                workers.push(worker);
            }
            let (mut number, mut seen) = (0, 0.0);
            let read = self.each(rows, &mut |block| {
                seen += block.target.len() as f64;
                progress((seen / self.rows as f64).min(1.0));
                let sent = senders[number % WORKERS].send(block);
                number += 1;
                sent.map_err(|_| broken())
            });
            drop(senders);
            let mut done = Vec::with_capacity(WORKERS);
            for worker in workers {
                done.push(worker.join().map_err(|_| broken())?);
            }
            read.map(|()| done)
        })
    }
}

fn broken() -> RunError {
    failure(
        "internal",
        "learning from the rows failed",
        "Choose another algorithm, and report the bug with the table if you can.",
    )
}
