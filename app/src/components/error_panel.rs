use leptos::prelude::*;

use super::code::CopyButton;
use super::icon::{Glyph, Icon};
use crate::browser;
use crate::error::{AppError, describe};

/// What went wrong, by which request, and a way to try again. A signed-out reader is sent to sign in.
#[component]
pub fn ErrorPanel(error: AppError) -> impl IntoView {
    if error.status() == 401 {
        Effect::new(|_| browser::go(&sign_in_href(&browser::path_and_query())));
    }
    let problem = error.problem();
    let request_id = problem.request_id.clone();
    let fields = problem
        .errors
        .iter()
        .map(|error| format!("{}: {}", error.pointer, describe(error)))
        .collect::<Vec<_>>();
    let wait = problem
        .retry_after
        .map(|seconds| format!("Try again in {seconds} s."));
    view! {
        <div class="error-panel" role="alert">
            <p class="error-title"><Icon glyph=Glyph::Failed/>{problem.title.clone()}</p>
            <p>{problem.detail.clone()}</p>
            {(fields.len() > 1).then(|| view! { <ul>{fields.into_iter().map(|field| view! { <li>{field}</li> }).collect_view()}</ul> })}
            {wait.map(|wait| view! { <p>{wait}</p> })}
            <p class="error-foot">
                // An empty address is this page, loaded anew.
                <a class="button small" href="" rel="external">"Retry"</a>
                {(!request_id.is_empty()).then(|| view! {
                    <span class="hint">"Request " <code>{request_id.clone()}</code></span>
                    <CopyButton text=request_id label="Copy the request id"/>
                })}
            </p>
        </div>
    }
    .into_any()
}

/// The sign-in page that leads back to `path`.
#[must_use]
pub fn sign_in_href(path: &str) -> String {
    let mut next = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            next.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(next, "%{byte:02X}");
        }
    }
    format!("/login?next={next}")
}

/// What is wrong with a form, beside its button; nothing without an error.
#[component]
pub fn FormError(
    /// The form's last answer.
    #[prop(into)]
    error: Signal<Option<AppError>>,
) -> impl IntoView {
    move || {
        error.get().map(|error| {
            let request_id = error.problem().request_id.clone();
            view! {
                <div class="banner" data-tone="danger" role="alert">
                    <Icon glyph=Glyph::Failed/>
                    <div>
                        <p>{error.detail().to_owned()}</p>
                        {(!request_id.is_empty()).then(|| view! { <p class="hint">"Request " <code>{request_id}</code></p> })}
                    </div>
                </div>
            }
        })
    }
}
