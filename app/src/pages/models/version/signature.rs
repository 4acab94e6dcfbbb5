use domain::datasets::TextFormat;
use domain::models::{InputField, Signature};
use leptos::prelude::*;

use crate::components::card::Card;
use crate::components::numbers;
use crate::components::table::TableFrame;

const SHOWN_CATEGORIES: usize = 8;

pub(super) fn signature(signature: &Signature) -> AnyView {
    let rows = signature.inputs.iter().map(row).collect_view();
    let output = signature.output.name.clone();
    let kind = match &signature.output.classes {
        None => ", a number (regression).".to_owned(),
        Some(classes) => format!(
            ", a label and the probability of each of {} classes (classification): {}.",
            classes.len(),
            classes.join(", ")
        ),
    };
    view! {
        <Card title="Signature" hint="What a prediction takes and gives, as the training table had it." flush=true>
            <TableFrame label="Inputs">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Input"</th>
                            <th scope="col">"Type"</th>
                            <th scope="col">"Seen in training"</th>
                            <th scope="col">"When missing"</th>
                            <th scope="col">"Becomes"</th>
                            <th scope="col">"Example"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
            <p class="signature-output">
                "Output: " <span class="mono strong">{output}</span> {kind}
            </p>
        </Card>
    }
    .into_any()
}

fn row(input: &InputField) -> impl IntoView + use<> {
    let example = input.example.as_ref().map(ToString::to_string);
    let missing = match (&input.impute, input.nullable) {
        (Some(impute), _) => format!("taken as {impute}"),
        (None, true) => "allowed".to_owned(),
        (None, false) => "refused".to_owned(),
    };
    let transform = input.transform.clone().unwrap_or_else(|| "–".to_owned());
    view! {
        <tr>
            <th scope="row" class="mono">{input.name.clone()}</th>
            <td>{input.format.map_or(input.kind.as_str(), TextFormat::as_str)}</td>
            <td class="wrap">{seen(input)}</td>
            <td class="wrap">{missing}</td>
            <td class="wrap">{transform}</td>
            <td class="mono">{example}</td>
        </tr>
    }
}

/// The range or the categories that training met.
fn seen(input: &InputField) -> String {
    if let Some(categories) = &input.categories {
        let shown = categories
            .iter()
            .take(SHOWN_CATEGORIES)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        let unseen = input.unseen.as_deref().unwrap_or("\"other\"");
        return match categories.len().checked_sub(SHOWN_CATEGORIES) {
            Some(more) if more > 0 => format!("{shown} and {more} more; others count as {unseen}"),
            _ => format!("{shown}; others count as {unseen}"),
        };
    }
    match (input.min, input.max) {
        (Some(min), Some(max)) => format!("{} to {}", numbers::decimal(min), numbers::decimal(max)),
        _ => "–".to_owned(),
    }
}
