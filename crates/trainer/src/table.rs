//! The columns that a run uses, in memory.

mod apart;
mod dates;
mod survey;

use std::collections::HashMap;
use std::path::Path;

use domain::datasets::{ColumnType, DataFormat, TextFormat};
use domain::models::Task;
use domain::training_runs::{Role, RunError, SplitMethod, TrainingSpec};

use crate::failure::{failure, reserve, unreadable};
use crate::read::{self, Cell, CellSink, Kinds, Number, Thin};
use crate::stream;
use apart::LoadApart;
use dates::LoadDates;
use survey::{KindSurvey, check_target};

pub(crate) use apart::Apart;

/// The code of a missing value.
pub(crate) const MISSING: u32 = u32::MAX;

/// The code of a text that is too long for a category, or came when there were too many already.
pub(crate) const UNNAMED: u32 = u32::MAX - 1;

/// More different texts in one column are not told apart.
const MAX_CODES: usize = 100_000;
const MAX_CODE_BYTES: usize = 16 << 20;
const MAX_CODE_LENGTH: usize = 400;

pub(crate) struct Table {
    pub(crate) target: Column,
    pub(crate) features: Vec<Column>,
    pub(crate) rows: usize,
    /// What a split that goes by a column goes by.
    pub(crate) apart: Option<Apart>,
    /// Of a table that is too large to be held, what there is beside the rows that are.
    pub(crate) thinned: Option<Thinned>,
}

/// A table of which some rows were read.
pub(crate) struct Thinned {
    /// Places in the file, ascending.
    pub(crate) columns: Vec<usize>,
    pub(crate) names: Vec<String>,
    pub(crate) thin: Thin,
    /// All rows of the file.
    pub(crate) rows: u64,
}

#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    /// Of text that was read as dates: its values are moments then, see `dates::moment`.
    pub(crate) format: Option<TextFormat>,
    pub(crate) values: Values,
}

#[derive(Clone)]
pub(crate) enum Values {
    /// NaN is a missing value.
    Numbers(Vec<f64>),
    /// Places in `names`, [`MISSING`] or [`UNNAMED`].
    Categories { codes: Vec<u32>, names: Vec<String> },
}

impl Column {
    pub(crate) fn rows(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.len(),
            Values::Categories { codes, .. } => codes.len(),
        }
    }

    pub(crate) fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(numbers) => numbers[row].is_nan(),
            Values::Categories { codes, .. } => codes[row] == MISSING,
        }
    }
}

/// Reads the target, the features and the split's column of `spec`. The target of a classification is of categories, whatever its
/// type: numbers by their value, each named as it was written first. `progress` gets fractions from 0 to 1. Where `may_thin`, a table
/// that is too large and can be read again and again is thinned out.
pub(crate) fn load(
    path: &Path,
    format: DataFormat,
    spec: &TrainingSpec,
    may_thin: bool,
    progress: &mut dyn FnMut(f64),
) -> Result<Table, RunError> {
    let header = read::header(path, format).map_err(|error| unreadable(&error))?;
    let Chosen {
        target,
        features,
        apart,
    } = choose(&header.names, spec)?;
    let mut columns = features.clone();
    columns.push(target);
    columns.extend(apart);
    columns.sort_unstable();
    columns.dedup();

    // Where the file says the types, there is something to find out of the target alone.
    let surveyed = match &header.types {
        Some(_) => vec![target],
        None => columns.clone(),
    };
    let mut survey = KindSurvey {
        columns: vec![Kinds::default(); surveyed.len()],
        first_text: vec![None; surveyed.len()],
    };
    let rows = read::scan(path, format, &surveyed, &mut survey, &mut |fraction| {
        progress(fraction * 0.4);
    })
    .map_err(|error| unreadable(&error))?;
    if rows > 1 << 31 {
        return Err(failure(
            "unreadable_data",
            format!(
                "the table has {rows} rows: training takes at most {}",
                1_u64 << 31
            ),
            "Upload a sample of the rows as a new version of the dataset.",
        ));
    }
    let are_numbers = header.types.as_ref().is_some_and(|types| {
        let mut features = features.iter();
        features.all(|&feature| types[feature].is_numeric())
    });
    let thin = stream::thinned(spec, format, rows, columns.len(), are_numbers).filter(|_| may_thin);
    let in_file = rows;
    let rows = thin.map_or(rows, |thin| thin.of(rows)) as usize;
    let kind = |position: usize| match &header.types {
        Some(types) => types[columns[position]],
        None => survey.columns[position].column_type(),
    };
    if let Some(position) = surveyed.iter().position(|&column| column == target) {
        check_target(
            &spec.target,
            spec.task,
            match &header.types {
                Some(types) => types[target],
                None => survey.columns[position].column_type(),
            },
            survey.columns[position],
            survey.first_text[position].as_ref(),
        )?;
    }

    let mut loader = Loader {
        columns: Vec::with_capacity(columns.len()),
        apart: None,
    };
    for (position, &column) in columns.iter().enumerate() {
        let is_label = column == target && spec.task == Some(Task::Classification);
        if Some(column) == apart {
            let is_time = spec.split.method == Some(SplitMethod::Time);
            loader.apart = Some(LoadApart::new(position, kind(position), is_time, rows)?);
        }
        loader.columns.push(match kind(position) {
            _ if column != target && !features.contains(&column) => LoadColumn::Unlearned,
            kind if is_label && kind.is_numeric() => LoadColumn::labels(rows)?,
            kind if is_dates(spec, &header.names[column], kind) => {
                LoadColumn::Dates(LoadDates::new(rows)?)
            }
            kind => LoadColumn::new(kind, rows)?,
        });
    }
    let mut tell = |fraction: f64| progress(0.4 + fraction * 0.6);
    match thin {
        None => read::scan(path, format, &columns, &mut loader, &mut tell),
        Some(thin) => read::scan_some(path, &columns, thin, &mut loader, &mut tell),
    }
    .map_err(|error| unreadable(&error))?;

    let name = |column: usize| header.names[column].as_str();
    let apart = match (loader.apart, apart) {
        (Some(loaded), Some(column)) => Some(loaded.finish(name(column))?),
        _ => None,
    };
    let mut loaded: HashMap<usize, Column> = HashMap::new();
    for (position, (&column, load)) in columns.iter().zip(loader.columns).enumerate() {
        let (values, format) = match load {
            LoadColumn::Dates(dates) => {
                let (values, format) = dates.finish(name(column))?;
                (Some(values), Some(format))
            }
            load => (load.finish(), None),
        };
        if let Some(values) = values {
            let column_of = Column {
                name: name(column).to_owned(),
                kind: kind(position),
                format,
                values,
            };
            loaded.insert(column, column_of);
        }
    }
    let Some(target) = loaded.remove(&target) else {
        return Err(failure(
            "internal",
            "the target was not read",
            "Start the run again.",
        ));
    };
    let features = columns
        .iter()
        .filter_map(|column| loaded.remove(column))
        .collect();
    Ok(Table {
        target,
        features,
        rows,
        apart,
        thinned: thin.map(|thin| Thinned {
            names: columns
                .iter()
                .map(|&column| header.names[column].clone())
                .collect(),
            columns,
            thin,
            rows: in_file,
        }),
    })
}

fn is_dates(spec: &TrainingSpec, name: &str, kind: ColumnType) -> bool {
    let asked = spec.preprocessing.get(name);
    asked.is_some_and(|asked| asked.role(kind) == Role::Date)
}

/// Places of columns in the file.
struct Chosen {
    target: usize,
    features: Vec<usize>,
    /// What the split goes by; it may be a feature too.
    apart: Option<usize>,
}

fn choose(names: &[String], spec: &TrainingSpec) -> Result<Chosen, RunError> {
    let place = |name: &str| names.iter().position(|other| other == name);
    let Some(target) = place(&spec.target) else {
        return Err(failure(
            "invalid_target",
            format!("the table has no column {:?}", spec.target),
            format!("Choose one of its columns: {}.", list(names)),
        ));
    };
    let apart = match &spec.split.column {
        None => None,
        Some(name) => Some(place(name).ok_or_else(|| {
            failure(
                "invalid_split",
                format!("the table has no column {name:?}"),
                format!("Set split.column to one of its columns: {}.", list(names)),
            )
        })?),
    };
    let features = match &spec.features {
        None => (0..names.len())
            .filter(|&index| index != target && Some(index) != apart)
            .collect(),
        Some(chosen) => {
            let mut features = Vec::with_capacity(chosen.len());
            for name in chosen {
                match place(name) {
                    Some(index) if index != target && !features.contains(&index) => {
                        features.push(index);
                    }
                    Some(_) => {}
                    None => {
                        return Err(failure(
                            "invalid_features",
                            format!("the table has no column {name:?}"),
                            format!("Choose features among its columns: {}.", list(names)),
                        ));
                    }
                }
            }
            features
        }
    };
    if features.is_empty() {
        return Err(failure(
            "invalid_features",
            "there is no column to learn from besides the target",
            "Choose at least one feature.",
        ));
    }
    Ok(Chosen {
        target,
        features,
        apart,
    })
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        format!("{shown} and {} more", names.len() - SHOWN)
    } else {
        shown
    }
}

struct Loader {
    columns: Vec<LoadColumn>,
    apart: Option<LoadApart>,
}

enum LoadColumn {
    /// The split alone goes by it.
    Unlearned,
    Numbers(Vec<f64>),
    /// Numbers that are classes.
    Labels {
        codes: Vec<u32>,
        names: Vec<String>,
        places: HashMap<NumberKey, u32>,
    },
    Booleans(Vec<u32>),
    Dates(LoadDates),
    Texts {
        codes: Vec<u32>,
        names: HashMap<Box<str>, u32>,
        bytes: usize,
    },
}

/// The same for numbers that are equal, such as 1 and 1.0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum NumberKey {
    Whole(i64),
    Other(u64),
}

impl From<Number> for NumberKey {
    fn from(number: Number) -> Self {
        /// From here on not every whole number is a 64-bit float.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match number {
            Number::Integer(whole) => Self::Whole(whole),
            Number::Float(float) if float.fract() == 0.0 && float.abs() < EXACT => {
                Self::Whole(float as i64)
            }
            Number::Float(float) => Self::Other(float.to_bits()),
        }
    }
}

const WHAT: &str = "the table's columns";

impl LoadColumn {
    fn labels(rows: usize) -> Result<Self, RunError> {
        Ok(Self::Labels {
            codes: reserve(rows, WHAT)?,
            names: Vec::new(),
            places: HashMap::new(),
        })
    }

    fn new(kind: ColumnType, rows: usize) -> Result<Self, RunError> {
        Ok(match kind {
            ColumnType::Integer | ColumnType::Float => Self::Numbers(reserve(rows, WHAT)?),
            ColumnType::Boolean => Self::Booleans(reserve(rows, WHAT)?),
            ColumnType::String => Self::Texts {
                codes: reserve(rows, WHAT)?,
                names: HashMap::new(),
                bytes: 0,
            },
        })
    }

    fn finish(self) -> Option<Values> {
        Some(match self {
            Self::Unlearned | Self::Dates(_) => return None,
            Self::Numbers(numbers) => Values::Numbers(numbers),
            Self::Labels { codes, names, .. } => Values::Categories { codes, names },
            Self::Booleans(codes) => Values::Categories {
                codes,
                names: vec!["false".to_owned(), "true".to_owned()],
            },
            Self::Texts { codes, names, .. } => {
                let mut ordered = vec![String::new(); names.len()];
                for (name, code) in names {
                    ordered[code as usize] = name.into();
                }
                Values::Categories {
                    codes,
                    names: ordered,
                }
            }
        })
    }
}

impl CellSink for Loader {
    #[inline]
    fn cell(&mut self, position: usize, row: u64, cell: Cell<'_>) {
        if let Some(apart) = &mut self.apart
            && apart.position == position
        {
            apart.add(row, cell);
        }
        match &mut self.columns[position] {
            LoadColumn::Unlearned => {}
            LoadColumn::Dates(dates) => dates.add(row, cell),
            LoadColumn::Numbers(numbers) => {
                numbers.push(cell.number().map_or(f64::NAN, read::Number::as_f64));
            }
            LoadColumn::Labels {
                codes,
                names,
                places,
            } => codes.push(match cell.number() {
                None => MISSING,
                Some(number) => {
                    let key = NumberKey::from(number);
                    match places.get(&key) {
                        Some(&place) => place,
                        None if names.len() < MAX_CODES => {
                            let place = names.len() as u32;
                            places.insert(key, place);
                            names.push(written(cell, number));
                            place
                        }
                        None => UNNAMED,
                    }
                }
            }),
            LoadColumn::Booleans(codes) => codes.push(cell.boolean().map_or(MISSING, u32::from)),
            LoadColumn::Texts {
                codes,
                names,
                bytes,
            } => {
                let (Cell::Raw(text) | Cell::Text(text)) = cell else {
                    codes.push(MISSING);
                    return;
                };
                let code = match names.get(text) {
                    Some(&code) => code,
                    None if names.len() < MAX_CODES
                        && *bytes < MAX_CODE_BYTES
                        && text.len() <= MAX_CODE_LENGTH =>
                    {
                        let code = names.len() as u32;
                        *bytes += text.len();
                        names.insert(text.into(), code);
                        code
                    }
                    None => UNNAMED,
                };
                codes.push(code);
            }
        }
    }
}

fn written(cell: Cell<'_>, number: Number) -> String {
    match (cell, number) {
        (Cell::Raw(text), _) => text.trim().to_owned(),
        (_, Number::Integer(whole)) => whole.to_string(),
        (_, Number::Float(float)) => float.to_string(),
    }
}
