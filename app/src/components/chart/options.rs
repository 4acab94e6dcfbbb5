//! ECharts options, typed by `charming`. What its types do not know yet is added as JSON at the end.

use charming::Chart;
use charming::component::{Aria, Axis, Grid, Legend, LegendType};
use charming::datatype::{CompositeValue, DataPoint, NumericValue};
use charming::element::{
    AxisLabel, AxisPointer, AxisPointerType, AxisTick, AxisType, ItemStyle, Label, LineStyle,
    LineStyleType, MarkLine, MarkLineData, MarkLineVariant, NameLocation, SplitLine, Symbol,
    TextStyle, Tooltip, Trigger,
};
use charming::series::{Bar, Line, Scatter};
use serde_json::{Value, json};

use super::data::{ChartData, ChartLine, Dash, HistogramChart, LineChart, ScatterChart, Unit};
use crate::components::numbers;

/// Point markers, in the order of the series colours.
const SYMBOLS: [Symbol; 8] = [
    Symbol::Circle,
    Symbol::Rect,
    Symbol::Triangle,
    Symbol::Diamond,
    Symbol::RoundRect,
    Symbol::Pin,
    Symbol::Arrow,
    Symbol::Circle,
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

/// The options of the drawing, as ECharts takes them.
pub(super) fn build(data: &ChartData, palette: &Palette) -> Value {
    let chart = Chart::new()
        .animation(false)
        .aria(Aria::new().enabled(true))
        .color(vec![palette.text.as_str()]);
    let chart = match data {
        ChartData::Lines(lines) => line_chart(chart, lines, palette),
        ChartData::Histogram(histogram) => histogram_chart(chart, histogram, palette),
        ChartData::Scatter(scatter) => scatter_chart(chart, scatter, palette),
    };
    let mut options = serde_json::to_value(chart).unwrap_or_else(|_| json!({}));
    options["useUTC"] = json!(true);
    options["textStyle"] = json!({ "fontFamily": palette.font, "color": palette.text });
    // Text drawn into the SVG needs no HTML and no inline style, which the page's policy refuses.
    options["tooltip"]["renderMode"] = json!("richText");
    options["tooltip"]["confine"] = json!(true);
    options["tooltip"]["textStyle"] = json!({ "color": palette.text, "fontSize": 12 });
    if let ChartData::Lines(lines) = data {
        options["xAxis"]["min"] = json!(lines.from.unix_millis());
        options["xAxis"]["max"] = json!(lines.to.unix_millis());
    }
    options
}

fn line_chart(chart: Chart, data: &LineChart, palette: &Palette) -> Chart {
    let mut chart = chart
        .grid(
            Grid::new()
                .left(8)
                .right(16)
                .top(36)
                .bottom(8)
                .contain_label(true),
        )
        .legend(
            Legend::new()
                .type_(LegendType::Scroll)
                .top(0)
                .left(0)
                .item_width(28)
                .text_style(TextStyle::new().color(palette.muted.as_str()).font_size(12)),
        )
        .tooltip(
            tooltip(palette).trigger(Trigger::Axis).axis_pointer(
                AxisPointer::new()
                    .type_(AxisPointerType::Line)
                    .line_style(LineStyle::new().color(palette.muted.as_str())),
            ),
        )
        .x_axis(
            axis(palette)
                .type_(AxisType::Time)
                .split_line(SplitLine::new().show(false)),
        )
        .y_axis(
            match data.unit {
                // Half a request does not exist, so the axis must not offer it.
                Unit::Count => axis(palette).min_interval(1),
                Unit::Milliseconds => axis(palette),
            }
            .type_(AxisType::Value)
            .min(0)
            .split_number(4),
        );
    let marks = data.marks();
    for (index, line) in data.lines.iter().enumerate() {
        let series = line_series(line, palette);
        chart = chart.series(if index > 0 || marks.is_empty() {
            series
        } else {
            series.mark_line(
                MarkLine::new()
                    .symbol(vec![Symbol::None, Symbol::None])
                    .silent(true)
                    .line_style(
                        LineStyle::new()
                            .color(palette.muted.as_str())
                            .type_(LineStyleType::Dotted)
                            .width(1),
                    )
                    .label(
                        Label::new()
                            .show(true)
                            .formatter("{b}")
                            .color(palette.muted.as_str())
                            .font_size(11),
                    )
                    .data(
                        marks
                            .iter()
                            .map(|(at, label)| {
                                MarkLineVariant::Simple(
                                    MarkLineData::new()
                                        .name(label.as_str())
                                        .x_axis(at.unix_millis()),
                                )
                            })
                            .collect(),
                    ),
            )
        });
    }
    chart
}

fn line_series(line: &ChartLine, palette: &Palette) -> Line {
    let color = palette.of(line.slot);
    Line::new()
        .name(line.name.as_str())
        .symbol(SYMBOLS[line.slot % SYMBOLS.len()].clone())
        .symbol_size(5.0)
        .show_symbol(line.points.len() <= MOST_MARKED_POINTS)
        .connect_nulls(false)
        .item_style(ItemStyle::new().color(color))
        .line_style(
            LineStyle::new()
                .color(color)
                .width(1.75)
                .type_(match line.dash {
                    Dash::Solid => LineStyleType::Solid,
                    Dash::Dashed => LineStyleType::Dashed,
                    Dash::Dotted => LineStyleType::Dotted,
                }),
        )
        .data(
            line.points
                .iter()
                .map(|(at, value)| {
                    pair(
                        at.unix_millis().into(),
                        value.map(|value| rounded(value).into()),
                    )
                })
                .collect::<Vec<_>>(),
        )
}

fn histogram_chart(chart: Chart, data: &HistogramChart, palette: &Palette) -> Chart {
    chart
        .grid(
            Grid::new()
                .left(8)
                .right(16)
                .top(16)
                .bottom(28)
                .contain_label(true),
        )
        .tooltip(
            tooltip(palette)
                .trigger(Trigger::Axis)
                .axis_pointer(AxisPointer::new().type_(AxisPointerType::Shadow)),
        )
        .x_axis(
            axis(palette)
                .type_(AxisType::Category)
                .name(data.axis.as_str())
                .name_location(NameLocation::Middle)
                .name_gap(28)
                .data(
                    data.bars
                        .iter()
                        .map(|bar| numbers::decimal(f64::midpoint(bar.from, bar.to)))
                        .collect::<Vec<_>>(),
                ),
        )
        .y_axis(axis(palette).type_(AxisType::Value).split_number(4))
        .series(
            Bar::new()
                .name("rows")
                .bar_width("92%")
                .item_style(ItemStyle::new().color(palette.of(0)))
                .data(
                    data.bars
                        .iter()
                        .map(|bar| bar.count as f64)
                        .collect::<Vec<_>>(),
                ),
        )
}

fn scatter_chart(chart: Chart, data: &ScatterChart, palette: &Palette) -> Chart {
    let number_axis = |name: &str, gap: f64| {
        axis(palette)
            .type_(AxisType::Value)
            .scale(true)
            .split_number(5)
            .name(name)
            .name_location(NameLocation::Middle)
            .name_gap(gap)
    };
    // The name of the axis keeps clear of its longest label.
    let longest = data.extent().map_or(0, |(least, most)| {
        numbers::decimal(least)
            .len()
            .max(numbers::decimal(most).len())
    });
    let chart = chart
        .grid(
            Grid::new()
                .left(24)
                .right(32)
                .top(16)
                .bottom(28)
                .contain_label(true),
        )
        .tooltip(tooltip(palette).trigger(Trigger::Item))
        .x_axis(number_axis(&format!("actual {}", data.quantity), 28.0))
        .y_axis(number_axis("predicted", 18.0 + 6.5 * longest as f64))
        .series(
            Scatter::new()
                .name("actual, predicted")
                .symbol(Symbol::Circle)
                .symbol_size(5.0)
                .item_style(ItemStyle::new().color(palette.of(0)).opacity(0.55))
                .data(
                    data.points
                        .iter()
                        .map(|point| {
                            pair(
                                rounded(point.actual).into(),
                                Some(rounded(point.predicted).into()),
                            )
                        })
                        .collect::<Vec<_>>(),
                ),
        );
    let Some((least, most)) = data.extent() else {
        return chart;
    };
    chart.series(
        Line::new()
            .name("predicted = actual")
            .show_symbol(false)
            .silent(true)
            .item_style(ItemStyle::new().color(palette.muted.as_str()))
            .line_style(
                LineStyle::new()
                    .color(palette.muted.as_str())
                    .width(1)
                    .type_(LineStyleType::Dashed),
            )
            .data(vec![
                pair(least.into(), Some(least.into())),
                pair(most.into(), Some(most.into())),
            ]),
    )
}

fn axis(palette: &Palette) -> Axis {
    Axis::new()
        .name_text_style(TextStyle::new().color(palette.muted.as_str()).font_size(12))
        .axis_label(AxisLabel::new().color(palette.muted.as_str()).font_size(11))
        .axis_tick(AxisTick::new().show(false))
        .split_line(
            SplitLine::new()
                .show(true)
                .line_style(LineStyle::new().color(palette.border.as_str())),
        )
}

fn tooltip(palette: &Palette) -> Tooltip {
    Tooltip::new()
        .background_color(palette.surface.as_str())
        .border_color(palette.border.as_str())
        .border_width(1)
}

/// To five significant digits: the tooltip shows a value as it is given.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(4 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

fn pair(x: NumericValue, y: Option<NumericValue>) -> DataPoint {
    DataPoint::Value(CompositeValue::Array(vec![
        CompositeValue::Number(x),
        CompositeValue::OptionalNumber(y),
    ]))
}
