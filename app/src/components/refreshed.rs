use std::any::Any;
use std::sync::Arc;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error_panel::{ErrorPanel, ErrorPanelProps};
use super::loaded::transition;
use crate::calls::{Answer, Reading, decode};
use crate::error::{AppError, set_status};

#[derive(Clone, Debug, PartialEq)]
enum State {
    Waiting,
    Ready,
    Failed(AppError),
}

/// As [`super::loaded::loaded_page`], for what changes while it is looked at: `view` runs once and gets a signal, so an
/// update changes the figures in place. Open tables, entered text and focus stay as they are.
pub fn refreshed_page<T>(
    reading: Reading<T>,
    view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    refreshed(reading, view, true)
}

/// As [`refreshed_page`], for a part of a page: its error is not the page's.
pub fn refreshed_part<T>(
    reading: Reading<T>,
    view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    refreshed(reading, view, false)
}

fn refreshed<T>(
    reading: Reading<T>,
    view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
    is_page: bool,
) -> AnyView
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let view = move |latest: Signal<Option<Value>>| {
        let read = move || {
            latest
                .get()
                .and_then(|value| value.downcast_ref::<T>().cloned())
        };
        let first = untrack(read)?;
        // What the text says has changed whenever the text has.
        let value = Memo::new_with_compare(
            move |previous: Option<&T>| {
                read().unwrap_or_else(|| previous.unwrap_or(&first).clone())
            },
            |_, _| true,
        );
        Some(view(value.into()))
    };
    let kind = Kind {
        decode: |json| decode::<T>(json).map(|value| Arc::new(value) as Value),
        view: Box::new(view),
    };
    show(reading.answer(), kind, is_page)
}

/// What was decoded. Everything but the decoding and the view is compiled once for all kinds of it.
type Value = Arc<dyn Any + Send + Sync>;

struct Kind {
    decode: fn(&RawValue) -> Result<Value, AppError>,
    view: Box<dyn Fn(Signal<Option<Value>>) -> Option<AnyView> + Send + Sync>,
}

fn show(answer: Resource<Answer>, kind: Kind, is_page: bool) -> AnyView {
    let decode = kind.decode;
    let view = StoredValue::new(kind.view);
    let content = move || {
        let answer = Memo::new_with_compare(move |_| answer.get(), differ);
        let decoded = Memo::new_with_compare(
            move |_| {
                answer
                    .get()
                    .map(|answer| answer.and_then(|json| decode(&json)))
            },
            |_, _| true,
        );
        let state = Memo::new(move |_| {
            decoded.with(|decoded| match decoded {
                None => State::Waiting,
                Some(Ok(_)) => State::Ready,
                Some(Err(error)) => State::Failed(error.clone()),
            })
        });
        let latest = Signal::derive(move || decoded.get().and_then(Result::ok));
        let shown = move || match state.get() {
            State::Waiting => None,
            State::Failed(error) => {
                if is_page {
                    set_status(error.status());
                }
                Some(ErrorPanel(ErrorPanelProps { error }).into_any())
            }
            State::Ready => view.with_value(|view| view(latest)),
        };
        Some(reactive(Box::new(shown)))
    };
    transition(Box::new(content))
}

fn differ(before: Option<&Option<Answer>>, now: Option<&Option<Answer>>) -> bool {
    match (before, now) {
        (Some(Some(Ok(before))), Some(Some(Ok(now)))) => before.get() != now.get(),
        (Some(Some(Err(before))), Some(Some(Err(now)))) => before != now,
        _ => true,
    }
}

/// Erased for the same reason as in [`transition`].
fn reactive(content: Box<dyn Fn() -> Option<AnyView> + Send + Sync>) -> AnyView {
    (move || content()).into_any()
}
