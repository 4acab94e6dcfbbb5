//! How a version did on held-out rows: the same on a run's page and on a version's.

mod classes;
mod reliance;
mod segments;

use std::collections::BTreeMap;

use domain::datasets::HistogramBar;
use domain::models::{DroppedColumn, Evaluation, EvaluationPoint, Metric};
use leptos::prelude::*;

use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::chart::{Chart, ChartData, HistogramChart, ScatterChart};
use crate::components::leaderboard::Leaderboard;
use crate::components::numbers;
use crate::components::table::TableFrame;
use classes::Classes;
use reliance::{Coefficients, Dealt, Importances};
use segments::Segments;

/// The metric that a list has room for: `R² 0.64`, `Log loss 0.42`.
#[must_use]
pub fn headline(metrics: &BTreeMap<String, f64>) -> Option<String> {
    let (name, value) = match metrics.get(Metric::LogLoss.as_str()) {
        Some(loss) => (Metric::LogLoss.label(), *loss),
        None => ("R²", *metrics.get("r2")?),
    };
    Some(format!("{name} {}", share(value)))
}

/// The held-out metrics, each beside what one would have reached without a model.
#[component]
pub fn HeldOutMetrics(metrics: BTreeMap<String, f64>) -> impl IntoView {
    let rows = held_out_rows(&metrics);
    let baseline = if metrics.contains_key(Metric::LogLoss.as_str()) {
        "Saying the classes' shares"
    } else {
        "Predicting the mean"
    };
    let split = match (metrics.get("train_rows"), metrics.get("test_rows")) {
        (Some(train), Some(test)) => {
            format!(
                "Trained on {} rows, measured on {} held-out rows.{}",
                numbers::decimal(*train),
                numbers::decimal(*test),
                folds(&metrics)
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
                    <th scope="col" class="num">{baseline}</th>
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

/// ` 5 folds of the training rows: RMSE 46,012 ± 812.`
fn folds(metrics: &BTreeMap<String, f64>) -> String {
    let of = |name: &str| metrics.get(name).copied();
    let text = |metric: Metric| {
        let name = format!("folds_{}", metric.as_str());
        let mean = shown(metric.as_str(), of(&name)?);
        let std = shown(metric.as_str(), of(&format!("{name}_std"))?);
        let folds = of("folds")?;
        let label = metric.label();
        Some(format!(
            " {folds} folds of the training rows: {label} {mean} ± {std}."
        ))
    };
    text(Metric::Rmse)
        .or_else(|| text(Metric::LogLoss))
        .unwrap_or_default()
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
        ("log_loss", "Log loss", "What the probability of the right class falls short of 1, on average, as a logarithm: sure and wrong costs most. Lower is better."),
        ("roc_auc", "ROC AUC", "How often a row of the class gets a higher probability for it than another row: 1 is perfect, 0.5 is chance. With several classes the mean over them. Higher is better."),
        ("pr_auc", "PR AUC", "Average precision: how pure the rows are that are found for the class, over all thresholds. With several classes the mean over them. Higher is better."),
        ("accuracy", "Accuracy", "Share of the rows whose label is right. Higher is better."),
        ("f1", "F1", "Between precision and recall of the labels, near the lower of the two; of two classes for the second one, of more the mean over them. Higher is better."),
        ("brier", "Brier score", "Squared distance of the probabilities from what came true, on average. Lower is better."),
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

/// What is in no unit says nothing beyond four digits after the point, and the mean's R² is zero but for noise.
fn shown(key: &str, value: f64) -> String {
    if matches!(key, "mae" | "rmse") {
        numbers::decimal(value)
    } else {
        share(value)
    }
}

fn share(value: f64) -> String {
    numbers::decimal((value * 1e4).round() / 1e4)
}

/// The comparison in words, so that nobody needs to know which way is better.
fn reading(key: &str, value: f64, baseline: Option<f64>) -> String {
    if key == "r2" {
        return format!(
            "explains {} of the variance",
            numbers::percent(value.max(0.0))
        );
    }
    let Some(baseline) = baseline else {
        return String::new();
    };
    match key {
        "accuracy" => format!(
            "{} of the labels are right; the most frequent class alone: {}",
            numbers::percent(value),
            numbers::percent(baseline)
        ),
        "roc_auc" | "pr_auc" | "f1" if value > baseline => "better than without a model".to_owned(),
        "roc_auc" | "pr_auc" | "f1" => "no better than without a model".to_owned(),
        _ if baseline <= 0.0 => String::new(),
        "log_loss" | "brier" if value < baseline => format!(
            "{} smaller than the shares'",
            numbers::percent(1.0 - value / baseline)
        ),
        "log_loss" | "brier" => "no better than saying the shares".to_owned(),
        _ if value <= baseline => format!(
            "error {} smaller than the mean's",
            numbers::percent(1.0 - value / baseline)
        ),
        _ => "worse than predicting the mean".to_owned(),
    }
}

/// Residuals and predicted against actual, or how the classes are told apart; what the model relies on, and what the pipeline
/// left out. `has_log_link` is that of [`domain::training_runs::Algorithm`].
#[component]
pub fn EvaluationCharts(
    evaluation: Evaluation,
    target: String,
    has_log_link: bool,
) -> impl IntoView {
    let Evaluation {
        points,
        residuals,
        classification,
        coefficients,
        intercept,
        importances,
        permutation,
        segments,
        candidates,
        warnings,
        dropped,
    } = evaluation;
    let metric = match &classification {
        Some(_) => Metric::LogLoss,
        None => Metric::Rmse,
    };
    let scale = match (&classification, has_log_link) {
        (Some(_), _) => "the logarithm of a class's odds",
        (None, true) => "the logarithm of the prediction",
        (None, false) => "the prediction",
    };
    let reliance = match (coefficients.is_empty(), importances.is_empty()) {
        (_, false) => view! { <Importances importances /> }.into_any(),
        (false, true) => view! { <Coefficients coefficients intercept scale /> }.into_any(),
        // It has neither.
        (true, true) => ().into_any(),
    };
    let charts = match classification {
        Some(evaluation) => view! { <Classes evaluation /> }.into_any(),
        None => numbers_charts(points, residuals, target),
    };
    let warnings = (!warnings.is_empty()).then(|| {
        let warnings = warnings
            .into_iter()
            .map(|warning| view! { <p>{warning}</p> });
        view! { <Banner tone=Tone::Warn>{warnings.collect_view()}</Banner> }
    });
    view! {
        {warnings}
        {charts}
        {(!segments.is_empty()).then(|| view! { <Segments segments metric /> })}
        {permutation.map(|permutation| view! { <Dealt permutation /> })}
        {reliance}
        {(!candidates.is_empty()).then(|| view! { <Leaderboard candidates /> })}
        <Dropped dropped />
    }
}

fn numbers_charts(
    points: Vec<EvaluationPoint>,
    residuals: Vec<HistogramBar>,
    target: String,
) -> AnyView {
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
    }
    .into_any()
}

fn residual_summary(bars: &[HistogramBar]) -> String {
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
        assert_eq!(
            reading("log_loss", 0.45, Some(0.6)),
            "25 % smaller than the shares'"
        );
        assert_eq!(
            reading("roc_auc", 0.5, Some(0.5)),
            "no better than without a model"
        );
    }

    #[test]
    fn a_list_shows_the_metric_of_the_task() {
        let of = |pairs: &[(&str, f64)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value));
            headline(&pairs.collect())
        };
        assert_eq!(of(&[("r2", 0.64)]).as_deref(), Some("R² 0.64"));
        assert_eq!(
            of(&[("log_loss", 0.424_24), ("accuracy", 0.8)]).as_deref(),
            Some("Log loss 0.4242")
        );
        assert_eq!(of(&[]), None);
    }
}
