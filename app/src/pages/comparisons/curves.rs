use domain::comparisons::{Comparison, CurveKind, CurveSet};
use leptos::prelude::*;

use super::address::Address;
use crate::components::card::Card;
use crate::components::chart::{Chart, ChartData, Curve, CurveChart, CurveUnit};
use crate::components::field::SelectField;
use crate::components::query_form::QueryForm;

/// Nothing when none has curves.
pub(super) fn curves(address: &Address, comparison: &Comparison) -> AnyView {
    if comparison.curves.is_empty() {
        return ().into_any();
    }
    let charts = comparison
        .curves
        .iter()
        .map(|set| chart(comparison, set))
        .collect_view();
    let class = comparison.curves.iter().find_map(|set| set.class.clone());
    let classes = (comparison.classes.len() > 1)
        .then(|| class_form(address, comparison, class.clone().unwrap_or_default()));
    let hint = match class {
        Some(class) => {
            format!("Of the class {class} against all others, on each one's held-out rows.")
        }
        None => "Of at most 500 held-out rows of each.".to_owned(),
    };
    view! {
        <Card title="Curves" hint>
            <div class="stack">
                {classes}
                <div class="chart-pair">{charts}</div>
            </div>
        </Card>
    }
    .into_any()
}

fn class_form(address: &Address, comparison: &Comparison, class: String) -> AnyView {
    let options = comparison
        .classes
        .iter()
        .map(|class| (class.clone(), class.clone()))
        .collect();
    let hidden = address
        .fields(true)
        .into_iter()
        .filter(|(name, _)| *name != "class")
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view();
    view! {
        <QueryForm action=format!("/p/{}/compare", address.project) class="form-row">
            {hidden}
            <SelectField name="class" label="Curves of the class" options value=class />
            <div class="form-actions">
                <button type="submit" class="button">"Show its curves"</button>
            </div>
        </QueryForm>
    }
    .into_any()
}

fn chart(comparison: &Comparison, set: &CurveSet) -> AnyView {
    use CurveUnit::{Amount, Share};

    let target = comparison
        .items
        .get(comparison.baseline)
        .map_or("", |item| &item.target);
    let error = format!("error of {target}");
    let (title, summary, axes, units, has_diagonal) = match set.kind {
        CurveKind::Roc => (
            "ROC curves",
            "The nearer to the upper left corner, the better; the diagonal is chance.",
            ["other rows taken for the class", "rows of the class found"],
            [Share, Share],
            true,
        ),
        CurveKind::PrecisionRecall => (
            "Precision and recall",
            "The nearer to the upper right corner, the better.",
            ["rows of the class found", "right among those found"],
            [Share, Share],
            false,
        ),
        CurveKind::Calibration => (
            "Calibration",
            "On the diagonal, a probability comes true as often as it says.",
            ["probability given", "share that came true"],
            [Share, Share],
            true,
        ),
        CurveKind::ErrorQuantiles => (
            "Errors",
            "Which error a share of the held-out rows stays within: the lower, the better.",
            ["share of the held-out rows", error.as_str()],
            [Share, Amount],
            false,
        ),
        CurveKind::Bias => (
            "Bias",
            "How far actual values lie above predictions, on average, over predictions of that size: the nearer to 0, the better.",
            ["predicted", "actual - predicted"],
            [Amount, Amount],
            false,
        ),
    };
    let mut curves = Vec::new();
    for curve in &set.curves {
        let label = comparison.items.get(curve.item).map(|item| &item.label);
        curves.push(Curve {
            name: label.cloned().unwrap_or_default(),
            points: curve.points.clone(),
        });
    }
    let data = ChartData::Curves(CurveChart {
        of: "model",
        axes: axes.map(str::to_owned),
        units,
        has_diagonal,
        curves,
    });
    view! { <Chart title summary=summary.to_owned() data=Signal::stored(data) /> }.into_any()
}
