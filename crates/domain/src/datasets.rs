use serde::{Deserialize, Serialize};

use crate::ids::{DatasetId, DatasetVersionId, ScoringRunId};
use crate::{Name, Timestamp};

/// A table with more columns than this is refused.
pub const MAX_COLUMNS: usize = 4096;
/// A column's name of more characters than this is refused.
pub const MAX_COLUMN_NAME: usize = 200;

/// How the uploaded bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    Csv,
    Parquet,
}

impl DataFormat {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// From a media type; parameters such as `charset` are ignored.
    #[must_use]
    pub fn from_media_type(text: &str) -> Option<Self> {
        match text
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "text/csv" | "application/csv" => Some(Self::Csv),
            "application/vnd.apache.parquet" | "application/x-parquet" | "application/parquet" => {
                Some(Self::Parquet)
            }
            _ => None,
        }
    }

    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatasetStatus {
    Profiling,
    Ready,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers that fit 64 bits.
    Integer,
    /// 64-bit floating point.
    Float,
    /// `true`/`false` in any case.
    Boolean,
    /// Everything else.
    String,
}

impl ColumnType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::String => "string",
        }
    }

    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

/// What the texts of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// A day as ISO 8601 writes it, such as `2026-01-31`.
    Date,
    /// A point in time, such as `2026-01-31T09:30:00Z`; in UTC where it says no zone.
    Timestamp,
}

impl TextFormat {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }
}

/// One bar: values in `[from, to)`, the last bar closed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistogramBar {
    pub from: f64,
    pub to: f64,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopValue {
    pub value: String,
    pub count: u64,
}

/// Something about a column that a person should look at before training on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnWarning {
    /// `constant`, `all_missing`, `id_like`, `high_cardinality`, `mostly_missing`, `mixed_types`.
    pub code: String,
    pub message: String,
}

/// What one column holds, over all rows. Statistics are over the values that are present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnProfile {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Of text, what every value is, if that is known: see `dates::moment`. Training takes such a column apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
    /// At least one value is missing.
    pub nullable: bool,
    pub missing: u64,
    /// Exact up to 100,000 distinct values (in tables of more than 40 columns: 4 million shared by all), an estimate
    /// (about 1 %) above.
    pub distinct: u64,
    /// Numeric columns only, as `max`, `mean` and `std` (sample standard deviation).
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub mean: Option<f64>,
    pub std: Option<f64>,
    /// Numeric columns: 20 equal bars from `min` to `max`. Empty otherwise.
    pub histogram: Vec<HistogramBar>,
    /// The most frequent values, at most 10. Where `distinct` is an estimate, the counts are lower bounds.
    pub top_values: Vec<TopValue>,
    pub warnings: Vec<ColumnWarning>,
}

/// What the profiling child reports when the file could be read whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
    /// The first 200 rows, as text; `None` is a missing value.
    pub preview: Vec<Vec<Option<String>>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetVersion {
    pub id: DatasetVersionId,
    pub dataset_id: DatasetId,
    pub name: Name,
    pub version: i32,
    pub status: DatasetStatus,
    /// Why it failed: names the row, the column and the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub format: DataFormat,
    /// Known once it is ready, as `columns`.
    pub rows: Option<u64>,
    pub bytes: u64,
    pub sha256: String,
    pub columns: Vec<ColumnProfile>,
    /// Of a version that a scoring run made: what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<DatasetLineage>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Where the predictions in a dataset version come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetLineage {
    pub scoring_run: ScoringRunId,
    pub model: Name,
    pub model_version: i32,
    /// What was scored.
    pub dataset: Name,
    pub dataset_version: i32,
}

/// A dataset as a list shows it: its newest version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetSummary {
    pub id: DatasetId,
    pub name: Name,
    /// The newest version's number; how many there are, too.
    pub version: i32,
    pub status: DatasetStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub rows: Option<u64>,
    pub column_count: Option<u32>,
    pub bytes: u64,
    /// Models that have a version trained on it.
    pub used_by_models: u32,
    pub updated_at: Timestamp,
}

/// The first rows of a version, at most 200, as text; `null` is a missing value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}
