//! Requests, errors and latencies by version over time.

use domain::Name;
use domain::metrics::{DeploymentMetrics, MetricPoint, VersionSeries};
use leptos::prelude::*;

use crate::calls::read_when;
use crate::components::card::Card;
use crate::components::chart::{
    Chart, ChartData, ChartLine, Dash, LineChart, Unit, lettered, with_gaps,
};
use crate::components::code::CodeBlock;
use crate::components::numbers;
use crate::components::refreshed::refreshed_part;
use crate::components::table::TableFrame;
use crate::context::{use_query, use_site};
use crate::server_fns::metrics::{GetDeploymentMetrics, MetricsRange};

pub(super) fn metrics(project: &Name, name: &Name, live: Signal<u64>) -> AnyView {
    let query = use_query("range");
    let range = Memo::new(move |_| MetricsRange::from_query(query.get().as_deref()));
    let series = {
        let (project, name) = (project.clone(), name.clone());
        read_when(
            move || live.get(),
            move || GetDeploymentMetrics {
                project: project.clone(),
                deployment: name.clone(),
                range: range.get(),
            },
        )
    };
    let base = format!("/p/{project}/deployments/{name}?tab=metrics");
    let endpoint = format!("{}/predict/{name}", use_site().base_url);
    view! {
        <div class="stack">
            {range_picker(&base, range)}
            {refreshed_part(series, move |series| charts(series, range, endpoint.clone()))}
        </div>
    }
    .into_any()
}

fn range_picker(base: &str, range: Memo<MetricsRange>) -> AnyView {
    let links = MetricsRange::ALL
        .into_iter()
        .map(|option| {
            let href = format!("{base}&range={}", option.as_str());
            view! {
                <li>
                    <a class="button small" href=href aria-current=move || (range.get() == option).then_some("true")>
                        {option.as_str()}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label="Time range">
            <ul class="range-picker">{links}</ul>
        </nav>
    }
    .into_any()
}

fn charts(
    series: Signal<DeploymentMetrics>,
    range: Memo<MetricsRange>,
    endpoint: String,
) -> AnyView {
    let is_empty = Memo::new(move |_| {
        series.with(|series| series.versions.iter().all(|version| version.requests == 0))
    });
    let content = move || {
        if is_empty.get() {
            no_traffic(range, &endpoint)
        } else {
            drawn(series, range)
        }
    };
    content.into_any()
}

fn no_traffic(range: Memo<MetricsRange>, endpoint: &str) -> AnyView {
    let command = format!(
        "curl -X POST {endpoint} \\\n  -H \"Authorization: Bearer $VOLARY_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{{\"inputs\": {{}}}}'"
    );
    view! {
        <Card title="No traffic in this range">
            <p>{move || format!("No request came in {}. Choose a longer range, or send one:", range.get().in_words())}</p>
            <CodeBlock code=command label="curl" />
        </Card>
    }
    .into_any()
}

fn drawn(series: Signal<DeploymentMetrics>, range: Memo<MetricsRange>) -> AnyView {
    let requests = Signal::derive(move || {
        series.with(|series| by_version(series, Unit::Count, |point| Some(point.requests as f64)))
    });
    let errors = Signal::derive(move || {
        series.with(|series| by_version(series, Unit::Count, |point| Some(point.errors as f64)))
    });
    let latency = Signal::derive(move || series.with(latencies));
    let request_words = Signal::derive(move || {
        let total: u64 =
            series.with(|series| series.versions.iter().map(|version| version.requests).sum());
        format!(
            "{} requests in {}, by version.",
            numbers::count(total),
            range.get().in_words()
        )
    });
    let error_words = Signal::derive(move || {
        let (requests, errors) = series.with(|series| {
            series.versions.iter().fold((0, 0), |sum, version| {
                (sum.0 + version.requests, sum.1 + version.errors)
            })
        });
        let share = if requests == 0 {
            0.0
        } else {
            errors as f64 / requests as f64
        };
        format!(
            "{} requests failed ({}) in {}, by version.",
            numbers::count(errors),
            numbers::percent(share),
            range.get().in_words()
        )
    });
    let latency_words = Signal::derive(move || {
        format!(
            "Time to answer by version in {}: half of the requests (p50), 90 % (p90) and 99 % (p99) were faster.",
            range.get().in_words()
        )
    });
    let step = move || numbers::duration(f64::from(series.with(|series| series.step)));
    view! {
        <Card title="By version" flush=true>{move || series.with(summary)}</Card>
        <Card>
            <Chart title="Requests" summary=request_words data=requests />
            <Chart title="Errors" summary=error_words data=errors />
            <Chart title="Latency, milliseconds" summary=latency_words data=latency />
            <p class="hint">
                {move || format!("Each point stands for {}. Times are UTC. Where there was no traffic there is a gap.", step())}
            </p>
            {move || series.with(markers)}
        </Card>
    }
    .into_any()
}

fn summary(series: &DeploymentMetrics) -> AnyView {
    let milliseconds =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), numbers::milliseconds);
    let rows = series
        .versions
        .iter()
        .map(|version| {
            let share = if version.requests == 0 {
                0.0
            } else {
                version.errors as f64 / version.requests as f64
            };
            view! {
                <tr>
                    <th scope="row">{format!("v{}", version.version)}</th>
                    <td class="num">{numbers::count(version.requests)}</td>
                    <td class="num">{numbers::count(version.errors)}</td>
                    <td class="num">{numbers::percent(share)}</td>
                    <td class="num">{milliseconds(version.p50)}</td>
                    <td class="num">{milliseconds(version.p90)}</td>
                    <td class="num">{milliseconds(version.p99)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <TableFrame label="Figures by version">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Version"</th>
                        <th scope="col" class="num">"Requests"</th>
                        <th scope="col" class="num">"Errors"</th>
                        <th scope="col" class="num">"Error rate"</th>
                        <th scope="col" class="num">"p50"</th>
                        <th scope="col" class="num">"p90"</th>
                        <th scope="col" class="num">"p99"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableFrame>
    }
    .into_any()
}

/// The charts' dotted lines in words.
fn markers(series: &DeploymentMetrics) -> AnyView {
    if series.markers.is_empty() {
        return ().into_any();
    }
    let items = lettered(&series.markers)
        .into_iter()
        .map(|(letter, marker)| {
            view! {
                <li>
                    <span class="strong">{letter}</span>
                    {format!(" {} UTC: {}", numbers::minute(marker.at), marker.label)}
                </li>
            }
        })
        .collect_view();
    view! {
        <div class="stack-tight">
            <h3>"Changes marked in the charts"</h3>
            <ul class="plain-list">{items}</ul>
        </div>
    }
    .into_any()
}

fn by_version(
    series: &DeploymentMetrics,
    unit: Unit,
    value: impl Fn(&MetricPoint) -> Option<f64>,
) -> ChartData {
    let lines = series
        .versions
        .iter()
        .enumerate()
        .map(|(slot, version)| {
            line(
                series,
                version,
                slot,
                Dash::of(slot),
                format!("v{}", version.version),
                &value,
            )
        })
        .collect();
    chart(series, unit, lines)
}

/// Three lines a version: the marker says which version, the dash which share.
fn latencies(series: &DeploymentMetrics) -> ChartData {
    let lines = series
        .versions
        .iter()
        .enumerate()
        .flat_map(|(slot, version)| {
            let of = |name: &str, dash, value: &dyn Fn(&MetricPoint) -> Option<f64>| {
                line(
                    series,
                    version,
                    slot,
                    dash,
                    format!("v{} {name}", version.version),
                    value,
                )
            };
            [
                of("p50", Dash::Solid, &|point| point.p50),
                of("p90", Dash::Dashed, &|point| point.p90),
                of("p99", Dash::Dotted, &|point| point.p99),
            ]
        })
        .collect();
    chart(series, Unit::Milliseconds, lines)
}

fn line(
    series: &DeploymentMetrics,
    version: &VersionSeries,
    slot: usize,
    dash: Dash,
    name: String,
    value: impl Fn(&MetricPoint) -> Option<f64>,
) -> ChartLine {
    let points = with_gaps(
        version.points.iter().map(|point| (point.at, value(point))),
        series.step,
    );
    ChartLine {
        name,
        slot,
        dash,
        points,
    }
}

fn chart(series: &DeploymentMetrics, unit: Unit, lines: Vec<ChartLine>) -> ChartData {
    ChartData::Lines(LineChart {
        unit,
        from: series.from,
        to: series.to,
        lines,
        markers: series.markers.clone(),
    })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn each_version_has_three_latency_lines_that_differ_in_their_dash() {
        let at = Timestamp::UNIX_EPOCH;
        let point = MetricPoint {
            at,
            requests: 5,
            errors: 1,
            p50: Some(1.0),
            p90: Some(2.0),
            p99: None,
        };
        let version = |version| VersionSeries {
            version,
            requests: 5,
            errors: 1,
            p50: Some(1.0),
            p90: Some(2.0),
            p99: None,
            drift: None,
            points: vec![point.clone()],
        };
        let series = DeploymentMetrics {
            deployment: Name::new("price").unwrap(),
            from: at,
            to: at.plus_seconds(60),
            step: 60,
            versions: vec![version(1), version(2)],
            markers: Vec::new(),
        };
        let ChartData::Lines(chart) = latencies(&series) else {
            panic!("not lines")
        };
        let names: Vec<_> = chart
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.slot, line.dash))
            .collect();
        assert_eq!(names[0], ("v1 p50", 0, Dash::Solid));
        assert_eq!(names[5], ("v2 p99", 1, Dash::Dotted));
        assert_eq!(chart.lines[5].points, [(at, None)]);
    }
}
