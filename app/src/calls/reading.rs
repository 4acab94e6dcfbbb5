use std::marker::PhantomData;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Answer, Call, decode};
use crate::error::AppError;

/// What a server function answers: waited for while the page is rendered on the server, taken over by the browser.
pub struct Reading<T> {
    answer: Resource<Answer>,
    output: PhantomData<fn() -> T>,
}

impl<T> Copy for Reading<T> {}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Reading<T> {
    pub(crate) fn answer(self) -> Resource<Answer> {
        self.answer
    }
}

impl<T: DeserializeOwned> Reading<T> {
    /// `None` until the first answer. Call it inside of a `Suspense` or `Transition`.
    #[must_use]
    pub fn get(&self) -> Option<Result<T, AppError>> {
        let answer = latest(self.answer)?;
        Some(answer.and_then(|json| decode(&json)))
    }

    /// As [`Self::get`], and what `view` makes of it.
    pub(crate) fn view(
        self,
        view: impl Fn(T) -> AnyView + Send + Sync + 'static,
    ) -> impl Fn() -> Option<Result<AnyView, AppError>> + Send + Sync
    where
        T: 'static,
    {
        view_answer(self.answer, Box::new(move |json| decode(json).map(&view)))
    }
}

/// Nothing when the page around it is gone: effects of nested views end one after the other, so one whose answer came in
/// the same moment runs once more after its resource has ended.
fn latest(answer: Resource<Answer>) -> Option<Answer> {
    answer.try_get().flatten()
}

type ViewOfJson = Box<dyn Fn(&RawValue) -> Result<AnyView, AppError> + Send + Sync>;

fn view_answer(
    answer: Resource<Answer>,
    view: ViewOfJson,
) -> impl Fn() -> Option<Result<AnyView, AppError>> + Send + Sync {
    move || {
        let answer = latest(answer)?;
        Some(answer.and_then(|json| view(&json)))
    }
}

/// Reads now, and again whenever the arguments change.
pub fn read<C: Call>(call: impl Fn() -> C + Send + Sync + 'static) -> Reading<C::Output> {
    read_when(|| 0, call)
}

/// As [`read`], and again whenever `changes` does: a number that grows with what may have changed the answer.
pub fn read_when<C: Call>(
    changes: impl Fn() -> u64 + Send + Sync + 'static,
    call: impl Fn() -> C + Send + Sync + 'static,
) -> Reading<C::Output> {
    Reading {
        answer: resource(changes, call),
        output: PhantomData,
    }
}

/// A page is rendered once: what its signals say later does not matter.
#[cfg(feature = "ssr")]
fn resource<C: Call>(
    changes: impl Fn() -> u64 + Send + Sync + 'static,
    call: impl Fn() -> C + Send + Sync + 'static,
) -> Resource<Answer> {
    drop(changes);
    Resource::new(
        || (),
        move |()| {
            let call = untrack(&call);
            async move { super::run(call).await }
        },
    )
}

#[cfg(feature = "hydrate")]
fn resource<C: Call>(
    changes: impl Fn() -> u64 + Send + Sync + 'static,
    call: impl Fn() -> C + Send + Sync + 'static,
) -> Resource<Answer> {
    asking(Box::new(move || Question {
        path: C::PATH,
        arguments: super::arguments(&call()),
        changes: changes(),
    }))
}

#[cfg(feature = "hydrate")]
#[derive(Clone, PartialEq)]
struct Question {
    path: &'static str,
    arguments: Result<String, AppError>,
    changes: u64,
}

#[cfg(feature = "hydrate")]
fn asking(question: Box<dyn Fn() -> Question + Send + Sync>) -> Resource<Answer> {
    Resource::new(question, |question| async move {
        super::post(question.path, question.arguments?).await
    })
}

#[cfg(not(any(feature = "ssr", feature = "hydrate")))]
fn resource<C: Call>(
    changes: impl Fn() -> u64 + Send + Sync + 'static,
    call: impl Fn() -> C + Send + Sync + 'static,
) -> Resource<Answer> {
    drop((changes, call));
    Resource::new(|| (), |()| std::future::pending())
}
