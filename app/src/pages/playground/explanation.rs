use leptos::prelude::*;
use serde_json::Value;

use super::answer::ranked;
use crate::components::effect_bar::effect_bar;
use crate::components::numbers;
use crate::components::table::TableFrame;

/// Inputs that stand by themselves; the others stand together.
const SHOWN: usize = 20;

/// What each input adds, largest first. `label` is what a classifier says of the row: of several classes, this one is explained.
pub(super) fn explanation(explanation: &Value, label: Option<&Value>) -> Option<AnyView> {
    let label = label.and_then(Value::as_str);
    let (class, of) = match explanation.get("classes") {
        None => (
            explanation.get("class").and_then(Value::as_str),
            explanation,
        ),
        Some(classes) => (label, classes.get(label?)?),
    };
    let class = class.unwrap_or_default();
    let what = match explanation.get("scale")?.as_str()? {
        "prediction" => "the prediction".to_owned(),
        "log_prediction" => "the logarithm of the prediction".to_owned(),
        "log_odds" => format!("the logarithm of the odds of {class}"),
        "probability" => format!("the probability of {class}"),
        _ => format!("the score of {class}"),
    };
    let base = of.get("base")?.as_f64()?;
    let mut parts = ranked(of.get("contributions")?)?;
    let whole = parts.iter().fold(base, |sum, (_, part)| sum + part);
    let others = parts.split_off(parts.len().min(SHOWN));
    if !others.is_empty() {
        let sum = others.iter().fold(0.0, |sum, (_, part)| sum + part);
        parts.push((format!("{} others", others.len()), sum));
    }
    let largest = parts
        .iter()
        .fold(0.0, |largest: f64, (_, part)| largest.max(part.abs()));
    let rows = parts
        .into_iter()
        .map(|(input, part)| {
            view! {
                <tr>
                    <th scope="row" class="mono">{input}</th>
                    <td class="num">{numbers::decimal(part)}</td>
                    <td>{effect_bar(part, largest)}</td>
                </tr>
            }
        })
        .collect_view();
    let table = view! {
        <p class="muted">
            {format!("What each input adds to {what}, from what the model says of its training rows on average.")}
        </p>
        <TableFrame label="What each input adds">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Input"</th>
                        <th scope="col" class="num">"Adds"</th>
                        <th scope="col">"Size"</th>
                    </tr>
                </thead>
                <tbody>
                    <tr>
                        <th scope="row">"On average"</th>
                        <td class="num">{numbers::decimal(base)}</td>
                        <td></td>
                    </tr>
                    {rows}
                    <tr>
                        <th scope="row">"Together"</th>
                        <td class="num strong">{numbers::decimal(whole)}</td>
                        <td></td>
                    </tr>
                </tbody>
            </table>
        </TableFrame>
    };
    Some(table.into_any())
}
