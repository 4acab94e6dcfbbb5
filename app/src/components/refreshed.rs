use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::error_panel::{ErrorPanel, ErrorPanelProps};
use super::loaded::transition;
use crate::calls::{Answer, Json, Reading, decode};
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
    let view = move |json: Signal<Option<Json>>| {
        let read = move || json.get().and_then(|json| decode::<T>(&json).ok());
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
    show(reading.answer(), Box::new(view), is_page)
}

type ViewOfLatest = Box<dyn Fn(Signal<Option<Json>>) -> Option<AnyView> + Send + Sync>;

fn show(answer: Resource<Answer>, view: ViewOfLatest, is_page: bool) -> AnyView {
    let view = StoredValue::new(view);
    let content = move || {
        let answer = Memo::new_with_compare(move |_| answer.get(), differ);
        let state = Memo::new(move |_| {
            answer.with(|answer| match answer {
                None => State::Waiting,
                Some(Ok(_)) => State::Ready,
                Some(Err(error)) => State::Failed(error.clone()),
            })
        });
        let latest = Signal::derive(move || answer.get().and_then(Result::ok));
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
