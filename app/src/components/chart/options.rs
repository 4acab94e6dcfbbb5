//! The options of a drawing, as ECharts takes them.

use serde_json::{Map, Value};

use super::data::{
    ChartData, ChartLine, CurveChart, CurveUnit, Dash, HistogramChart, LineChart, ScatterChart,
    Unit,
};
use crate::components::numbers;

/// Point markers, in the order of the series colours.
const SYMBOLS: [&str; 8] = [
    "circle",
    "rect",
    "triangle",
    "diamond",
    "roundRect",
    "pin",
    "arrow",
    "circle",
];
/// With more points than this the markers would cover the line.
const MOST_MARKED_POINTS: usize = 100;

/// The theme's colours, read from the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    pub text: String,
    pub muted: String,
    pub border: String,
    pub surface: String,
    pub series: Vec<String>,
    pub font: String,
}

impl Palette {
    fn of(&self, slot: usize) -> &str {
        self.series
            .get(slot % self.series.len().max(1))
            .unwrap_or(&self.text)
    }
}

pub(super) fn build(data: &ChartData, palette: &Palette) -> Value {
    let (mut members, mut tooltip) = match data {
        ChartData::Lines(lines) => line_chart(lines, palette),
        ChartData::Histogram(histogram) => histogram_chart(histogram, palette),
        ChartData::Scatter(scatter) => scatter_chart(scatter, palette),
        ChartData::Curves(curves) => curve_chart(curves, palette),
    };
    tooltip.extend([
        // Text drawn into the SVG needs no HTML and no inline style, which the page's policy refuses.
        ("renderMode", "richText".into()),
        ("confine", true.into()),
        ("backgroundColor", color(&palette.surface)),
        ("borderColor", color(&palette.border)),
        ("borderWidth", 1.into()),
        ("textStyle", text(&palette.text, 12)),
    ]);
    let font = vec![
        ("fontFamily", Value::from(palette.font.as_str())),
        ("color", color(&palette.text)),
    ];
    members.extend([
        ("animation", false.into()),
        ("aria", object(vec![("enabled", true.into())])),
        ("color", Value::Array(vec![color(&palette.text)])),
        ("useUTC", true.into()),
        ("textStyle", object(font)),
        ("tooltip", object(tooltip)),
    ]);
    object(members)
}

type Members = Vec<(&'static str, Value)>;

/// Member by member: `json!` writes the same out at every place, and that is a part of the download.
fn object(members: Members) -> Value {
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

fn color(color: &str) -> Value {
    color.into()
}

fn line_chart(data: &LineChart, palette: &Palette) -> (Members, Members) {
    let mut marks = Vec::new();
    for (at, label) in data.marks() {
        marks.push(object(vec![
            ("name", label.into()),
            ("xAxis", at.unix_millis().into()),
        ]));
    }
    let mut series = Vec::new();
    for line in &data.lines {
        let mut members = line_series(line, palette);
        if series.is_empty() && !marks.is_empty() {
            members.push(("markLine", mark_line(std::mem::take(&mut marks), palette)));
        }
        series.push(object(members));
    }
    let mut x = axis("time", palette);
    x.extend([
        ("min", data.from.unix_millis().into()),
        ("max", data.to.unix_millis().into()),
        ("splitLine", object(vec![("show", false.into())])),
    ]);
    let mut y = axis("value", palette);
    y.extend([("min", 0.into()), ("splitNumber", 4.into())]);
    if matches!(data.unit, Unit::Count) {
        // Half a request does not exist, so the axis must not offer it.
        y.push(("minInterval", 1.into()));
    }
    let pointer = vec![
        ("type", "line".into()),
        ("lineStyle", object(vec![("color", color(&palette.muted))])),
    ];
    let members = vec![
        ("grid", grid([8, 16, 36, 8])),
        ("legend", legend(palette)),
        ("xAxis", object(x)),
        ("yAxis", object(y)),
        ("series", Value::Array(series)),
    ];
    let tooltip = vec![("trigger", "axis".into()), ("axisPointer", object(pointer))];
    (members, tooltip)
}

fn legend(palette: &Palette) -> Value {
    object(vec![
        ("type", "scroll".into()),
        ("top", 0.into()),
        ("left", 0.into()),
        ("itemWidth", 28.into()),
        ("textStyle", text(&palette.muted, 12)),
    ])
}

fn mark_line(marks: Vec<Value>, palette: &Palette) -> Value {
    let label = vec![
        ("show", true.into()),
        ("formatter", "{b}".into()),
        ("color", color(&palette.muted)),
        ("fontSize", 11.into()),
    ];
    object(vec![
        ("symbol", Value::Array(vec!["none".into(), "none".into()])),
        ("silent", true.into()),
        ("lineStyle", stroke(&palette.muted, "dotted", 1.0)),
        ("label", object(label)),
        ("data", Value::Array(marks)),
    ])
}

fn line_series(line: &ChartLine, palette: &Palette) -> Members {
    let hue = palette.of(line.slot);
    let dash = dashes(line.dash);
    let mut points = Vec::new();
    for (at, value) in &line.points {
        let value = value.map_or(Value::Null, |value| rounded(value).into());
        points.push(Value::Array(vec![at.unix_millis().into(), value]));
    }
    drawn(&line.name, line.slot, (hue, dash), points)
}

/// A line through points. Its colour, marker and dash always go together.
fn drawn(
    name: &str,
    slot: usize,
    (hue, dash): (&str, &'static str),
    points: Vec<Value>,
) -> Members {
    let is_marked = points.len() <= MOST_MARKED_POINTS;
    vec![
        ("type", "line".into()),
        ("name", name.into()),
        ("symbol", SYMBOLS[slot % SYMBOLS.len()].into()),
        ("symbolSize", 5.into()),
        ("showSymbol", is_marked.into()),
        ("connectNulls", false.into()),
        ("itemStyle", object(vec![("color", color(hue))])),
        ("lineStyle", stroke(hue, dash, 1.75)),
        ("data", Value::Array(points)),
    ]
}

fn dashes(dash: Dash) -> &'static str {
    match dash {
        Dash::Solid => "solid",
        Dash::Dashed => "dashed",
        Dash::Dotted => "dotted",
    }
}

fn curve_chart(data: &CurveChart, palette: &Palette) -> (Members, Members) {
    let number_axis = |place: usize, gap: f64| {
        let mut axis = named(axis("value", palette), &data.axes[place], gap);
        axis.push(("splitNumber", 5.into()));
        match data.units[place] {
            CurveUnit::Share => axis.extend([("min", 0.into()), ("max", 1.into())]),
            CurveUnit::Amount => axis.push(("scale", true.into())),
        }
        object(axis)
    };
    // The name of an axis keeps clear of its longest label, which is of no known length for amounts.
    let gap = match data.units[1] {
        CurveUnit::Share => 36.0,
        CurveUnit::Amount => 64.0,
    };
    let mut series = Vec::new();
    for (slot, curve) in data.curves.iter().enumerate() {
        let mut points = Vec::new();
        for point in &curve.points {
            points.push(pair(rounded(point.x), rounded(point.y)));
        }
        let line = (palette.of(slot), dashes(Dash::of(slot)));
        series.push(object(drawn(&curve.name, slot, line, points)));
    }
    if data.has_diagonal {
        series.push(diagonal("diagonal", (0.0, 1.0), palette));
    }
    let members = vec![
        ("grid", grid([24, 16, 36, 28])),
        ("legend", legend(palette)),
        ("xAxis", number_axis(0, 28.0)),
        ("yAxis", number_axis(1, gap)),
        ("series", Value::Array(series)),
    ];
    (members, vec![("trigger", "item".into())])
}

fn pair(x: f64, y: f64) -> Value {
    Value::Array(vec![x.into(), y.into()])
}

/// Where both axes have the same value.
fn diagonal(name: &'static str, (least, most): (f64, f64), palette: &Palette) -> Value {
    let ends = vec![pair(least, least), pair(most, most)];
    object(vec![
        ("type", "line".into()),
        ("name", name.into()),
        ("showSymbol", false.into()),
        ("silent", true.into()),
        ("itemStyle", object(vec![("color", color(&palette.muted))])),
        ("lineStyle", stroke(&palette.muted, "dashed", 1.0)),
        ("data", Value::Array(ends)),
    ])
}

fn histogram_chart(data: &HistogramChart, palette: &Palette) -> (Members, Members) {
    let (mut middles, mut counts) = (Vec::new(), Vec::new());
    for bar in &data.bars {
        middles.push(numbers::decimal(f64::midpoint(bar.from, bar.to)).into());
        counts.push((bar.count as f64).into());
    }
    let mut x = named(axis("category", palette), &data.axis, 28.0);
    x.push(("data", Value::Array(middles)));
    let mut y = axis("value", palette);
    y.push(("splitNumber", 4.into()));
    let series = object(vec![
        ("type", "bar".into()),
        ("name", "rows".into()),
        ("barWidth", "92%".into()),
        ("itemStyle", object(vec![("color", color(palette.of(0)))])),
        ("data", Value::Array(counts)),
    ]);
    let members = vec![
        ("grid", grid([8, 16, 16, 28])),
        ("xAxis", object(x)),
        ("yAxis", object(y)),
        ("series", Value::Array(vec![series])),
    ];
    let pointer = object(vec![("type", "shadow".into())]);
    let tooltip = vec![("trigger", "axis".into()), ("axisPointer", pointer)];
    (members, tooltip)
}

fn scatter_chart(data: &ScatterChart, palette: &Palette) -> (Members, Members) {
    // The name of the axis keeps clear of its longest label.
    let longest = data.extent().map_or(0, |(least, most)| {
        numbers::decimal(least)
            .len()
            .max(numbers::decimal(most).len())
    });
    let number_axis = |name: &str, gap: f64| {
        let mut axis = named(axis("value", palette), name, gap);
        axis.extend([("scale", true.into()), ("splitNumber", 5.into())]);
        object(axis)
    };
    let mut points = Vec::new();
    for point in &data.points {
        points.push(pair(rounded(point.actual), rounded(point.predicted)));
    }
    let style = vec![("color", color(palette.of(0))), ("opacity", 0.55.into())];
    let mut series = vec![object(vec![
        ("type", "scatter".into()),
        ("name", "actual, predicted".into()),
        ("symbol", "circle".into()),
        ("symbolSize", 5.into()),
        ("itemStyle", object(style)),
        ("data", Value::Array(points)),
    ])];
    if let Some((least, most)) = data.extent() {
        series.push(diagonal("predicted = actual", (least, most), palette));
    }
    let members = vec![
        ("grid", grid([24, 32, 16, 28])),
        (
            "xAxis",
            number_axis(&format!("actual {}", data.quantity), 28.0),
        ),
        (
            "yAxis",
            number_axis("predicted", 18.0 + 6.5 * longest as f64),
        ),
        ("series", Value::Array(series)),
    ];
    (members, vec![("trigger", "item".into())])
}

/// Margins in pixels around the axes and their labels.
fn grid([left, right, top, bottom]: [u32; 4]) -> Value {
    object(vec![
        ("left", left.into()),
        ("right", right.into()),
        ("top", top.into()),
        ("bottom", bottom.into()),
        ("containLabel", true.into()),
    ])
}

fn axis(kind: &'static str, palette: &Palette) -> Members {
    let lines = object(vec![("color", color(&palette.border))]);
    let label = vec![
        ("color", color(&palette.muted)),
        ("fontSize", 11.into()),
        ("hideOverlap", true.into()),
    ];
    vec![
        ("type", kind.into()),
        ("nameTextStyle", text(&palette.muted, 12)),
        ("axisLabel", object(label)),
        ("axisTick", object(vec![("show", false.into())])),
        (
            "splitLine",
            object(vec![("show", true.into()), ("lineStyle", lines)]),
        ),
    ]
}

fn named(mut axis: Members, name: &str, gap: f64) -> Members {
    axis.extend([
        ("name", name.into()),
        ("nameLocation", "middle".into()),
        ("nameGap", gap.into()),
    ]);
    axis
}

fn text(hue: &str, size: u32) -> Value {
    object(vec![("color", color(hue)), ("fontSize", size.into())])
}

fn stroke(hue: &str, dash: &'static str, width: f64) -> Value {
    object(vec![
        ("color", color(hue)),
        ("type", dash.into()),
        ("width", width.into()),
    ])
}

/// To five significant digits: the tooltip shows a value as it is given.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(4 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
