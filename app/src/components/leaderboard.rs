//! What `auto` tried, best first.

use domain::models::Candidate;
use leptos::prelude::*;

use crate::components::numbers;
use crate::components::table::TableFrame;

#[component]
pub fn Leaderboard(candidates: Vec<Candidate>) -> impl IntoView {
    let rows = candidates.into_iter().enumerate().map(row).collect_view();
    view! {
        <section class="stack">
            <h3>"What was tried"</h3>
            <p class="muted">
                "On parts of the training rows, each held out once; the better half went on to the next part. The held-out rows above had no say in it."
            </p>
            <TableFrame label="What was tried">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Algorithm"</th>
                            <th scope="col" class="num">"RMSE"</th>
                            <th scope="col" class="num">"95 % interval"</th>
                            <th scope="col" class="num">"Parts"</th>
                            <th scope="col" class="num">"To fit it"</th>
                            <th scope="col" class="num">"To predict a row"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </section>
    }
    .into_any()
}

fn row((place, candidate): (usize, Candidate)) -> AnyView {
    let (rmse, interval) = match candidate.rmse {
        Some(rmse) => (
            numbers::decimal(rmse.value),
            format!(
                "{} to {}",
                numbers::decimal(rmse.low),
                numbers::decimal(rmse.high)
            ),
        ),
        None => ("–".to_owned(), "–".to_owned()),
    };
    view! {
        <tr>
            <th scope="row">
                {candidate.algorithm.described(Some(&candidate.params))}
                {(place == 0).then(|| view! { <span class="hint">"Taken"</span> })}
                {candidate.problem.map(|problem| view! { <span class="hint">{problem}</span> })}
            </th>
            <td class="num strong">{rmse}</td>
            <td class="num">{interval}</td>
            <td class="num">{candidate.folds}</td>
            <td class="num">{numbers::duration(candidate.fit_seconds)}</td>
            <td class="num">{format!("{:.1} µs", candidate.predict_micros)}</td>
        </tr>
    }
    .into_any()
}
