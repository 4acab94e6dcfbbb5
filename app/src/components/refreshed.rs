use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::error_panel::{ErrorPanel, ErrorPanelProps};
use super::loaded::transition;
use crate::calls::Reading;
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
    T: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    refreshed(reading, view, true)
}

/// As [`refreshed_page`], for a part of a page: its error is not the page's.
pub fn refreshed_part<T>(
    reading: Reading<T>,
    view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    T: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    refreshed(reading, view, false)
}

fn refreshed<T>(
    reading: Reading<T>,
    view: impl Fn(Signal<T>) -> AnyView + Send + Sync + 'static,
    is_page: bool,
) -> AnyView
where
    T: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let view = StoredValue::new(view);
    let content = move || {
        let answer = Memo::new(move |_| reading.get());
        let state = Memo::new(move |_| {
            answer.with(|answer| match answer {
                None => State::Waiting,
                Some(Ok(_)) => State::Ready,
                Some(Err(error)) => State::Failed(error.clone()),
            })
        });
        let shown = move || match state.get() {
            State::Waiting => None,
            State::Failed(error) => {
                if is_page {
                    set_status(error.status());
                }
                Some(ErrorPanel(ErrorPanelProps { error }).into_any())
            }
            State::Ready => {
                let Some(Ok(first)) = answer.get_untracked() else {
                    return None;
                };
                let value = Memo::new(move |previous: Option<&T>| match answer.get() {
                    Some(Ok(value)) => value,
                    _ => previous.cloned().unwrap_or_else(|| first.clone()),
                });
                Some(view.with_value(|view| view(value.into())))
            }
        };
        Some(reactive(Box::new(shown)))
    };
    transition(Box::new(content))
}

/// Erased for the same reason as in [`transition`].
fn reactive(content: Box<dyn Fn() -> Option<AnyView> + Send + Sync>) -> AnyView {
    (move || content()).into_any()
}
