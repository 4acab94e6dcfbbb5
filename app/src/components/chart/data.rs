//! What a chart shows. The drawing and its table are both made from this, so they can not tell different things.

use domain::Timestamp;
use domain::datasets::HistogramBar;
use domain::metrics::Marker;
use domain::models::{CurvePoint, EvaluationPoint};

use crate::components::numbers;

#[derive(Clone, Debug, PartialEq)]
pub enum ChartData {
    Lines(LineChart),
    Histogram(HistogramChart),
    Scatter(ScatterChart),
    Curves(CurveChart),
}

/// Values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    pub unit: Unit,
    pub from: Timestamp,
    pub to: Timestamp,
    pub lines: Vec<ChartLine>,
    pub markers: Vec<Marker>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ChartLine {
    pub name: String,
    /// Which colour and point marker: the two always go together.
    pub slot: usize,
    pub dash: Dash,
    /// In order of time; `None` breaks the line.
    pub points: Vec<(Timestamp, Option<f64>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
}

impl Dash {
    /// A different one for each of three neighbours.
    #[must_use]
    pub fn of(slot: usize) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted][slot % 3]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
}

impl Unit {
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => numbers::decimal(value),
            Self::Milliseconds => numbers::milliseconds(value),
        }
    }
}

/// How often values fall into each of some equal bars.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramChart {
    /// What is counted along the axis: `residual (actual - predicted)`.
    pub axis: String,
    pub bars: Vec<HistogramBar>,
}

/// Predicted against actual, with the line where both are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterChart {
    /// What is predicted.
    pub quantity: String,
    pub points: Vec<EvaluationPoint>,
}

impl ScatterChart {
    /// The smallest and largest value on either axis.
    #[must_use]
    pub fn extent(&self) -> Option<(f64, f64)> {
        let values = || {
            self.points
                .iter()
                .flat_map(|point| [point.actual, point.predicted])
        };
        let least = values().reduce(f64::min)?;
        let most = values().reduce(f64::max)?;
        Some((least, most))
    }
}

/// One quantity against another.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveChart {
    /// What there is a curve for each of, for the table: `class`.
    pub of: &'static str,
    /// The horizontal one, and the vertical one.
    pub axes: [String; 2],
    pub units: [CurveUnit; 2],
    /// Whether a line stands where both are equal.
    pub has_diagonal: bool,
    pub curves: Vec<Curve>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveUnit {
    /// From 0 to 1.
    Share,
    /// Any number.
    Amount,
}

impl CurveUnit {
    fn text(self, value: f64) -> String {
        match self {
            Self::Share => numbers::percent(value),
            Self::Amount => numbers::decimal(value),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    pub name: String,
    pub points: Vec<CurvePoint>,
}

impl ChartData {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Lines(chart) => chart.lines.iter().all(|line| line.points.is_empty()),
            Self::Histogram(chart) => chart.bars.is_empty(),
            Self::Scatter(chart) => chart.points.is_empty(),
            Self::Curves(chart) => chart.curves.is_empty(),
        }
    }

    /// How many series the point cursor can walk along.
    #[must_use]
    pub fn series_count(&self) -> usize {
        match self {
            Self::Lines(chart) => chart.lines.len(),
            Self::Curves(chart) => chart.curves.len(),
            Self::Histogram(_) | Self::Scatter(_) => 1,
        }
    }

    #[must_use]
    pub fn point_count(&self, series: usize) -> usize {
        match self {
            Self::Lines(chart) => chart.lines.get(series).map_or(0, |line| line.points.len()),
            Self::Histogram(chart) => chart.bars.len(),
            Self::Scatter(chart) => chart.points.len(),
            Self::Curves(chart) => chart
                .curves
                .get(series)
                .map_or(0, |curve| curve.points.len()),
        }
    }

    /// One point in words, for the point cursor.
    #[must_use]
    pub fn describe(&self, series: usize, point: usize) -> Option<String> {
        match self {
            Self::Lines(chart) => {
                let line = chart.lines.get(series)?;
                let (at, value) = line.points.get(point)?;
                let value =
                    value.map_or_else(|| "no traffic".to_owned(), |value| chart.unit.text(value));
                Some(format!(
                    "{}, {} UTC: {value}",
                    line.name,
                    numbers::minute(*at)
                ))
            }
            Self::Histogram(chart) => {
                let bar = chart.bars.get(point)?;
                Some(format!(
                    "{} from {} to {}: {} rows",
                    chart.axis,
                    numbers::decimal(bar.from),
                    numbers::decimal(bar.to),
                    numbers::count(bar.count)
                ))
            }
            Self::Scatter(chart) => {
                let point = chart.points.get(point)?;
                Some(format!(
                    "actual {}, predicted {}",
                    numbers::decimal(point.actual),
                    numbers::decimal(point.predicted)
                ))
            }
            Self::Curves(chart) => {
                let curve = chart.curves.get(series)?;
                let point = curve.points.get(point)?;
                let ([x, y], [across, up]) = (&chart.axes, chart.units);
                Some(format!(
                    "{}, {x}: {}, {y}: {}",
                    curve.name,
                    across.text(point.x),
                    up.text(point.y)
                ))
            }
        }
    }

    /// Heads and rows of the table twin, rows in the order a reader wants them (time: newest first).
    #[must_use]
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        match self {
            Self::Lines(chart) => chart.table(),
            Self::Histogram(chart) => (
                vec![
                    format!("{}, from", chart.axis),
                    "to".to_owned(),
                    "rows".to_owned(),
                ],
                chart
                    .bars
                    .iter()
                    .map(|bar| {
                        vec![
                            numbers::decimal(bar.from),
                            numbers::decimal(bar.to),
                            numbers::count(bar.count),
                        ]
                    })
                    .collect(),
            ),
            Self::Scatter(chart) => (
                vec![
                    format!("actual {}", chart.quantity),
                    "predicted".to_owned(),
                    "actual - predicted".to_owned(),
                ],
                chart
                    .points
                    .iter()
                    .map(|point| {
                        vec![
                            numbers::decimal(point.actual),
                            numbers::decimal(point.predicted),
                            numbers::decimal(point.actual - point.predicted),
                        ]
                    })
                    .collect(),
            ),
            Self::Curves(chart) => {
                let [across, up] = chart.units;
                let mut heads = vec![chart.of.to_owned()];
                heads.extend(chart.axes.iter().cloned());
                let mut rows = Vec::new();
                for curve in &chart.curves {
                    for point in &curve.points {
                        rows.push(vec![
                            curve.name.clone(),
                            across.text(point.x),
                            up.text(point.y),
                        ]);
                    }
                }
                (heads, rows)
            }
        }
    }
}

/// The markers in order of time, each with the letter that a drawing has room for.
#[must_use]
pub fn lettered(markers: &[Marker]) -> Vec<(String, Marker)> {
    let mut sorted = markers.to_vec();
    sorted.sort_by_key(|marker| marker.at);
    sorted
        .into_iter()
        .enumerate()
        .map(|(index, marker)| {
            let letter = char::from(b'A' + (index % 26) as u8);
            let round = if index < 26 {
                String::new()
            } else {
                (index / 26).to_string()
            };
            (format!("{letter}{round}"), marker)
        })
        .collect()
}

impl LineChart {
    /// Where to draw a marker and what to write on it. Markers that would stand on top of each other share a place.
    #[must_use]
    pub fn marks(&self) -> Vec<(Timestamp, String)> {
        let near = self.to.seconds_since(self.from) * 0.025;
        let mut groups: Vec<(Timestamp, String, Option<String>)> = Vec::new();
        for (letter, marker) in lettered(&self.markers) {
            match groups.last_mut() {
                Some((at, _, last)) if marker.at.seconds_since(*at) < near => *last = Some(letter),
                _ => groups.push((marker.at, letter, None)),
            }
        }
        groups
            .into_iter()
            .map(|(at, first, last)| match last {
                Some(last) => (at, format!("{first}–{last}")),
                None => (at, first),
            })
            .collect()
    }

    fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut moments: Vec<Timestamp> = self
            .lines
            .iter()
            .flat_map(|line| {
                line.points
                    .iter()
                    .filter(|point| point.1.is_some())
                    .map(|point| point.0)
            })
            .collect();
        moments.sort_unstable();
        moments.dedup();
        let heads = std::iter::once("Time (UTC)".to_owned())
            .chain(self.lines.iter().map(|line| line.name.clone()))
            .collect();
        let rows = moments
            .iter()
            .rev()
            .map(|at| {
                let values = self.lines.iter().map(|line| {
                    let value = line
                        .points
                        .binary_search_by_key(at, |point| point.0)
                        .ok()
                        .and_then(|index| line.points[index].1);
                    value.map_or_else(|| "–".to_owned(), |value| self.unit.text(value))
                });
                std::iter::once(numbers::minute(*at))
                    .chain(values)
                    .collect()
            })
            .collect();
        (heads, rows)
    }
}

/// Puts a break between points that are further apart than `step` seconds: a time without traffic is a gap, not a line.
#[must_use]
pub fn with_gaps(
    points: impl IntoIterator<Item = (Timestamp, Option<f64>)>,
    step: u32,
) -> Vec<(Timestamp, Option<f64>)> {
    let mut out: Vec<(Timestamp, Option<f64>)> = Vec::new();
    for (at, value) in points {
        if let Some((before, _)) = out.last()
            && at.seconds_since(*before) > f64::from(step) * 1.5
        {
            out.push((before.plus_seconds(i64::from(step)), None));
        }
        out.push((at, value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus_seconds(minute * 60)
    }

    #[test]
    fn a_time_without_traffic_breaks_the_line() {
        let points = with_gaps(
            [(at(0), Some(1.0)), (at(1), Some(2.0)), (at(5), Some(3.0))],
            60,
        );
        assert_eq!(
            points,
            [
                (at(0), Some(1.0)),
                (at(1), Some(2.0)),
                (at(2), None),
                (at(5), Some(3.0))
            ]
        );
    }

    #[test]
    fn markers_that_would_overlap_share_a_place() {
        let marker = |minute: i64| Marker {
            at: at(minute),
            label: String::new(),
        };
        let chart = LineChart {
            unit: Unit::Count,
            from: at(0),
            to: at(100),
            lines: Vec::new(),
            markers: vec![marker(41), marker(10), marker(40), marker(42)],
        };
        let expected = [(at(10), "A".to_owned()), (at(40), "B–D".to_owned())];
        assert_eq!(chart.marks(), expected);
    }

    #[test]
    fn a_curves_points_are_told_with_their_class() {
        let data = ChartData::Curves(CurveChart {
            of: "class",
            units: [CurveUnit::Share; 2],
            axes: ["found".to_owned(), "right".to_owned()],
            has_diagonal: false,
            curves: vec![Curve {
                name: "yes".to_owned(),
                points: vec![CurvePoint { x: 0.25, y: 0.5 }],
            }],
        });
        assert_eq!(
            data.describe(0, 0).unwrap(),
            "yes, found: 25 %, right: 50 %"
        );
        assert_eq!((data.series_count(), data.point_count(0)), (1, 1));
        let (heads, rows) = data.table();
        assert_eq!(heads, ["class", "found", "right"]);
        assert_eq!(rows, [["yes", "25 %", "50 %"]]);
    }

    #[test]
    fn the_table_joins_the_lines_by_time_and_keeps_gaps() {
        let line = |name: &str, points| ChartLine {
            name: name.to_owned(),
            slot: 0,
            dash: Dash::Solid,
            points,
        };
        let data = ChartData::Lines(LineChart {
            unit: Unit::Count,
            from: at(0),
            to: at(5),
            lines: vec![
                line("v1", vec![(at(0), Some(4.0)), (at(1), None)]),
                line("v2", vec![(at(2), Some(7.0))]),
            ],
            markers: Vec::new(),
        });
        let (heads, rows) = data.table();
        assert_eq!(heads, ["Time (UTC)", "v1", "v2"]);
        assert_eq!(
            rows,
            [
                ["1970-01-01 00:02", "–", "7"],
                ["1970-01-01 00:00", "4", "–"]
            ]
        );
        assert_eq!(
            data.describe(0, 1).unwrap(),
            "v1, 1970-01-01 00:01 UTC: no traffic"
        );
        assert_eq!(data.describe(0, 9), None);
    }
}
