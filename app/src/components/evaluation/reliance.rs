//! What a model relies on.

use domain::models::{Coefficient, Importance, Permutation};
use leptos::prelude::*;

use crate::components::effect_bar::effect_bar;
use crate::components::numbers;
use crate::components::section::TableSection;

#[component]
pub(super) fn Coefficients(
    coefficients: Vec<Coefficient>,
    intercept: f64,
    /// What they are effects on.
    scale: &'static str,
) -> impl IntoView {
    let largest = coefficients
        .iter()
        .map(|coefficient| coefficient.standardized.abs())
        .fold(0.0, f64::max);
    let reading = format!(
        "Largest effect first. Effect: change of {scale} when the input rises by one standard deviation."
    );
    let has_classes = coefficients
        .iter()
        .any(|coefficient| coefficient.class.is_some());
    let class_head = has_classes.then(|| view! { <th scope="col">"Class"</th> });
    let rows = coefficients
        .into_iter()
        .map(|coefficient| {
            let class = has_classes.then(|| view! { <td>{coefficient.class}</td> });
            view! {
                <tr>
                    <th scope="row" class="mono">{coefficient.feature}</th>
                    {class}
                    <td class="num">{numbers::decimal(coefficient.standardized)}</td>
                    <td>
                        {effect_bar(coefficient.standardized, largest)}
                    </td>
                    <td class="num">{numbers::decimal(coefficient.value)}</td>
                </tr>
            }
        })
        .collect_view();
    // Each class starts from its own.
    let intercept = (!has_classes).then(|| {
        view! {
            <tr>
                <th scope="row">"Intercept"</th>
                <td></td>
                <td></td>
                <td class="num">{numbers::decimal(intercept)}</td>
            </tr>
        }
    });
    view! {
        <TableSection title="Coefficients" reading>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Feature"</th>
                        {class_head}
                        <th scope="col" class="num">"Effect"</th>
                        <th scope="col">"Size"</th>
                        <th scope="col" class="num">"Per unit of the input"</th>
                    </tr>
                </thead>
                <tbody>{rows} {intercept}</tbody>
            </table>
        </TableSection>
    }
}

#[component]
pub(super) fn Importances(importances: Vec<Importance>) -> impl IntoView {
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
        <TableSection
            title="Feature importance"
            reading="Most important first. Share of the gain: of all that the trees' splits took off the error in training. It says what the model relies on, not in which direction."
        >
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
        </TableSection>
    }
}

#[component]
pub(super) fn Dealt(permutation: Permutation) -> impl IntoView {
    let Permutation {
        metric,
        rows,
        repeats,
        importances,
    } = permutation;
    let largest = importances.first().map_or(0.0, |first| first.mean);
    let reading = format!(
        "Largest first. Rise of the {} when the input's values are dealt out anew among {} held-out rows, {} times: what the model would lose without it.",
        metric.label(),
        numbers::count(rows.into()),
        repeats
    );
    let rows = importances
        .into_iter()
        .map(|importance| {
            view! {
                <tr>
                    <th scope="row" class="mono">{importance.feature}</th>
                    <td class="num">{numbers::decimal(importance.mean)}</td>
                    <td class="num">{numbers::decimal(importance.std)}</td>
                    <td>
                        <ShareBar share=importance.mean largest />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <TableSection title="Permutation importance" reading>
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Feature"</th>
                        <th scope="col" class="num">{format!("Rise of the {}", metric.label())}</th>
                        <th scope="col" class="num">"±"</th>
                        <th scope="col">"Size"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableSection>
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
