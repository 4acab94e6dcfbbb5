use serde::{Deserialize, Serialize};

use super::Estimate;

/// A segment of fewer held-out rows says little, whatever its interval.
pub const SMALL_SEGMENT: u32 = 30;

/// How a model does on parts of the held-out rows: those of each category of a column, or of each quarter of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SegmentedColumn {
    pub column: String,
    /// Of the task's metric, the root mean squared error or the log loss; the largest number of rows first, and of numbers and dates in
    /// their order.
    pub segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segment {
    pub name: String,
    /// Held-out rows.
    pub rows: u32,
    /// With the interval that it lies in for other rows like these, with a probability of 95 %.
    pub estimate: Estimate,
    /// Fewer than 30 rows: too few to say much.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_small: bool,
    /// The whole interval is above what the model does on all held-out rows, and the segment is not small.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_worse: bool,
}
