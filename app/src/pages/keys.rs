//! API keys: made, shown once, rotated, revoked.

mod create;
mod row;

use domain::api_keys::{ApiKey, CreatedApiKey};
use domain::{Name, Permission, Scope};
use leptos::prelude::*;

use crate::calls::{Change, Reading, read, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::card::Card;
use crate::components::dialog::DialogButton;
use crate::components::empty_state::EmptyState;
use crate::components::icon::{Glyph, Icon};
use crate::components::loaded::{loaded, loaded_page};
use crate::components::page_header::PageHeader;
use crate::components::secret::SecretReveal;
use crate::components::submit::announce;
use crate::components::table::TableFrame;
use crate::context::{use_project, use_site};
use crate::server_fns::api_keys::{
    CreateApiKey, KeyFormOutcome, ListApiKeys, RevokeApiKey, RotateApiKey, SentKeyForm,
};

use create::{CREATE, CreateDialog, fresh};
use row::KeyRow;

/// What the rows of the table need.
#[derive(Clone, Copy)]
struct KeyActions {
    rotate: Change<RotateApiKey>,
    revoke: Change<RevokeApiKey>,
}

#[component]
pub fn KeysPage() -> impl IntoView {
    let project = use_project();
    let create = Change::<CreateApiKey>::new();
    let actions = KeyActions {
        rotate: Change::new(),
        revoke: Change::new(),
    };
    let changes = (
        create.successes(),
        actions.rotate.successes(),
        actions.revoke.successes(),
    );
    let keys = read_when(
        move || changes.0.get() + changes.1.get() + changes.2.get(),
        move || ListApiKeys {
            project: project.get(),
        },
    );
    let sent = read(|| SentKeyForm {});
    announce(actions.rotate, "The key is rotated");
    announce(actions.revoke, "The key is revoked");
    announce(create, "The key is made");
    view! {
        <PageHeader title="API keys" lead="For programs that call this project. A key carries what it may do and how often.">
            <Allowed permission=Permission::Administer>
                <DialogButton id=CREATE class="button primary"><Icon glyph=Glyph::Plus/>"Create a key"</DialogButton>
            </Allowed>
        </PageHeader>
        <Made create actions sent/>
        <Allowed permission=Permission::Administer what="Seeing and making API keys">
            {loaded_page(keys, move |keys| content(&project.get(), keys, actions))}
            {loaded(sent, move |sent| dialog(sent, create))}
        </Allowed>
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/api-keys", project.get()))/>
    }
    .into_any()
}

/// With what was filled in before, if that was refused.
fn dialog(sent: KeyFormOutcome, create: Change<CreateApiKey>) -> AnyView {
    let form = sent.refused.unwrap_or_else(fresh);
    view! { <CreateDialog create form/> }.into_any()
}

/// The key that was just made, until the reader has put it away.
#[component]
fn Made(
    create: Change<CreateApiKey>,
    actions: KeyActions,
    sent: Reading<KeyFormOutcome>,
) -> impl IntoView {
    let made = RwSignal::new(None::<CreatedApiKey>);
    let rotate = actions.rotate;
    Effect::new(move |_| {
        if let Some(Ok(key)) = create.value().get() {
            made.set(Some(key));
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(key)) = rotate.value().get() {
            made.set(Some(key));
        }
    });
    let (put_away, set_put_away) = signal(false);
    let done = move || {
        made.set(None);
        set_put_away.set(true);
    };
    view! {
        <Suspense>
            {move || {
                let before = sent.get().and_then(|sent| sent.ok()?.made).filter(|_| !put_away.get());
                made.get().or(before).map(|key| reveal(key, done))
            }}
        </Suspense>
    }
    .into_any()
}

fn reveal(created: CreatedApiKey, done: impl Fn() + Copy + Send + Sync + 'static) -> AnyView {
    let site = use_site();
    let project = use_project().get();
    let key = created.key;
    let url = first_call(&project, &created.api_key.scopes);
    let command = format!(
        "export VOLARY_KEY={key}\ncurl -sS {}{url} -H \"authorization: Bearer $VOLARY_KEY\"",
        site.base_url
    );
    let file = format!(
        "data:text/plain,VOLARY_URL={}%0AVOLARY_KEY={key}%0A",
        site.base_url
    );
    view! {
        <div class="stack-tight">
            <SecretReveal
                title=format!("API key \"{}\"", created.api_key.name)
                secret=key
                note="This is the only time it is shown: only a hash of it is kept. If it is lost, rotate the key."
                command
            />
            <div class="row">
                <a class="button" href=file download="volary.env">"Download .env"</a>
                <button type="button" class="button needs-script" on:click=move |_| done()>"I saved it"</button>
            </div>
        </div>
    }
    .into_any()
}

/// Path and options of a call that the key may make: what is deployed, or a prediction whose refusal names the inputs.
fn first_call(project: &Name, scopes: &[Scope]) -> String {
    let may_read = scopes.iter().any(|scope| scope.allows(Permission::Read));
    let target = scopes.iter().find_map(|scope| match scope {
        Scope::Predict(deployment) => Some(deployment.as_ref().map_or("DEPLOYMENT", Name::as_str)),
        _ => None,
    });
    match target.filter(|_| !may_read) {
        Some(deployment) => format!("/predict/{deployment} --json '{{\"inputs\":{{}}}}'"),
        None => format!("/api/v1/projects/{project}/deployments"),
    }
}

fn content(project: &Name, keys: Vec<ApiKey>, actions: KeyActions) -> AnyView {
    if keys.is_empty() {
        let command =
            format!("volary keys create --project {project} --name ci --scope 'predict:*'");
        return view! {
            <Card>
                <EmptyState
                    glyph=Glyph::Key
                    title="No keys yet"
                    text="A program needs a key to make predictions or to call the API. It is shown once, when it is made."
                    command
                >
                    <DialogButton id=CREATE class="button primary">"Create a key"</DialogButton>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let rows = view! {
        {keys.into_iter().map(|key| view! { <KeyRow key actions/> }).collect_view()}
    };
    view! {
        <Card flush=true>
            <TableFrame label="API keys">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Scopes"</th>
                            <th scope="col" class="num">"Limits"</th>
                            <th scope="col">"Last used"</th>
                            <th scope="col">"Expires"</th>
                            <th scope="col">"Created"</th>
                            <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}
