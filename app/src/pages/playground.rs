//! Try a deployment: a form made from its signature, the answer, and the same request as code.

mod answer;
mod explanation;
mod fields;
mod snippets;

use domain::Name;
use domain::predictions::Route;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;
use serde_json::Value;

use self::snippets::Language;
use crate::calls::{Change, read};
use crate::components::badge::Tone;
use crate::components::banner::Banner;
use crate::components::card::Card;
use crate::components::code::CodeBlock;
use crate::components::loaded::loaded_page;
use crate::components::not_found::NotFound;
use crate::components::page_header::PageHeader;
use crate::components::submit::Submit;
use crate::components::tabs::Tabs;
use crate::context::{use_name_param, use_project, use_query, use_site};
use crate::row::{self, Entries};
use crate::server_fns::predictions::{GetPlayground, Playground, TryPrediction};

/// Prefix of the fields in the URL that a form without WebAssembly sends.
const FIELD_PREFIX: &str = "in.";

#[component]
pub fn PlaygroundPage() -> impl IntoView {
    let name = use_name_param("name");
    move || match name.get() {
        Some(name) => view! { <Try name /> }.into_any(),
        None => view! { <NotFound /> }.into_any(),
    }
}

/// What the URL carries after a plain form was sent.
#[derive(Clone)]
struct Asked {
    entries: Entries,
    json: Option<String>,
    arm: Option<Route>,
    explain: bool,
}

impl Asked {
    fn of(query: &ParamsMap) -> Self {
        let mut fields = query
            .clone()
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(FIELD_PREFIX)?.to_owned(), value)));
        Self {
            entries: row::entries(&mut fields),
            json: query.get("json").filter(|text| !text.trim().is_empty()),
            arm: arm(query.get("arm").as_deref()),
            explain: query.get("explain").as_deref() == Some("true"),
        }
    }
}

fn arm(text: Option<&str>) -> Option<Route> {
    match text {
        Some("stable") => Some(Route::Stable),
        Some("canary") => Some(Route::Canary),
        _ => None,
    }
}

#[component]
fn Try(name: Name) -> impl IntoView {
    let project = use_project();
    let query = use_query_map();
    let asked = Asked::of(&query.get_untracked());
    let playground = {
        let (name, asked) = (name.clone(), asked.clone());
        read(move || GetPlayground {
            project: project.get(),
            deployment: name.clone(),
            entries: asked.entries.clone(),
            json: asked.json.clone(),
            arm: asked.arm,
            explain: asked.explain,
        })
    };
    let crumbs = {
        let name = name.clone();
        Signal::derive(move || {
            let list = format!("/p/{}/deployments", project.get());
            vec![
                ("Deployments".to_owned(), list.clone()),
                (name.to_string(), format!("{list}/{name}")),
            ]
        })
    };
    view! {
        <PageHeader
            title=format!("Try {name}")
            crumbs
            lead="A prediction with your session: no key needed. The code below does the same with a key."
        />
        {loaded_page(playground, move |playground| page(project.get_untracked(), playground, asked.clone()))}
    }
    .into_any()
}

fn page(project: Name, playground: Playground, asked: Asked) -> AnyView {
    let Playground {
        deployment,
        stable,
        answer: first_answer,
    } = playground;
    let signature = StoredValue::new(stable.signature);
    let entries = RwSignal::new(if asked.entries.is_empty() {
        signature.with_value(row::sample)
    } else {
        asked.entries
    });
    // What stands in the JSON tab when a person has written there; else it follows the fields.
    let written = RwSignal::new(asked.json);
    let pretty = Memo::new(move |_| {
        let row = signature.with_value(|signature| row::to_json(signature, &entries.get()));
        serde_json::to_string_pretty(&row).unwrap_or_default()
    });
    let text = Signal::derive(move || written.get().unwrap_or_else(|| pretty.get()));
    let inputs = Memo::new(move |_| text.with(|text| serde_json::from_str::<Value>(text).ok()));

    let predict = Change::<TryPrediction>::new();
    let predicted = predict.value();
    let result = Signal::derive(move || predicted.get().or_else(|| first_answer.clone()));
    let chosen_arm = RwSignal::new(None::<Route>);
    let explain = RwSignal::new(asked.explain);
    let of = (project.clone(), deployment.name.clone());
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        predict.send(&TryPrediction {
            project: of.0.clone(),
            deployment: of.1.clone(),
            inputs: text.get_untracked(),
            arm: chosen_arm.get_untracked(),
            explain: explain.get_untracked(),
        });
    };

    let base = format!("/p/{project}/deployments/{}/try", deployment.name);
    let tab = use_query("tab");
    let current = Memo::new(move |_| {
        if tab.get().as_deref() == Some("json") {
            "json".to_owned()
        } else {
            "form".to_owned()
        }
    });
    let items = vec![
        ("form", "Form".to_owned(), base.clone()),
        ("json", "JSON".to_owned(), format!("{base}?tab=json")),
    ];
    let field_errors = Memo::new(move |_| result.with(answer::field_errors));
    let input = move || match current.get().as_str() {
        "json" => fields::json_field(text, written, entries),
        _ => signature
            .with_value(|signature| fields::row_fields(signature, entries, written, field_errors)),
    };
    let tools = fields::row_tools(signature, entries, written);
    let arm_field = deployment
        .rollout
        .as_ref()
        .map(|rollout| fields::arm_field(rollout, chosen_arm));
    let answer = answer::answer(&project, result, predict.pending());
    let url = format!("{}/predict/{}", use_site().base_url, deployment.name);
    let url = Signal::derive(move || {
        let query = if explain.get() { "?explain=true" } else { "" };
        format!("{url}{query}")
    });
    let degraded =
        (deployment.state == domain::deployments::DeploymentState::Degraded).then(|| {
            let reason = deployment.reason.clone();
            view! {
                <Banner tone=Tone::Warn>
                    <p>{reason}</p>
                </Banner>
            }
        });
    let serves = format!("{} v{}", deployment.model, deployment.stable_version);
    view! {
        {degraded}
        <div class="split">
            <Card title="Row" hint=format!("The signature of {serves}, with a row of its training table.")>
                <Tabs label="How to enter the row" items=Signal::stored(items) current />
                <form method="get" action="" class="form" on:submit=on_submit>
                    <input type="hidden" name="tab" value=move || current.get() />
                    {input}
                    {arm_field}
                    {fields::explain_field(explain)}
                    <div class="form-actions">
                        <Submit label="Predict" pending=predict.pending() />
                        {tools}
                    </div>
                </form>
            </Card>
            <Card title="Answer">{answer}</Card>
        </div>
        <Card title="The same as code" hint="Put your API key into the variable VOLARY_KEY.">
            {code(url, inputs)}
        </Card>
    }
    .into_any()
}

/// The request as it is entered now, in each language; the last valid one while it is being typed.
fn code(url: Signal<String>, inputs: Memo<Option<Value>>) -> AnyView {
    let last = Memo::new(move |before: Option<&Value>| {
        inputs
            .get()
            .or_else(|| before.cloned())
            .unwrap_or(Value::Null)
    });
    Language::ALL
        .into_iter()
        .enumerate()
        .map(|(index, language)| {
            let text =
                Signal::derive(move || last.with(|inputs| language.snippet(&url.get(), inputs)));
            view! {
                <details class="snippet" name="snippet" open=index == 0>
                    <summary>{language.name()}</summary>
                    <CodeBlock code=text />
                </details>
            }
        })
        .collect_view()
        .into_any()
}
