//! Sending a form with a file, with progress and a way to stop. Only XMLHttpRequest reports how much of a body is sent.

use leptos::prelude::*;

use crate::error::AppError;

/// Where an upload stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Upload {
    #[default]
    Idle,
    Sending {
        sent: f64,
        total: f64,
        /// Since the start.
        seconds: f64,
    },
    Failed(AppError),
    /// The answer's body.
    Done(String),
}

/// An upload that can be stopped.
#[derive(Clone, Copy)]
pub struct Uploader {
    state: RwSignal<Upload>,
    #[cfg(feature = "hydrate")]
    request: StoredValue<Option<browser::Request>, LocalStorage>,
}

impl Uploader {
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: RwSignal::new(Upload::Idle),
            #[cfg(feature = "hydrate")]
            request: StoredValue::new_local(None),
        }
    }

    #[must_use]
    pub fn state(self) -> Signal<Upload> {
        self.state.into()
    }

    /// Refuses without asking the server.
    pub fn fail(self, error: AppError) {
        self.state.set(Upload::Failed(error));
    }

    /// Stops, and forgets what was sent.
    pub fn cancel(self) {
        #[cfg(feature = "hydrate")]
        self.request.update_value(|request| {
            if let Some(request) = request.take() {
                request.abort();
            }
        });
        self.state.set(Upload::Idle);
    }

    /// Sends the form of this event to where it points to.
    pub fn send(self, event: &leptos::ev::SubmitEvent) {
        #[cfg(feature = "hydrate")]
        match browser::Request::send(event, self.state) {
            Some(request) => self.request.set_value(Some(request)),
            None => self.fail(AppError::local(
                "unreachable",
                "this browser can not send the form",
            )),
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = event;
    }
}

impl Default for Uploader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use domain::problem::Problem;
    use leptos::ev::SubmitEvent;
    use leptos::prelude::*;
    use leptos::web_sys::{FormData, HtmlFormElement, ProgressEvent, XmlHttpRequest};
    use wasm_bindgen::JsCast as _;
    use wasm_bindgen::closure::Closure;

    use super::Upload;
    use crate::error::AppError;

    pub(super) struct Request {
        inner: XmlHttpRequest,
        // Kept alive as long as the request may call them.
        _progress: Closure<dyn FnMut(ProgressEvent)>,
        _end: Closure<dyn FnMut()>,
    }

    impl Request {
        pub(super) fn send(event: &SubmitEvent, state: RwSignal<Upload>) -> Option<Self> {
            let form: HtmlFormElement = event.target()?.dyn_into().ok()?;
            let body = FormData::new_with_form(&form).ok()?;
            let request = XmlHttpRequest::new().ok()?;
            request.open("POST", &form.action()).ok()?;
            request
                .set_request_header("accept", "application/json")
                .ok()?;
            let start = js_sys::Date::now();
            state.set(Upload::Sending {
                sent: 0.0,
                total: 0.0,
                seconds: 0.0,
            });
            let progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
                let seconds = (js_sys::Date::now() - start) / 1000.0;
                let _ = state.try_set(Upload::Sending {
                    sent: event.loaded(),
                    total: event.total(),
                    seconds,
                });
            });
            request
                .upload()
                .ok()?
                .set_onprogress(Some(progress.as_ref().unchecked_ref()));
            let ended = request.clone();
            let end = Closure::<dyn FnMut()>::new(move || {
                let _ = state.try_set(outcome(&ended));
            });
            request.set_onload(Some(end.as_ref().unchecked_ref()));
            request.set_onerror(Some(end.as_ref().unchecked_ref()));
            request.send_with_opt_form_data(Some(&body)).ok()?;
            Some(Self {
                inner: request,
                _progress: progress,
                _end: end,
            })
        }

        pub(super) fn abort(&self) {
            let _ = self.inner.abort();
        }
    }

    fn outcome(request: &XmlHttpRequest) -> Upload {
        let status = request.status().unwrap_or(0);
        let body = request.response_text().ok().flatten().unwrap_or_default();
        if (200..300).contains(&status) {
            return Upload::Done(body);
        }
        Upload::Failed(match serde_json::from_str::<Problem>(&body) {
            Ok(problem) => AppError::from(problem),
            Err(_) => AppError::local(
                "unreachable",
                "the connection broke before the file was stored: nothing was changed, send it again",
            ),
        })
    }
}
