//! How a version did on held-out rows: the same on a run's page and on a version's.

use std::collections::BTreeMap;

use domain::models::{Coefficient, DroppedColumn, Evaluation, Importance};
use leptos::prelude::*;

use crate::components::chart::{Chart, ChartData, HistogramChart, ScatterChart};
use crate::components::leaderboard::Leaderboard;
use crate::components::numbers;
use crate::components::table::TableFrame;

/// The held-out metrics, each beside what predicting the mean would have reached.
#[component]
pub fn HeldOutMetrics(metrics: BTreeMap<String, f64>) -> impl IntoView {
    let rows = held_out_rows(&metrics);
    let split = match (metrics.get("train_rows"), metrics.get("test_rows")) {
        (Some(train), Some(test)) => {
            format!(
                "Trained on {} rows, measured on {} held-out rows.",
                numbers::decimal(*train),
                numbers::decimal(*test)
            )
        }
        _ => String::new(),
    };
    view! {
        <TableFrame label="Held-out metrics">
        <table class="table held-out">
            <caption class="table-note">{split}</caption>
            <thead>
                <tr>
                    <th scope="col">"Held-out metric"</th>
                    <th scope="col" class="num">"This model"</th>
                    <th scope="col" class="num">"Predicting the mean"</th>
                    <th scope="col">"Reading"</th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .into_iter()
                    .map(|row| {
                        view! {
                            <tr>
                                <th scope="row"><abbr title=row.meaning>{row.name}</abbr></th>
                                <td class="num strong">{row.value}</td>
                                <td class="num">{row.baseline}</td>
                                <td class="muted">{row.reading}</td>
                            </tr>
                        }
                    })
                    .collect_view()}
            </tbody>
        </table>
        </TableFrame>
    }
}

struct MetricRow {
    name: &'static str,
    meaning: &'static str,
    value: String,
    baseline: String,
    reading: String,
}

fn held_out_rows(metrics: &BTreeMap<String, f64>) -> Vec<MetricRow> {
    [
        ("mae", "MAE", "Mean absolute error: how far off a prediction is on average. Lower is better."),
        ("rmse", "RMSE", "Root of the mean squared error: as MAE, but large misses weigh more. Lower is better."),
        ("r2", "R²", "Share of the variance that the model explains: 1 is perfect, 0 is no better than the mean. Higher is better."),
    ]
    .into_iter()
    .filter_map(|(key, name, meaning)| {
        let value = *metrics.get(key)?;
        let baseline = metrics.get(&format!("baseline_{key}")).copied();
        Some(MetricRow {
            name,
            meaning,
            value: shown(key, value),
            baseline: baseline
                .map_or_else(|| "not computed".to_owned(), |baseline| shown(key, baseline)),
            reading: reading(key, value, baseline),
        })
    })
    .collect()
}

/// R² is a share: beyond four digits after the point it says nothing, and the mean's is zero but for noise.
fn shown(key: &str, value: f64) -> String {
    if key == "r2" {
        numbers::decimal((value * 1e4).round() / 1e4)
    } else {
        numbers::decimal(value)
    }
}

/// The comparison in words, so that nobody needs to know which way is better.
fn reading(key: &str, value: f64, baseline: Option<f64>) -> String {
    if key == "r2" {
        return format!(
            "explains {} of the variance",
            numbers::percent(value.max(0.0))
        );
    }
    match baseline {
        Some(baseline) if baseline > 0.0 && value <= baseline => {
            format!(
                "error {} smaller than the mean's",
                numbers::percent(1.0 - value / baseline)
            )
        }
        Some(baseline) if baseline > 0.0 => "worse than predicting the mean".to_owned(),
        _ => String::new(),
    }
}

/// Residuals, predicted against actual, what the model relies on, and what the pipeline left out.
#[component]
pub fn EvaluationCharts(evaluation: Evaluation, target: String) -> impl IntoView {
    let Evaluation {
        points,
        residuals,
        coefficients,
        intercept,
        importances,
        candidates,
        dropped,
    } = evaluation;
    let reliance = if importances.is_empty() {
        view! { <Coefficients coefficients intercept /> }.into_any()
    } else {
        view! { <Importances importances /> }.into_any()
    };
    let scatter_summary = format!(
        "{} held-out rows: the nearer to the diagonal, the better. Predictions above it are too high.",
        numbers::count(points.len() as u64)
    );
    let residual_summary = residual_summary(&residuals);
    let residual_data = ChartData::Histogram(HistogramChart {
        axis: "actual - predicted".to_owned(),
        bars: residuals,
    });
    let scatter_data = ChartData::Scatter(ScatterChart {
        quantity: target,
        points,
    });
    view! {
        <div class="chart-pair">
            <Chart title="Predicted vs actual" summary=scatter_summary data=Signal::stored(scatter_data) />
            <Chart title="Residuals" summary=residual_summary data=Signal::stored(residual_data) />
        </div>
        {reliance}
        {(!candidates.is_empty()).then(|| view! { <Leaderboard candidates /> })}
        <Dropped dropped />
    }
}

fn residual_summary(bars: &[domain::datasets::HistogramBar]) -> String {
    let total: u64 = bars.iter().map(|bar| bar.count).sum();
    let Some(tallest) = bars.iter().max_by_key(|bar| bar.count) else {
        return "No held-out rows.".to_owned();
    };
    format!(
        "{} held-out rows; most often the residual lies between {} and {}. A good model's lie evenly around zero.",
        numbers::count(total),
        numbers::decimal(tallest.from),
        numbers::decimal(tallest.to)
    )
}

#[component]
fn Coefficients(coefficients: Vec<Coefficient>, intercept: f64) -> impl IntoView {
    let largest = coefficients
        .iter()
        .map(|coefficient| coefficient.standardized.abs())
        .fold(0.0, f64::max);
    view! {
        <section class="stack">
            <h3>"Coefficients"</h3>
            <p class="muted">
                "Largest effect first. Effect: change of the prediction when the input rises by one standard deviation."
            </p>
            <TableFrame label="Coefficients">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Feature"</th>
                            <th scope="col" class="num">"Effect"</th>
                            <th scope="col">"Size"</th>
                            <th scope="col" class="num">"Per unit of the input"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {coefficients
                            .into_iter()
                            .map(|coefficient| {
                                view! {
                                    <tr>
                                        <th scope="row" class="mono">{coefficient.feature}</th>
                                        <td class="num">{numbers::decimal(coefficient.standardized)}</td>
                                        <td>
                                            <EffectBar effect=coefficient.standardized largest />
                                        </td>
                                        <td class="num">{numbers::decimal(coefficient.value)}</td>
                                    </tr>
                                }
                            })
                            .collect_view()}
                        <tr>
                            <th scope="row">"Intercept"</th>
                            <td></td>
                            <td></td>
                            <td class="num">{numbers::decimal(intercept)}</td>
                        </tr>
                    </tbody>
                </table>
            </TableFrame>
        </section>
    }
}

/// A bar to the right for a raising effect, to the left for a lowering one. The number stands beside it.
#[component]
fn EffectBar(effect: f64, largest: f64) -> impl IntoView {
    let share = if largest > 0.0 {
        (effect.abs() / largest).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let width = 48.0 * share;
    let x = if effect < 0.0 { 50.0 - width } else { 50.0 };
    view! {
        <svg class="effect-bar" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" focusable="false">
            <line x1="50" y1="0" x2="50" y2="10" class="effect-axis"></line>
            <rect x=format!("{x:.1}") y="2" width=format!("{width:.1}") height="6" class:is-negative=effect < 0.0></rect>
        </svg>
    }
}

#[component]
fn Importances(importances: Vec<Importance>) -> impl IntoView {
    let largest = importances
        .iter()
        .map(|importance| importance.gain)
        .fold(0.0, f64::max);
    let rows = importances
        .into_iter()
        .map(|importance| {
            view! {
                <tr>
                    <th scope="row" class="mono">{importance.feature}</th>
                    <td class="num">{numbers::percent(importance.gain)}</td>
                    <td>
                        <ShareBar share=importance.gain largest />
                    </td>
                    <td class="num">{numbers::count(importance.splits)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <section class="stack">
            <h3>"Feature importance"</h3>
            <p class="muted">
                "Most important first. Share of the gain: of all that the trees' splits took off the error in training. It says what the model relies on, not in which direction."
            </p>
            <TableFrame label="Feature importance">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Feature"</th>
                            <th scope="col" class="num">"Share of the gain"</th>
                            <th scope="col">"Size"</th>
                            <th scope="col" class="num">"Splits"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </section>
    }
}

/// The number stands beside it.
#[component]
fn ShareBar(share: f64, largest: f64) -> impl IntoView {
    let width = if largest > 0.0 {
        100.0 * (share / largest).clamp(0.0, 1.0)
    } else {
        0.0
    };
    view! {
        <svg class="effect-bar" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true" focusable="false">
            <rect x="0" y="2" width=format!("{width:.1}") height="6"></rect>
        </svg>
    }
}

#[component]
fn Dropped(dropped: Vec<DroppedColumn>) -> impl IntoView {
    (!dropped.is_empty()).then(|| {
        view! {
            <section class="stack">
                <h3>"Columns left out"</h3>
                <ul class="plain-list">
                    {dropped
                        .into_iter()
                        .map(|column| view! { <li><span class="mono">{column.column}</span> ": " {column.reason}</li> })
                        .collect_view()}
                </ul>
            </section>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_worse_than_the_mean_is_called_that() {
        assert_eq!(
            reading("mae", 3.0, Some(2.0)),
            "worse than predicting the mean"
        );
        assert_eq!(
            reading("mae", 1.0, Some(4.0)),
            "error 75 % smaller than the mean's"
        );
        assert_eq!(
            reading("r2", 0.64, Some(0.0)),
            "explains 64 % of the variance"
        );
        assert_eq!(reading("rmse", 1.0, None), "");
    }
}
