//! What a table holds, column by column, over all its rows.

mod counter;
mod histogram;
mod hyperloglog;
mod moments;
mod preview;
mod values;
mod warnings;

use std::path::Path;

use domain::datasets::{ColumnProfile, ColumnType, DataFormat, Profile, TextFormat};
use domain::dates;

pub(crate) use self::counter::mix;
pub(crate) use self::histogram::Histogram;
pub(crate) use self::moments::Moments;
use self::preview::Preview;
use self::values::Values;
pub(crate) use self::warnings::is_id_like;
use crate::DataError;
use crate::error::shorten;
use crate::read::{self, Cell, CellSink, Kinds};

/// Profiles a whole file in two passes and bounded memory: types and moments first, then counts and histograms,
/// which need the types and ranges. `progress` gets fractions from 0 to 1.
///
/// # Errors
/// The first thing in the file that is wrong.
pub fn profile(
    path: &Path,
    format: DataFormat,
    progress: &mut dyn FnMut(f64),
) -> Result<Profile, DataError> {
    let header = read::header(path, format)?;
    let all: Vec<usize> = (0..header.names.len()).collect();

    let mut survey = Survey::new(&header);
    let rows = read::scan(path, format, &all, &mut survey, &mut |fraction| {
        progress(fraction * 0.5);
    })?;
    let Survey {
        columns: surveyed,
        preview,
    } = survey;

    let types: Vec<ColumnType> = surveyed
        .iter()
        .enumerate()
        .map(|(index, column)| {
            header
                .types
                .as_ref()
                .map_or_else(|| column.kinds.column_type(), |types| types[index])
        })
        .collect();
    let mut count = Count::new(&types, &surveyed);
    read::scan(path, format, &all, &mut count, &mut |fraction| {
        progress(0.5 + fraction * 0.5);
    })?;

    let columns = header
        .names
        .into_iter()
        .zip(types)
        .zip(surveyed.into_iter().zip(count.columns))
        .map(|((name, kind), (survey, values))| describe(name, kind, rows, survey, values))
        .collect();
    Ok(Profile {
        rows,
        columns,
        preview: preview.into_rows(),
    })
}

fn describe(
    name: String,
    kind: ColumnType,
    rows: u64,
    survey: SurveyColumn,
    values: Values,
) -> ColumnProfile {
    let present = rows - survey.missing;
    let moments = survey
        .moments
        .filter(|moments| kind.is_numeric() && moments.count() > 0);
    let counted = values.finish();
    let format = survey.format.filter(|_| kind == ColumnType::String);
    let mut profile = ColumnProfile {
        name,
        kind,
        format,
        nullable: survey.missing > 0,
        missing: survey.missing,
        distinct: counted.distinct.min(present),
        min: moments.map(moments::Moments::min),
        max: moments.map(moments::Moments::max),
        mean: moments.map(moments::Moments::mean),
        std: moments.and_then(moments::Moments::std),
        histogram: counted.histogram,
        top_values: counted.top,
        warnings: Vec::new(),
    };
    profile.warnings = warnings::warnings(&profile, rows, survey.kinds, survey.first_text.as_ref());
    profile
}

/// The first pass.
struct Survey {
    columns: Vec<SurveyColumn>,
    preview: Preview,
}

struct SurveyColumn {
    kinds: Kinds,
    missing: u64,
    /// While every value is a number.
    moments: Option<Moments>,
    /// The first value that is neither a number nor a boolean, and its row, counted from 1.
    first_text: Option<(u64, String)>,
    /// What every text so far is.
    format: Option<TextFormat>,
}

impl Survey {
    fn new(header: &read::Header) -> Self {
        let column = || SurveyColumn {
            kinds: Kinds::default(),
            missing: 0,
            moments: Some(Moments::default()),
            first_text: None,
            format: None,
        };
        Self {
            columns: header.names.iter().map(|_| column()).collect(),
            preview: Preview::new(header.names.len()),
        }
    }
}

impl CellSink for Survey {
    #[inline]
    fn cell(&mut self, position: usize, row: u64, cell: Cell<'_>) {
        if row < preview::ROWS {
            self.preview.add(position, cell);
        }
        let column = &mut self.columns[position];
        if cell == Cell::Missing {
            column.missing += 1;
            return;
        }
        let number = cell.number();
        if let (Some(number), Some(moments)) = (number, &mut column.moments) {
            moments.add(number.as_f64());
            column.kinds.add(Some(number), None);
            return;
        }
        let boolean = if number.is_none() {
            cell.boolean()
        } else {
            None
        };
        column.kinds.add(number, boolean);
        if number.is_none() {
            column.moments = None;
            if let Cell::Raw(text) | Cell::Text(text) = cell {
                column.format = match (column.format, column.kinds.present()) {
                    (known @ Some(_), _) => known.and_then(|known| also(known, text)),
                    (None, 1) => also(TextFormat::Date, text),
                    (None, _) => None,
                };
            }
            if let (None, None, Cell::Raw(text) | Cell::Text(text)) =
                (boolean, &column.first_text, cell)
            {
                column.first_text = Some((row + 1, shorten(text, 40)));
            }
        } else {
            column.format = None;
        }
    }
}

/// What a text and those before it are.
fn also(known: TextFormat, text: &str) -> Option<TextFormat> {
    dates::moment(text)?;
    Some(match (known, dates::format(text)) {
        (TextFormat::Date, TextFormat::Date) => TextFormat::Date,
        _ => TextFormat::Timestamp,
    })
}

/// The second pass.
struct Count {
    columns: Vec<Values>,
}

impl Count {
    fn new(types: &[ColumnType], surveyed: &[SurveyColumn]) -> Self {
        let texts = types.iter().filter(|kind| !kind.is_numeric()).count();
        let budget = values::Budget::shared_by(types.len(), texts);
        let columns = types
            .iter()
            .zip(surveyed)
            .map(|(&kind, column)| {
                Values::new(
                    kind,
                    column.moments.filter(|moments| moments.count() > 0),
                    budget,
                )
            })
            .collect();
        Self { columns }
    }
}

impl CellSink for Count {
    #[inline]
    fn cell(&mut self, position: usize, _row: u64, cell: Cell<'_>) {
        if cell != Cell::Missing {
            self.columns[position].add(cell);
        }
    }
}
