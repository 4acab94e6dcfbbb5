//! What `auto` tried, best first.

use domain::models::{Candidate, Metric};
use leptos::prelude::*;

use crate::components::numbers;
use crate::components::section::TableSection;

#[component]
pub fn Leaderboard(candidates: Vec<Candidate>) -> impl IntoView {
    // All of a run are judged by the same.
    let metric = candidates
        .first()
        .map_or_else(Metric::default, |candidate| candidate.metric);
    let rows = candidates.into_iter().enumerate().map(row).collect_view();
    view! {
        <TableSection
            title="What was tried"
            reading="On parts of the training rows, each held out in its turn; the better half went on to the next ones. The held-out rows above had no say in it."
        >
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"Algorithm"</th>
                        <th scope="col" class="num">{metric.label()}</th>
                        <th scope="col" class="num">"95 % interval"</th>
                        <th scope="col" class="num">"Parts"</th>
                        <th scope="col" class="num">"To fit it"</th>
                        <th scope="col" class="num">"To predict a row"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </TableSection>
    }
    .into_any()
}

fn row((place, candidate): (usize, Candidate)) -> AnyView {
    let (estimate, interval) = match candidate.estimate {
        Some(estimate) => (
            numbers::decimal(estimate.value),
            format!(
                "{} to {}",
                numbers::decimal(estimate.low),
                numbers::decimal(estimate.high)
            ),
        ),
        None => ("–".to_owned(), "–".to_owned()),
    };
    view! {
        <tr>
            <th scope="row">
                {candidate.algorithm.described(Some(&candidate.params))}
                {(place == 0).then(|| view! { <span class="hint">" Taken"</span> })}
                {candidate.problem.map(|problem| view! { <span class="hint">" " {problem}</span> })}
            </th>
            <td class="num strong">{estimate}</td>
            <td class="num">{interval}</td>
            <td class="num">{candidate.folds}</td>
            <td class="num">{numbers::duration(candidate.fit_seconds)}</td>
            <td class="num">{format!("{:.1} µs", candidate.predict_micros)}</td>
        </tr>
    }
    .into_any()
}
