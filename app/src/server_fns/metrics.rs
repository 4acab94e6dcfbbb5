use domain::Name;
use domain::metrics::DeploymentMetrics;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::context::signed_in;
use crate::error::AppError;

/// How far back a metrics page looks. The steps keep a chart below a hundred points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsRange {
    Minutes15,
    #[default]
    Hour,
    Hours6,
    Day,
    Week,
}

impl MetricsRange {
    pub const ALL: [Self; 5] = [
        Self::Minutes15,
        Self::Hour,
        Self::Hours6,
        Self::Day,
        Self::Week,
    ];

    /// As the URL and the buttons say it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minutes15 => "15m",
            Self::Hour => "1h",
            Self::Hours6 => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// In words: `last 15 minutes`.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Minutes15 => "the last 15 minutes",
            Self::Hour => "the last hour",
            Self::Hours6 => "the last 6 hours",
            Self::Day => "the last 24 hours",
            Self::Week => "the last 7 days",
        }
    }

    /// From a URL; anything else is the default.
    #[must_use]
    pub fn from_query(text: Option<&str>) -> Self {
        Self::ALL
            .into_iter()
            .find(|range| Some(range.as_str()) == text)
            .unwrap_or_default()
    }

    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minutes15 => 15 * 60,
            Self::Hour => 3600,
            Self::Hours6 => 6 * 3600,
            Self::Day => 24 * 3600,
            Self::Week => 7 * 24 * 3600,
        }
    }

    /// Seconds that one point stands for.
    #[must_use]
    pub fn step(self) -> u32 {
        match self {
            Self::Minutes15 | Self::Hour => 60,
            Self::Hours6 => 300,
            Self::Day => 900,
            Self::Week => 7200,
        }
    }
}

/// Up to now.
#[server(endpoint = "get_deployment_metrics")]
pub async fn get_deployment_metrics(
    project: Name,
    deployment: Name,
    range: MetricsRange,
) -> Result<DeploymentMetrics, AppError> {
    let (platform, actor) = signed_in()?;
    let to = platform.clock.now();
    let from = to.plus_seconds(-range.seconds());
    let span = platform::metrics::Range {
        from: Some(from),
        to: Some(to),
        step: Some(range.step()),
    };
    Ok(platform::metrics::deployment(&platform, &actor, &project, &deployment, span).await?)
}
