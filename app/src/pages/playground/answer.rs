use domain::Name;
use domain::predictions::Route;
use leptos::prelude::*;
use serde_json::Value;

use super::explanation::explanation;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::code::Identifier;
use crate::components::numbers;
use crate::components::table::{Facts, TableFrame};
use crate::error::{AppError, describe};
use crate::row::{self, Entries};
use crate::server_fns::predictions::TriedPrediction;

type Answer = Option<Result<TriedPrediction, AppError>>;

/// What is wrong with each field, by its name.
pub(super) fn field_errors(answer: &Answer) -> Entries {
    let Some(Err(error)) = answer else {
        return Entries::new();
    };
    let errors = error.problem().errors.iter();
    row::entries(
        &mut errors.filter_map(|error| Some((row::field_of(&error.pointer)?, describe(error)))),
    )
}

/// The answer, read out when it arrives.
pub(super) fn answer(project: &Name, result: Signal<Answer>, pending: Signal<bool>) -> AnyView {
    let project = project.clone();
    let content = move || match result.get() {
        None => {
            view! { <p class="muted">"The answer appears here, with the version that gave it."</p> }
                .into_any()
        }
        Some(Ok(tried)) => given(&project, tried),
        Some(Err(error)) => refused(&error),
    };
    view! {
        <div class="answer" aria-live="polite" aria-busy=move || pending.get().then_some("true")>
            {content}
        </div>
    }
    .into_any()
}

fn given(project: &Name, tried: TriedPrediction) -> AnyView {
    let TriedPrediction {
        response,
        milliseconds,
    } = tried;
    let route = match response.route {
        Route::Stable => "stable",
        Route::Canary => "canary",
        Route::Pinned => "pinned",
    };
    let href = format!(
        "/p/{project}/models/{}/versions/{}",
        response.model, response.version
    );
    let version = format!("{} v{}", response.model, response.version);
    let facts = vec![
        (
            "Version",
            view! { <a href=href>{version}</a> " (" {route} ")" }.into_any(),
        ),
        ("Took", numbers::milliseconds(milliseconds).into_any()),
        (
            "Request id",
            view! { <Identifier text=response.request_id shown=18 /> }.into_any(),
        ),
    ];
    let predictions = match response.predictions.as_slice() {
        [one] => {
            let explained = response.explanations.first();
            let explained =
                explained.and_then(|explained| explanation(explained, one.get("label")));
            view! { <p class="prediction">{shown(one)}</p> {probabilities(one)} {explained} }
                .into_any()
        }
        many => batch(many),
    };
    view! {
        {predictions}
        <Facts facts />
    }
    .into_any()
}

fn batch(predictions: &[Value]) -> AnyView {
    let rows = predictions
        .iter()
        .enumerate()
        .map(|(index, value)| {
            view! {
                <tr>
                    <th scope="row">{index + 1}</th>
                    <td class="num">{shown(value)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <TableFrame label="Predictions">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Row"</th>
                        <th scope="col" class="num">"Prediction"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableFrame>
    }
    .into_any()
}

/// A number, or a classifier's label.
fn shown(value: &Value) -> String {
    let label = value.get("label").and_then(Value::as_str);
    match (value.as_f64(), label) {
        (Some(number), _) => numbers::decimal(number),
        (None, Some(label)) => label.to_owned(),
        (None, None) => value.to_string(),
    }
}

/// An object's numbers, the largest first.
pub(super) fn ranked(numbers: &Value) -> Option<Vec<(String, f64)>> {
    let mut ranked = Vec::new();
    for (name, number) in numbers.as_object()? {
        ranked.push((name.clone(), number.as_f64()?));
    }
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    Some(ranked)
}

/// Of a classifier, the most probable class first.
fn probabilities(value: &Value) -> Option<AnyView> {
    let shares = ranked(value.get("probabilities")?)?;
    let rows = shares
        .into_iter()
        .map(|(class, share)| {
            view! {
                <tr>
                    <th scope="row">{class}</th>
                    <td class="num">{numbers::percent(share)}</td>
                    <td>
                        <meter min="0" max="1" value=share.to_string() aria-hidden="true"></meter>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let table = view! {
        <TableFrame label="Probabilities">
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Class"</th>
                        <th scope="col" class="num">"Probability"</th>
                        <th scope="col">"Size"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableFrame>
    };
    Some(table.into_any())
}

/// Errors about a field stand on the field too.
fn refused(error: &AppError) -> AnyView {
    let problem = error.problem();
    let (title, detail) = (problem.title.clone(), problem.detail.clone());
    let request_id = problem.request_id.clone();
    let wait = problem
        .retry_after
        .map(|seconds| format!("Try again in {seconds} s."));
    let errors = problem
        .errors
        .iter()
        .map(|error| {
            let row = error
                .row
                .map(|row| format!("row {}, ", row + 1))
                .unwrap_or_default();
            let field = row::field_of(&error.pointer).unwrap_or_else(|| error.pointer.clone());
            view! { <li>{format!("{row}{field}: {}", describe(error))}</li> }
        })
        .collect_view();
    let detail = problem.errors.is_empty().then_some(detail);
    view! {
        <Banner tone=Tone::Danger>
            <p class="strong">{title}</p>
            {detail.map(|detail| view! { <p>{detail}</p> })}
            <ul class="plain-list">{errors}</ul>
            {wait.map(|wait| view! { <p>{wait}</p> })}
            <p class="hint">"Request " <code>{request_id}</code></p>
        </Banner>
    }
    .into_any()
}
