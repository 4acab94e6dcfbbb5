//! How a column becomes what a model takes. The form, the API and the trainer read the same table: what a column of a [`Role`] may
//! be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FieldError;
use crate::datasets::{ColumnType, TextFormat};
use crate::dates::{self, DatePart};

/// By column; a column that is not named is prepared as [`ColumnPreprocessing::default`] says.
pub type Preprocessing = BTreeMap<String, ColumnPreprocessing>;

/// A category of fewer training rows than this counts as "other", unless told.
pub const MIN_COUNT: u32 = 3;
/// More rows than this are more than a category can be asked to have.
pub const MOST_MIN_COUNT: u32 = 1_000_000;
/// Categories that are kept of a column, the most frequent ones, unless told.
pub const KEPT_CATEGORIES: u32 = 50;
/// The same of a column that is encoded as one number, which costs no more with many.
pub const KEPT_CODED_CATEGORIES: u32 = 1_000;
/// As many may be asked for.
pub const MOST_CATEGORIES: u32 = 10_000;
/// The same of a column with a number for each.
pub const MOST_ONE_HOT: u32 = 1_000;
/// How many rows of the average count beside a category's own, unless told.
pub const TARGET_SMOOTHING: f64 = 10.0;
pub const MOST_TARGET_SMOOTHING: f64 = 1_000_000.0;
/// Columns that a spec may say something of.
pub const MOST_COLUMNS: usize = crate::datasets::MAX_COLUMNS;
/// A constant text is a category's name.
const MAX_CONSTANT: usize = 150;

/// What is asked of one column. What is left out is done as it always is: a weighted sum takes the median or the most frequent
/// category for a missing value, trees and densities learn what a missing one means; numbers are standardised where the algorithm
/// weighs them; categories are told apart one by one; a column that the profile found to be of dates is taken apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ColumnPreprocessing {
    /// What stands in for a missing value: `median`, `mean`, `most_frequent`, `{"constant": value}`, or `missing_indicator`: the mean
    /// of numbers and the most frequent category, and a number beside it that says that the value was missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<Impute>,
    /// Beside the value, a number that is 1 where it was missing and 0 elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing_indicator: bool,
    /// Of numbers: `standard` (mean 0, standard deviation 1), `none` (mean 0), or `log1p` (the logarithm of 1 and the number, with its
    /// sign, and then `standard`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Of texts and booleans: `one_hot`, `ordinal` or `target`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encode>,
    /// Of an `ordinal` column: its categories from the first to the last. Alphabetical unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// A category of fewer training rows counts as "other": 1 to 1,000,000; 3 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// The most frequent categories that are kept, the rest counts as "other": 2 to 1,000, of one number for all of them to 10,000.
    /// 50 unless told, and 1,000 of one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_categories: Option<u32>,
    /// Of a `target` column, how many rows of the average count beside a category's own: 0 to 1,000,000; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoothing: Option<f64>,
    /// Of a text column of dates: the parts that become a number each. A column that the profile found to be of dates has all but
    /// `hour`, of points in time all; an empty list leaves it to be a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_parts: Option<Vec<DatePart>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Impute {
    Median,
    Mean,
    MostFrequent,
    /// A number, a text, `true` or `false`, or a date, as the column holds them.
    Constant(Value),
    MissingIndicator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    Standard,
    None,
    Log1p,
}

impl Scale {
    pub const ALL: [Self; 3] = [Self::Standard, Self::None, Self::Log1p];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::None => "none",
            Self::Log1p => "log1p",
        }
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Standard => "Standardised: mean 0, deviation 1",
            Self::None => "As it is, moved to mean 0",
            Self::Log1p => "Logarithm of 1 + x, standardised",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encode {
    /// Each category by itself: a number for each, and of trees a set of them at each split.
    OneHot,
    /// One number: the category's place in their order.
    Ordinal,
    /// One number: the mean of the target over the category's rows, drawn towards the average where they are few; of three classes
    /// or more a number for each.
    Target,
}

impl Encode {
    pub const ALL: [Self; 3] = [Self::OneHot, Self::Ordinal, Self::Target];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneHot => "one_hot",
            Self::Ordinal => "ordinal",
            Self::Target => "target",
        }
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::OneHot => "Each category by itself",
            Self::Ordinal => "Their order, as one number",
            Self::Target => "Mean of the target, as one number",
        }
    }
}

/// What a column is to a model, which says what it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Number,
    /// Text or booleans.
    Category,
    /// Text that is taken apart as dates.
    Date,
}

impl Role {
    #[must_use]
    pub fn imputes(self) -> &'static [&'static str] {
        match self {
            Self::Number | Self::Date => &[
                "median",
                "mean",
                "most_frequent",
                "constant",
                "missing_indicator",
            ],
            Self::Category => &["most_frequent", "constant", "missing_indicator"],
        }
    }

    /// The settings of a column, each by the name that the spec has for it.
    #[must_use]
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["impute", "missing_indicator", "scale"],
            Self::Category => &[
                "impute",
                "missing_indicator",
                "encode",
                "order",
                "min_count",
                "max_categories",
                "smoothing",
                "date_parts",
            ],
            Self::Date => &["impute", "missing_indicator", "date_parts"],
        }
    }

    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Number => "a column of numbers",
            Self::Category => "a column of categories",
            Self::Date => "a column of dates",
        }
    }
}

impl Impute {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
            Self::MostFrequent => "most_frequent",
            Self::Constant(_) => "constant",
            Self::MissingIndicator => "missing_indicator",
        }
    }
}

impl ColumnPreprocessing {
    /// The parts that a column of this format is taken apart into, unless told.
    #[must_use]
    pub fn of_dates(format: TextFormat) -> Self {
        let parts = DatePart::ALL
            .into_iter()
            .filter(|part| format == TextFormat::Timestamp || *part != DatePart::Hour);
        Self {
            date_parts: Some(parts.collect()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn role(&self, kind: ColumnType) -> Role {
        let is_taken_apart = self
            .date_parts
            .as_ref()
            .is_some_and(|parts| !parts.is_empty());
        match kind {
            ColumnType::Integer | ColumnType::Float => Role::Number,
            ColumnType::String if is_taken_apart => Role::Date,
            ColumnType::String | ColumnType::Boolean => Role::Category,
        }
    }

    #[must_use]
    pub fn encode(&self) -> Encode {
        self.encode.unwrap_or(Encode::OneHot)
    }

    #[must_use]
    pub fn min_count(&self) -> u32 {
        self.min_count.unwrap_or(MIN_COUNT)
    }

    #[must_use]
    pub fn max_categories(&self) -> u32 {
        self.max_categories.unwrap_or(match self.encode() {
            Encode::OneHot => KEPT_CATEGORIES,
            Encode::Ordinal | Encode::Target => KEPT_CODED_CATEGORIES,
        })
    }

    #[must_use]
    pub fn smoothing(&self) -> f64 {
        self.smoothing.unwrap_or(TARGET_SMOOTHING)
    }

    #[must_use]
    pub fn has_indicator(&self) -> bool {
        self.missing_indicator || self.impute == Some(Impute::MissingIndicator)
    }

    /// Checks all that can be known without the column.
    pub(super) fn check(&self, column: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut refuse = |setting: &str, code: &str, expected: String, got: String| {
            errors.push(FieldError::new(pointer(column, setting), code, expected).got(got));
        };
        let range = |least: f64, most: f64| format!("a number from {least} to {most}");
        if let Some(count) = self.min_count
            && !(1..=MOST_MIN_COUNT).contains(&count)
        {
            let expected = range(1.0, MOST_MIN_COUNT.into());
            refuse("min_count", "out_of_range", expected, count.to_string());
        }
        let most = match self.encode() {
            Encode::OneHot => MOST_ONE_HOT,
            Encode::Ordinal | Encode::Target => MOST_CATEGORIES,
        };
        if let Some(count) = self.max_categories
            && !(2..=most).contains(&count)
        {
            let expected = range(2.0, most.into());
            refuse(
                "max_categories",
                "out_of_range",
                expected,
                count.to_string(),
            );
        }
        if let Some(smoothing) = self.smoothing
            && !(0.0..=MOST_TARGET_SMOOTHING).contains(&smoothing)
        {
            let expected = range(0.0, MOST_TARGET_SMOOTHING);
            refuse("smoothing", "out_of_range", expected, smoothing.to_string());
        }
        if self.smoothing.is_some() && self.encode() != Encode::Target {
            let expected = "encode: target beside it, which alone is smoothed".to_owned();
            refuse(
                "smoothing",
                "invalid",
                expected,
                self.encode().as_str().to_owned(),
            );
        }
        if let Some(order) = &self.order {
            if self.encode() != Encode::Ordinal {
                let expected = "encode: ordinal beside it, which alone has an order".to_owned();
                refuse(
                    "order",
                    "invalid",
                    expected,
                    self.encode().as_str().to_owned(),
                );
            }
            if !(2..=MOST_CATEGORIES as usize).contains(&order.len()) {
                let expected = format!("2 to {MOST_CATEGORIES} categories");
                refuse("order", "out_of_range", expected, order.len().to_string());
            }
            let mut sorted: Vec<&String> = order.iter().collect();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                refuse(
                    "order",
                    "invalid",
                    "each category once".to_owned(),
                    pair[0].clone(),
                );
            }
        }
        if let Some(parts) = &self.date_parts {
            let twice = parts.iter().enumerate();
            let mut twice = twice.filter(|(place, part)| parts[..*place].contains(part));
            if let Some((_, part)) = twice.next() {
                let expected = "each part once".to_owned();
                refuse("date_parts", "invalid", expected, part.as_str().to_owned());
            }
        }
        errors
    }

    /// Whether a column of this type may be told so.
    #[must_use]
    pub fn check_column(&self, column: &str, kind: ColumnType) -> Vec<FieldError> {
        let role = self.role(kind);
        let mut errors = Vec::new();
        for setting in self.given() {
            if !role.settings().contains(&setting) {
                let expected = format!("for {}, {}", role.described(), role.settings().join(", "));
                errors.push(
                    FieldError::new(pointer(column, setting), "invalid", expected).got(setting),
                );
            }
        }
        if self.date_parts.is_some() && kind == ColumnType::Boolean {
            let expected = "a column of text to take apart";
            errors.push(
                FieldError::new(pointer(column, "date_parts"), "wrong_type", expected)
                    .got(kind.as_str()),
            );
        }
        if let Some(impute) = &self.impute {
            errors.extend(impute.check(column, role, kind).err());
        }
        errors
    }

    /// The settings that are not left out.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.impute.is_some(), "impute"),
            (self.missing_indicator, "missing_indicator"),
            (self.scale.is_some(), "scale"),
            (self.encode.is_some(), "encode"),
            (self.order.is_some(), "order"),
            (self.min_count.is_some(), "min_count"),
            (self.max_categories.is_some(), "max_categories"),
            (self.smoothing.is_some(), "smoothing"),
            (self.date_parts.is_some(), "date_parts"),
        ]
        .into_iter()
        .filter_map(|(is_given, setting)| is_given.then_some(setting))
    }
}

impl Impute {
    fn check(&self, column: &str, role: Role, kind: ColumnType) -> Result<(), FieldError> {
        let at = pointer(column, "impute");
        if !role.imputes().contains(&self.as_str()) {
            let expected = format!(
                "for {}, one of {}",
                role.described(),
                role.imputes().join(", ")
            );
            return Err(FieldError::new(at, "invalid", expected).got(self.as_str()));
        }
        let Self::Constant(value) = self else {
            return Ok(());
        };
        let expected = match (role, value) {
            (Role::Number, Value::Number(number))
                if number.as_f64().is_some_and(f64::is_finite) =>
            {
                return Ok(());
            }
            (Role::Number, _) => "a number".to_owned(),
            (Role::Date, Value::String(text)) if dates::moment(text).is_some() => return Ok(()),
            (Role::Date, _) => dates::EXPECTED.to_owned(),
            (Role::Category, Value::Bool(_)) if kind == ColumnType::Boolean => return Ok(()),
            (Role::Category, Value::String(text))
                if kind == ColumnType::String
                    && (1..=MAX_CONSTANT).contains(&text.chars().count()) =>
            {
                return Ok(());
            }
            (Role::Category, _) if kind == ColumnType::Boolean => "true or false".to_owned(),
            (Role::Category, _) => format!("a text of 1 to {MAX_CONSTANT} characters"),
        };
        Err(
            FieldError::new(format!("{at}/constant"), "wrong_type", expected)
                .got(value.to_string()),
        )
    }
}

/// Of a column, and of one of its settings unless that is empty.
#[must_use]
pub fn pointer(column: &str, setting: &str) -> String {
    let column = column.replace('~', "~0").replace('/', "~1");
    match setting {
        "" => format!("/preprocessing/{column}"),
        setting => format!("/preprocessing/{column}/{setting}"),
    }
}
