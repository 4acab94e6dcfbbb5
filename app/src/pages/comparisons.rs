//! Runs and versions side by side.

mod address;
mod choose;
mod curves;
mod tables;

use domain::comparisons::{Asked, Comparison, MOST_COMPARED};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::calls::{read, read_when};
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::empty_state::EmptyState;
use crate::components::icon::Glyph;
use crate::components::loaded::{loaded, loaded_page};
use crate::components::page_header::PageHeader;
use crate::context::use_project;
use crate::server_fns::comparisons::Compare;
use crate::server_fns::training_runs::ListTrainingRuns;
use address::Address;

#[component]
pub fn ComparePage() -> impl IntoView {
    let project = use_project();
    let query = use_query_map();
    let address = Memo::new(move |_| {
        query.with(|query| {
            let all = |key: &str| {
                let mut given = query.get_all(key).unwrap_or_default();
                given.retain(|text| !text.trim().is_empty());
                given
            };
            let one = |key: &str| query.get(key).filter(|text| !text.is_empty());
            Address {
                project: project.get(),
                asked: Asked {
                    version: all("version"),
                    run: all("run"),
                    baseline: one("baseline"),
                    class: one("class"),
                },
                is_whole: one("all").is_some(),
            }
        })
    });
    let runs = read(move || ListTrainingRuns {
        project: project.get(),
        cursor: None,
    });
    let choose = move || {
        let address = address.get();
        loaded(runs, move |page| choose::choose(&address, page.items))
    };
    let count = Memo::new(move |_| address.with(|address| address.asked.count().min(2)));
    let content = move || match count.get() {
        0 => nothing(),
        1 => one(&address.get()),
        _ => compared(address),
    };
    let path = Signal::derive(move || address.with(Address::api));
    view! {
        <PageHeader
            title="Compare"
            lead="Runs and versions beside each other: what they reached, what they were made with, and whether they were judged by the same rows."
        />
        {content}
        {choose}
        <ApiPanel path />
    }
    .into_any()
}

fn nothing() -> AnyView {
    let text = format!(
        "Tick two to {MOST_COMPARED} runs in the list of training runs, or versions on the page of a model, or choose them here."
    );
    view! { <EmptyState glyph=Glyph::Model title="Nothing is chosen yet" text /> }.into_any()
}

fn one(address: &Address) -> AnyView {
    let chosen = address.chosen().join(", ");
    view! {
        <Banner tone=Tone::Info>
            <p>{format!("Only {chosen} is chosen: it takes at least one more to compare it with.")}</p>
        </Banner>
    }
    .into_any()
}

fn compared(address: Memo<Address>) -> AnyView {
    let comparison = read_when(
        || 0,
        move || {
            address.with(|address| Compare {
                project: address.project.clone(),
                asked: address.asked.clone(),
            })
        },
    );
    // The same answer is shown in another way when only this changes.
    let is_whole = Memo::new(move |_| address.with(|address| address.is_whole));
    loaded_page(comparison, move |comparison| {
        let shown = Address {
            is_whole: is_whole.get(),
            ..address.get_untracked()
        };
        page(&shown, &comparison)
    })
}

fn page(address: &Address, comparison: &Comparison) -> AnyView {
    let notes = (!comparison.notes.is_empty()).then(|| {
        let notes = comparison.notes.iter().cloned();
        let notes = notes.map(|note| view! { <p>{note}</p> }).collect_view();
        view! { <Banner tone=Tone::Warn>{notes}</Banner> }
    });
    let base = comparison
        .items
        .get(comparison.baseline)
        .map_or("", |item| &item.label);
    let hint = format!("Differences are to {base}. What was not computed is not 0.");
    let (toggle, hidden) = (address.toggled(), tables::hidden(comparison));
    let toggle = (address.is_whole || hidden > 0).then(|| {
        let text = match (address.is_whole, hidden) {
            (true, _) => "Show only what differs".to_owned(),
            (false, 1) => "Show 1 more row that is the same everywhere".to_owned(),
            (false, hidden) => format!("Show {hidden} more rows that are the same everywhere"),
        };
        view! { <p><a class="button small" href=toggle>{text}</a></p> }
    });
    let (lineage, metrics) = (
        tables::lineage(address, comparison),
        tables::metrics(comparison),
    );
    let (settings, inputs) = (
        tables::settings(comparison, address.is_whole),
        tables::inputs(comparison, address.is_whole),
    );
    view! {
        {notes}
        <Card title="Where they come from" flush=true>{lineage}</Card>
        <Card title="Metrics" hint flush=true>{metrics}</Card>
        {curves::curves(address, comparison)}
        {toggle}
        <Card title="Settings" hint="What training was told; a setting that is the same everywhere is left out unless all are shown." flush=true>
            {settings}
        </Card>
        <Card title="Inputs" hint=format!("What a prediction takes, beside that of {base}.") flush=true>
            {inputs}
        </Card>
        {tables::importance(comparison)}
    }
    .into_any()
}
