use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::toast::use_toasts;
use crate::browser;
use crate::error::AppError;

/// The button that sends a form; waits while the answer is on its way.
#[component]
pub fn Submit(
    #[prop(into)] label: Signal<String>,
    /// The form's action is running.
    #[prop(optional, into)]
    pending: Signal<bool>,
    #[prop(default = "button primary")] class: &'static str,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] title: Option<String>,
) -> impl IntoView {
    view! {
        <button type="submit" class=class title=title disabled=move || disabled.get() || pending.get() aria-busy=move || pending.get().then_some("true")>
            {move || label.get()}
        </button>
    }
    .into_any()
}

/// What the last run of an action failed with.
#[must_use]
pub fn failure<S>(action: ServerAction<S>) -> Signal<Option<AppError>>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let value = action.value();
    Signal::derive(move || {
        value.with(|value| {
            value
                .as_ref()
                .and_then(|result| result.as_ref().err().cloned())
        })
    })
}

/// Says so when the action succeeds, and closes the dialog it was started from.
pub fn announce<S>(action: ServerAction<S>, text: &'static str)
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let value = action.value();
    let toasts = use_toasts();
    Effect::new(move |_| {
        if value.with(|value| matches!(value, Some(Ok(_)))) {
            browser::close_dialogs();
            toasts.ok(text);
        }
    });
}

/// What is wrong with one field of the last input, by its JSON pointer.
#[must_use]
pub fn field_failure<S>(action: ServerAction<S>, pointer: &'static str) -> Signal<Option<String>>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let value = action.value();
    Signal::derive(move || {
        value.with(|value| {
            value
                .as_ref()
                .and_then(|result| result.as_ref().err().and_then(|error| error.field(pointer)))
        })
    })
}

/// Counts the successful runs of an action: add it to the source of a resource that the action changes.
#[must_use]
pub fn successes<S>(action: ServerAction<S>) -> Signal<usize>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let value = action.value();
    let version = action.version();
    Memo::new(move |previous: Option<&usize>| {
        let version = version.get();
        let succeeded = value.with(|value| matches!(value, Some(Ok(_))));
        if succeeded {
            version
        } else {
            previous.copied().unwrap_or(0)
        }
    })
    .into()
}
