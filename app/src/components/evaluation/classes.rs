//! How well a classifier tells classes apart.

use domain::models::{ClassCurves, ClassEvaluation, CurvePoint, Estimate, Threshold};
use leptos::prelude::*;

use crate::components::chart::{Chart, ChartData, Curve, CurveChart, CurveUnit};
use crate::components::field::TextField;
use crate::components::numbers;
use crate::components::section::TableSection;

/// Classes that the table of labels has room for, those with the most rows.
const SHOWN: usize = 20;

#[component]
pub(super) fn Classes(evaluation: ClassEvaluation) -> impl IntoView {
    let charts = charts(&evaluation.curves);
    let interval = interval(evaluation.log_loss);
    let confusion = confusion(&evaluation);
    let per_class = per_class(&evaluation);
    let positive = evaluation.classes.get(1).cloned().unwrap_or_default();
    let thresholds = (!evaluation.thresholds.is_empty())
        .then(|| view! { <Thresholds thresholds=evaluation.thresholds positive /> });
    view! {
        <p class="muted">{interval}</p>
        {confusion}
        {per_class}
        {charts}
        {thresholds}
    }
}

fn interval(Estimate { value, low, high }: Estimate) -> String {
    let digits = |value: f64| numbers::decimal((value * 1e4).round() / 1e4);
    format!(
        "Log loss {}: on other rows like these it would lie between {} and {}, with a probability of 95 %.",
        digits(value),
        digits(low),
        digits(high)
    )
}

fn confusion(evaluation: &ClassEvaluation) -> AnyView {
    let mut shown: Vec<usize> = (0..evaluation.classes.len()).collect();
    shown.sort_by_key(|&class| std::cmp::Reverse(evaluation.per_class[class].rows));
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    shown.sort_unstable();
    let heads = shown
        .iter()
        .map(
            |&class| view! { <th scope="col" class="num">{evaluation.classes[class].clone()}</th> },
        )
        .collect_view();
    let rows = shown
        .iter()
        .map(|&actual| {
            let cells = shown
                .iter()
                .map(|&label| {
                    let count = evaluation.confusion[actual][label];
                    view! { <td class="num" class:strong=actual == label>{numbers::count(count)}</td> }
                })
                .collect_view();
            view! {
                <tr>
                    <th scope="row">{evaluation.classes[actual].clone()}</th>
                    {cells}
                </tr>
            }
        })
        .collect_view();
    let more = if more > 0 {
        format!(
            " The {SHOWN} classes with the most held-out rows; the API has all {}.",
            evaluation.classes.len()
        )
    } else {
        String::new()
    };
    let reading = format!(
        "A row for each class as it was, a column for each label that was given: right ones stand on the diagonal.{more}"
    );
    view! {
        <TableSection title="Confusion matrix" reading>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Was, labelled as"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableSection>
    }
    .into_any()
}

fn per_class(evaluation: &ClassEvaluation) -> AnyView {
    let share = |value: Option<f64>| {
        let text = value.map(|value| numbers::decimal((value * 1e4).round() / 1e4));
        text.unwrap_or_else(|| "–".to_owned())
    };
    let rows = evaluation
        .classes
        .iter()
        .zip(&evaluation.per_class)
        .map(|(class, metrics)| {
            view! {
                <tr>
                    <th scope="row">{class.clone()}</th>
                    <td class="num">{numbers::count(metrics.rows)}</td>
                    <td class="num">{share(metrics.precision)}</td>
                    <td class="num">{share(metrics.recall)}</td>
                    <td class="num">{share(metrics.f1)}</td>
                    <td class="num">{share(metrics.roc_auc)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <TableSection
            title="Class by class"
            reading="Precision: of the rows labelled so, how many are. Recall: of the rows that are so, how many are labelled."
        >
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Class"</th>
                        <th scope="col" class="num">"Held-out rows"</th>
                        <th scope="col" class="num">"Precision"</th>
                        <th scope="col" class="num">"Recall"</th>
                        <th scope="col" class="num">"F1"</th>
                        <th scope="col" class="num">"ROC AUC"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableSection>
    }
    .into_any()
}

fn charts(curves: &[ClassCurves]) -> AnyView {
    let chart = |axes: [&str; 2], has_diagonal, points: fn(&ClassCurves) -> Vec<CurvePoint>| {
        let lines = curves.iter().map(|curve| Curve {
            name: curve.class.clone(),
            points: points(curve),
        });
        Signal::stored(ChartData::Curves(CurveChart {
            of: "class",
            axes: axes.map(str::to_owned),
            units: [CurveUnit::Share; 2],
            has_diagonal,
            curves: lines.filter(|curve| !curve.points.is_empty()).collect(),
        }))
    };
    let roc = chart(
        ["other rows taken for the class", "rows of the class found"],
        true,
        |curve| curve.roc.clone(),
    );
    let precision = chart(
        ["rows of the class found", "right among those found"],
        false,
        |curve| curve.precision_recall.clone(),
    );
    let calibration = chart(
        ["probability given", "share that came true"],
        true,
        |curve| {
            let bins = curve.calibration.iter();
            bins.map(|bin| CurvePoint {
                x: bin.predicted,
                y: bin.actual,
            })
            .collect()
        },
    );
    view! {
        <div class="chart-pair">
            <Chart
                title="ROC curve"
                summary="The nearer to the upper left corner, the better; the diagonal is chance."
                data=roc
            />
            <Chart
                title="Precision and recall"
                summary="The nearer to the upper right corner, the better."
                data=precision
            />
        </div>
        <Chart
            title="Calibration"
            summary="Held-out rows in bins of the probability that they were given. On the diagonal, a probability comes true as often as it says."
            data=calibration
        />
    }
    .into_any()
}

/// What comes of other thresholds than one half, and which one costs least.
#[component]
fn Thresholds(thresholds: Vec<Threshold>, positive: String) -> impl IntoView {
    let (false_positive, set_false_positive) = signal(1.0_f64);
    let (false_negative, set_false_negative) = signal(1.0_f64);
    let cost = move |row: &Threshold| row.cost(false_positive.get(), false_negative.get());
    let cheapest = {
        let thresholds = thresholds.clone();
        Memo::new(move |_| {
            let costs = thresholds.iter().map(|row| (cost(row), row.threshold));
            costs.reduce(|best, next| if next.0 < best.0 { next } else { best })
        })
    };
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), numbers::percent);
    let rows = thresholds
        .into_iter()
        .map(|row| {
            let is_cheapest = move || {
                let cheapest = cheapest.get().map(|(_, threshold)| threshold);
                cheapest.is_some_and(|threshold| (threshold - row.threshold).abs() < 1e-9)
            };
            view! {
                <tr>
                    <th scope="row" class="num">
                        {numbers::decimal(row.threshold)} " "
                        {move || is_cheapest().then(|| view! { <span class="hint">"Lowest cost"</span> })}
                    </th>
                    <td class="num">{share(row.precision())}</td>
                    <td class="num">{share(row.recall())}</td>
                    <td class="num">{share(row.accuracy())}</td>
                    <td class="num">{numbers::count(row.false_positives)}</td>
                    <td class="num">{numbers::count(row.false_negatives)}</td>
                    <td class="num">{move || numbers::decimal(cost(&row))}</td>
                </tr>
            }
        })
        .collect_view();
    let reading = format!(
        "What comes of the label {positive} wherever its probability is at least the threshold. The label that callers get is that of the highest probability, which is a threshold of 0.5."
    );
    view! {
        <TableSection title="Thresholds" reading>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col" class="num">"Threshold"</th>
                        <th scope="col" class="num">"Precision"</th>
                        <th scope="col" class="num">"Recall"</th>
                        <th scope="col" class="num">"Accuracy"</th>
                        <th scope="col" class="num">"Wrongly labelled so"</th>
                        <th scope="col" class="num">"Missed"</th>
                        <th scope="col" class="num">"Cost"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableSection>
        <div class="form-row needs-script">
            {cost_field("false_positive", "Cost of a row wrongly labelled so", set_false_positive)}
            {cost_field("false_negative", "Cost of a row that is missed", set_false_negative)}
        </div>
    }
}

/// What costs 1 until somebody enters something else.
fn cost_field(name: &'static str, label: &'static str, set: WriteSignal<f64>) -> impl IntoView {
    let entered = move |event| {
        let cost = event_target_value(&event).parse().ok();
        if let Some(cost) = cost.filter(|cost: &f64| cost.is_finite() && *cost >= 0.0) {
            set.set(cost);
        }
    };
    view! {
        <div on:input=entered>
            <TextField name label kind="number" min="0" step="any" value="1" required=false />
        </div>
    }
}
