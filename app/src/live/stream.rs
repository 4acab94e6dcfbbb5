//! The browser's side: an `EventSource` over the union of all topics, renewed when that union changes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use domain::Name;
use domain::events::{Event, Topic};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::web_sys;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;

use super::LiveState;

/// Pages mount and unmount in bursts; the stream changes once after each.
const SETTLE: Duration = Duration::from_millis(50);
const COALESCE: Duration = Duration::from_millis(250);
const LONGEST_WAIT: u32 = 30;
/// A page that nobody looks at for so long lets go of its connection.
const HIDDEN_FOR: Duration = Duration::from_mins(5);
const KINDS: [&str; 5] = ["changed", "progress", "log", "metrics", "reset"];

#[derive(Clone)]
pub(super) enum Listener {
    Changes(RwSignal<u64>),
    Events(Rc<dyn Fn(&Event)>),
}

struct Subscription {
    id: u32,
    topics: Vec<Topic>,
    listener: Listener,
    has_news: bool,
}

struct Connection {
    source: web_sys::EventSource,
    topics: BTreeSet<Topic>,
    // Kept alive as long as the source may call them.
    _message: Closure<dyn FnMut(web_sys::MessageEvent)>,
    _open: Closure<dyn FnMut()>,
    _error: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct Hub {
    project: Option<Name>,
    state: Option<RwSignal<LiveState>>,
    subscriptions: Vec<Subscription>,
    next: u32,
    connection: Option<Connection>,
    failures: u32,
    renewing: Option<TimeoutHandle>,
    is_delivering: bool,
    hidden: Option<TimeoutHandle>,
    watches_visibility: bool,
}

thread_local! {
    static HUB: RefCell<Hub> = RefCell::default();
}

fn hub<T>(run: impl FnOnce(&mut Hub) -> T) -> T {
    HUB.with(|hub| run(&mut hub.borrow_mut()))
}

pub(super) fn follow(project: Name, state: RwSignal<LiveState>) {
    let watch = hub(|hub| {
        if hub.project.as_ref() != Some(&project) {
            hub.disconnect();
            hub.project = Some(project);
        }
        hub.state = Some(state);
        !std::mem::replace(&mut hub.watches_visibility, true)
    });
    if watch {
        let _ = window_event_listener(leptos::ev::visibilitychange, |_| visibility_changed());
    }
    renew_after(SETTLE);
}

pub(super) fn subscribe(topics: Vec<Topic>, listener: Listener) -> u32 {
    let id = hub(|hub| {
        hub.next = hub.next.wrapping_add(1);
        let id = hub.next;
        hub.subscriptions.push(Subscription {
            id,
            topics,
            listener,
            has_news: false,
        });
        id
    });
    renew_after(SETTLE);
    id
}

pub(super) fn unsubscribe(id: u32) {
    hub(|hub| {
        hub.subscriptions
            .retain(|subscription| subscription.id != id);
    });
    renew_after(SETTLE);
}

impl Hub {
    fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.source.close();
        }
    }

    fn topics(&self) -> BTreeSet<Topic> {
        self.subscriptions
            .iter()
            .flat_map(|subscription| subscription.topics.iter().cloned())
            .collect()
    }

    fn set_state(&self, state: LiveState) {
        if let Some(signal) = self.state {
            let _ = signal.try_set(state);
        }
    }
}

fn renew_after(wait: Duration) {
    let handle = set_timeout_with_handle(renew, wait).ok();
    if let Some(old) = hub(|hub| std::mem::replace(&mut hub.renewing, handle)) {
        old.clear();
    }
}

/// Makes the connection fit the topics.
fn renew() {
    hub(|hub| {
        hub.renewing = None;
        let topics = hub.topics();
        if hub.connection.as_ref().is_some_and(|connection| {
            connection.topics == topics
                && connection.source.ready_state() != web_sys::EventSource::CLOSED
        }) {
            return;
        }
        hub.disconnect();
        let Some(project) = hub.project.clone().filter(|_| !topics.is_empty()) else {
            hub.set_state(LiveState::Idle);
            return;
        };
        let list = topics
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let url = format!("/api/v1/projects/{project}/events?topics={list}");
        hub.set_state(LiveState::Connecting);
        hub.connection = connect(&url, topics);
    });
}

fn connect(url: &str, topics: BTreeSet<Topic>) -> Option<Connection> {
    let source = web_sys::EventSource::new(url).ok()?;
    let message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(received);
    for kind in KINDS {
        let _ = source.add_event_listener_with_callback(kind, message.as_ref().unchecked_ref());
    }
    let open = Closure::<dyn FnMut()>::new(opened);
    source.set_onopen(Some(open.as_ref().unchecked_ref()));
    let error = Closure::<dyn FnMut()>::new(lost);
    source.set_onerror(Some(error.as_ref().unchecked_ref()));
    Some(Connection {
        source,
        topics,
        _message: message,
        _open: open,
        _error: error,
    })
}

/// What happened between the rendering of the page and now, or during a gap, is not replayed: everything is asked for anew.
fn opened() {
    hub(|hub| {
        hub.failures = 0;
        hub.set_state(LiveState::Open);
    });
    note(|_| true);
}

fn lost() {
    let wait = hub(|hub| {
        hub.disconnect();
        let wait = (1_u32 << hub.failures.min(5)).min(LONGEST_WAIT);
        hub.failures += 1;
        hub.set_state(LiveState::Waiting { seconds: wait });
        wait
    });
    renew_after(Duration::from_secs(u64::from(wait)));
}

fn received(message: web_sys::MessageEvent) {
    if message.type_() == "reset" {
        note(|_| true);
        return;
    }
    let Some(event) = message
        .data()
        .as_string()
        .and_then(|text| serde_json::from_str::<Event>(&text).ok())
    else {
        return;
    };
    let listeners = hub(|hub| {
        hub.subscriptions
            .iter()
            .filter(|subscription| subscription.topics.contains(&event.topic))
            .filter_map(|subscription| match &subscription.listener {
                Listener::Events(listener) => Some(listener.clone()),
                Listener::Changes(_) => None,
            })
            .collect::<Vec<_>>()
    });
    // Outside of the borrow: a listener may subscribe.
    for listener in listeners {
        listener(&event);
    }
    if event.kind != "log" {
        note(|subscription| subscription.topics.contains(&event.topic));
    }
}

/// Marks subscriptions as having news, and tells them soon.
fn note(concerns: impl Fn(&Subscription) -> bool) {
    let schedule = hub(|hub| {
        for subscription in &mut hub.subscriptions {
            if concerns(subscription) {
                subscription.has_news = true;
            }
        }
        !std::mem::replace(&mut hub.is_delivering, true)
    });
    if schedule {
        set_timeout(deliver, COALESCE);
    }
}

fn deliver() {
    let changed = hub(|hub| {
        hub.is_delivering = false;
        hub.subscriptions
            .iter_mut()
            .filter_map(|subscription| {
                match (
                    std::mem::take(&mut subscription.has_news),
                    &subscription.listener,
                ) {
                    (true, Listener::Changes(signal)) => Some(*signal),
                    _ => None,
                }
            })
            .collect::<Vec<_>>()
    });
    for signal in changed {
        let _ = signal.try_update(|count| *count += 1);
    }
}

fn visibility_changed() {
    let is_hidden = web_sys::window()
        .and_then(|window| window.document())
        .is_some_and(|document| document.hidden());
    if is_hidden {
        let pause = || {
            hub(|hub| {
                hub.disconnect();
                hub.set_state(LiveState::Idle);
            });
        };
        let handle = set_timeout_with_handle(pause, HIDDEN_FOR).ok();
        hub(|hub| hub.hidden = handle);
    } else {
        if let Some(handle) = hub(|hub| hub.hidden.take()) {
            handle.clear();
        }
        renew_after(SETTLE);
    }
}
