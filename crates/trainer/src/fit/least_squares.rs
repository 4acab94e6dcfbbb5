//! What the algorithms share that fit a weighted sum of the encoded columns.

use std::time::Instant;

use domain::training_runs::RunError;

use super::{Reduction, Rows, Told};
use crate::failure::{failure, out_of_memory};
use crate::stream::Stream;

/// The training rows reduced to a triangle that has the same least squares. Its columns: 1, then the encoded ones, then
/// the target. The encoded columns and the target are standardised, thus in comparable units.
pub(super) struct Triangle {
    /// Encoded columns.
    pub(super) columns: usize,
    /// Row by row.
    pub(super) values: Vec<f64>,
    /// How many rows it was made of.
    pub(super) rows: usize,
}

/// From so many rows on they are gone through by two threads. The digits depend on it: it is the same on every machine.
const PARTED: usize = 20_000;

impl Triangle {
    /// # Errors
    /// When there is no memory for it, or no time.
    pub(super) fn of(rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Self, RunError> {
        let columns = rows.features.encoded.len();
        let width = (columns + 2) as f64;
        // The triangle with the copies that solvers make, and a block of rows.
        let bytes = 8.0 * (8.0 * width * width + 512.0 * width);
        if bytes > f64::from(rows.memory_mb) * f64::from(1 << 20) / 2.0 {
            return Err(out_of_memory(&format!(
                "least squares of {columns} encoded columns"
            )));
        }
        let (reduction, count) = match rows.stream {
            Some(stream) => streamed(stream, rows, tell)?,
            None => (held(rows, tell)?, rows.train.len()),
        };
        Ok(Self {
            columns,
            values: reduction.finish(),
            rows: count,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.columns + 2
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.width() + column]
    }
}

/// Of the rows in memory.
fn held(rows: &Rows<'_>, tell: &mut dyn FnMut(Told)) -> Result<Reduction, RunError> {
    let (first, second) = if rows.train.len() < PARTED {
        (rows.train, &[][..])
    } else {
        rows.train.split_at(rows.train.len() / 2)
    };
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new()
            .name("rows".to_owned())
            .spawn_scoped(scope, || reduced(rows, second, &mut |_| {}))
            .map_err(|_| out_of_memory("another thread"))?;
        let mut all = reduced(rows, first, tell)?;
        let other = other.join().map_err(|_| overflowed())??;
        if !second.is_empty() {
            all.absorb(other);
        }
        Ok(all)
    })
}

fn reduced(
    rows: &Rows<'_>,
    part: &[u32],
    tell: &mut dyn FnMut(Told),
) -> Result<Reduction, RunError> {
    let columns = rows.features.encoded.len();
    let (mean, std) = rows.scale;
    let mut reduction = Reduction::new(columns + 2);
    let mut encoded = vec![1.0; columns + 2];
    for (done, &row) in part.iter().enumerate() {
        rows.features.encode(row, &mut encoded[1..=columns]);
        encoded[columns + 1] = (rows.target[row as usize] - mean) / std;
        reduction.add(&encoded);
        if done % 16_384 == 0 {
            tell(Told::Progress(done as f64 / part.len() as f64));
        }
        if done % 512 == 0 && rows.until.is_some_and(|until| Instant::now() > until) {
            return Err(failure(
                "out_of_time",
                "there was no time to fit it",
                "Raise budget.seconds, or choose fewer features.",
            ));
        }
    }
    Ok(reduction)
}

/// Of all rows of a file, and how many these are.
fn streamed(
    stream: &Stream,
    rows: &Rows<'_>,
    tell: &mut dyn FnMut(Told),
) -> Result<(Reduction, usize), RunError> {
    let width = rows.features.encoded.len() + 2;
    let (mean, std) = rows.scale;
    let parts = stream.reduce(
        rows,
        |blocks| {
            let mut reduction = Reduction::new(width);
            let mut count = 0;
            for block in blocks {
                let ones = vec![1.0; block.target.len()];
                let target: Vec<f64> = block
                    .target
                    .iter()
                    .map(|value| (value - mean) / std)
                    .collect();
                let values = block.values.as_slice().unwrap_or_default();
                let length = target.len();
                reduction.add_columns(length, |place| match place {
                    0 => &ones,
                    place if place + 1 == width => &target,
                    place => &values[(place - 1) * length..place * length],
                });
                count += length;
            }
            (reduction, count)
        },
        &mut |fraction| tell(Told::Progress(fraction)),
    )?;
    let mut parts = parts.into_iter();
    let (mut all, mut count) = parts.next().ok_or_else(overflowed)?;
    for (part, more) in parts {
        all.absorb(part);
        count += more;
    }
    tell(Told::Info(format!("learned from {count} rows of the file")));
    Ok((all, count))
}

pub(super) fn overflowed() -> RunError {
    failure(
        "internal",
        "the fit overflowed",
        "Look for extreme values in the features and the target, and remove them.",
    )
}

pub(super) fn solver_failed(error: &dyn std::error::Error) -> RunError {
    failure(
        "internal",
        format!("the solver failed: {error}"),
        "Leave out features that say the same.",
    )
}
