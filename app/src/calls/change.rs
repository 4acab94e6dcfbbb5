use std::marker::PhantomData;

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::server::ServerActionError;
use leptos::server_fn::error::ServerFnUrlError;

use super::{Answer, Call, decode};
use crate::error::AppError;

/// A server function that changes something, and how its last run ended.
pub struct Change<C> {
    action: Action<String, Answer>,
    call: PhantomData<fn() -> C>,
}

impl<C> Copy for Change<C> {}

impl<C> Clone for Change<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Call> Default for Change<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Call> Change<C> {
    #[must_use]
    pub fn new() -> Self {
        Self {
            action: action(C::PATH),
            call: PhantomData,
        }
    }

    /// What the last run answered.
    #[must_use]
    pub fn value(self) -> Signal<Option<Result<C::Output, AppError>>>
    where
        C::Output: Sync,
    {
        let value = self.action.value();
        Signal::derive(move || Some(value.get()?.and_then(|json| decode(&json))))
    }

    /// Runs it with arguments that do not come from a form.
    #[cfg(feature = "hydrate")]
    pub fn send(self, call: &C) {
        match super::arguments(call) {
            Ok(arguments) => {
                self.action.dispatch(arguments);
            }
            Err(error) => self.action.value().set(Some(Err(error))),
        }
    }

    /// Pages are rendered without sending anything.
    #[cfg(not(feature = "hydrate"))]
    pub fn send(self, _call: &C) {}
}

impl<C> Change<C> {
    #[must_use]
    pub fn pending(self) -> Signal<bool> {
        self.action.pending().into()
    }

    /// What the last run failed with.
    #[must_use]
    pub fn failure(self) -> Signal<Option<AppError>> {
        failure(self.action)
    }

    /// What is wrong with one field of the last input, by its JSON pointer.
    #[must_use]
    pub fn field_failure(self, pointer: &'static str) -> Signal<Option<String>> {
        let failure = self.failure();
        Signal::derive(move || failure.get().and_then(|error| error.field(pointer)))
    }

    /// What is wrong with any field below `prefix`, one behind the other.
    pub fn fields_failure(self, prefix: &'static str) -> Signal<Option<String>> {
        let failure = self.failure();
        Signal::derive(move || failure.get().and_then(|error| error.fields_below(prefix)))
    }

    /// How often it succeeded: a reading that it changes is read again when this does.
    #[must_use]
    pub fn successes(self) -> Signal<u64> {
        successes(self.action)
    }

    /// Runs `then` after every success.
    pub fn on_success(self, then: impl Fn() + 'static) {
        on_success(self.action, Box::new(then));
    }
}

/// The form of a change. Without WebAssembly the browser sends it, and the page that follows tells what was refused.
#[component]
pub fn ChangeForm<C: Call>(
    change: Change<C>,
    #[prop(optional)] class: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    form(C::PATH, change.action, class, children)
}

fn form(
    path: &'static str,
    action: Action<String, Answer>,
    class: Option<&'static str>,
    children: Children,
) -> AnyView {
    let on_submit = move |event: SubmitEvent| {
        if event.default_prevented() {
            return;
        }
        if let Some(arguments) = crate::browser::form_arguments(&event) {
            event.prevent_default();
            action.dispatch(arguments);
        }
    };
    view! {
        <form action=path method="post" class=class on:submit=on_submit>
            {children()}
        </form>
    }
    .into_any()
}

fn action(path: &'static str) -> Action<String, Answer> {
    let refused = use_context::<ServerActionError>()
        .filter(|refused| refused.path() == path)
        .map(|refused| Err(ServerFnUrlError::<AppError>::decode_err(refused.err())));
    Action::new_with_value(refused, move |arguments: &String| {
        sent(path, arguments.clone())
    })
}

#[cfg(feature = "hydrate")]
async fn sent(path: &'static str, arguments: String) -> Answer {
    super::post(path, arguments).await
}

#[cfg(not(feature = "hydrate"))]
async fn sent(_path: &'static str, _arguments: String) -> Answer {
    std::future::pending().await
}

fn failure(action: Action<String, Answer>) -> Signal<Option<AppError>> {
    let value = action.value();
    Signal::derive(move || {
        value.with(|answer| {
            answer
                .as_ref()
                .and_then(|answer| answer.as_ref().err().cloned())
        })
    })
}

fn successes(action: Action<String, Answer>) -> Signal<u64> {
    let (value, version) = (action.value(), action.version());
    Memo::new(move |previous: Option<&u64>| {
        let version = version.get() as u64;
        if value.with(|answer| matches!(answer, Some(Ok(_)))) {
            version
        } else {
            previous.copied().unwrap_or(0)
        }
    })
    .into()
}

fn on_success(action: Action<String, Answer>, then: Box<dyn Fn()>) {
    let value = action.value();
    Effect::new(move |_| {
        if value.with(|answer| matches!(answer, Some(Ok(_)))) {
            then();
        }
    });
}
