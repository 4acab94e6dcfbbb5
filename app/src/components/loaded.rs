use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::error_panel::ErrorPanel;
use crate::calls::Reading;
use crate::error::{AppError, set_status};

/// Shows what is read: a quiet placeholder before the first answer, the old content while a newer one is on its
/// way, an error panel when it failed.
///
/// `view` runs again with every answer; signals that must outlive a refresh are made outside of it.
pub fn loaded<T>(
    reading: Reading<T>,
    view: impl Fn(T) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    show(reading.view(view), false)
}

/// As [`loaded`], for the one reading that the page is about: its error is the page's status.
pub fn loaded_page<T>(
    reading: Reading<T>,
    view: impl Fn(T) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    show(reading.view(view), true)
}

fn show(
    reading: impl Fn() -> Option<Result<AnyView, AppError>> + Send + Sync + 'static,
    is_page: bool,
) -> AnyView {
    let content = move || {
        reading().map(|result| match result {
            Ok(view) => view,
            Err(error) => {
                if is_page {
                    set_status(error.status());
                }
                ErrorPanel(super::error_panel::ErrorPanelProps { error }).into_any()
            }
        })
    };
    transition(Box::new(content))
}

/// The one `Transition` of the dashboard. Its types hold the type of its content, which would otherwise be compiled again
/// for every call: erased here, it makes the download smaller.
pub(super) fn transition(content: Box<dyn Fn() -> Option<AnyView> + Send + Sync>) -> AnyView {
    view! { <Transition fallback=Skeleton>{move || content()}</Transition> }.into_any()
}

/// Grey lines where content will be.
#[component]
pub fn Skeleton() -> impl IntoView {
    view! {
        <div class="skeleton" aria-busy="true">
            <span class="visually-hidden">"Loading"</span>
            <i></i>
            <i></i>
            <i></i>
        </div>
    }
    .into_any()
}
