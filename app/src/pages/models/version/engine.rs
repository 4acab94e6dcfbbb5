use domain::models::{Circuit, ModelVersion, REMOTE, RemoteHealth};
use leptos::prelude::*;
use serde_json::Value;

use crate::components::badge::{Badge, Tone};
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::table::Facts;

/// Where a version is computed that is not computed here, and how that does; nothing of other versions.
pub(super) fn card(version: &ModelVersion) -> Option<AnyView> {
    if version.algorithm != REMOTE {
        return None;
    }
    let params = &version.params;
    let text = |member: &str| params[member].as_str().unwrap_or_default().to_owned();
    let mut facts = vec![
        ("URL", mono(text("url"))),
        ("Model there", mono(text("model"))),
    ];
    if let Some(version) = params["version"].as_str() {
        facts.push(("Version there", mono(version.to_owned())));
    }
    let token = match params["has_token"] {
        Value::Bool(true) => "sent with each request, and never shown",
        _ => "none",
    };
    facts.push(("Token", token.into_any()));
    if let Some(timeout) = params["timeout_ms"].as_u64() {
        facts.push(("Time for a request", format!("{timeout} ms").into_any()));
    }
    facts.push(("Requests", circuit(version.remote.as_ref())));
    let problem = version
        .remote
        .as_ref()
        .and_then(|health| health.problem.clone());
    let problem = problem.map(|problem| {
        view! { <Banner tone=Tone::Danger>{format!("It can not answer now: {problem}.")}</Banner> }
    });
    let card = view! {
        <Card
            title="Engine"
            hint="Another engine computes this version. Keys, limits, canaries, metrics and the log are those of this server."
        >
            {problem}
            <Facts facts />
        </Card>
    };
    Some(card.into_any())
}

fn mono(text: String) -> AnyView {
    view! { <span class="mono wrap">{text}</span> }.into_any()
}

fn circuit(health: Option<&RemoteHealth>) -> AnyView {
    let Some(health) = health else {
        return view! { <span class="muted">"not asked from this server yet"</span> }.into_any();
    };
    let (tone, word, meaning) = match health.circuit {
        Circuit::Closed => (Tone::Ok, "closed", "every request goes there"),
        Circuit::HalfOpen => (
            Tone::Warn,
            "half open",
            "the next request finds out whether it answers again",
        ),
        Circuit::Open => (
            Tone::Danger,
            "open",
            "it is left alone for a while, since it failed several times in a row",
        ),
    };
    view! {
        <span class="row">
            "Circuit" <Badge tone>{word}</Badge> <span class="muted">{meaning}</span>
        </span>
    }
    .into_any()
}
