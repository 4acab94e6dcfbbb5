//! Calls of server functions from pages: a [`Reading`] shows what one answers, a [`Change`] sends a form to one.
//!
//! Leptos's own `Resource` and `ServerAction` are compiled anew for every function. Here one type stands under all of
//! them: an answer stays JSON until its reader says what it is. That halves what a browser downloads.

mod change;
mod reading;

use std::sync::Arc;

use leptos::server_fn::ServerFn;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use change::{Change, ChangeForm};
pub use reading::{Reading, read, read_when};

use crate::error::AppError;

/// The arguments of a server function, as a value.
pub trait Call:
    ServerFn<Error = AppError, Output: Serialize + DeserializeOwned + 'static>
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<C> Call for C where
    C: ServerFn<Error = AppError, Output: Serialize + DeserializeOwned + 'static>
        + Serialize
        + Send
        + Sync
        + 'static
{
}

pub(crate) type Json = Arc<RawValue>;
pub(crate) type Answer = Result<Json, AppError>;

pub(crate) fn decode<T: DeserializeOwned>(json: &RawValue) -> Result<T, AppError> {
    serde_json::from_str(json.get()).map_err(|error| unexpected(&error))
}

fn unexpected(error: &serde_json::Error) -> AppError {
    AppError::local(
        "unexpected_answer",
        format!("the server's answer is not what this page expects: reload the page ({error})"),
    )
}

#[cfg(feature = "ssr")]
async fn run<C: Call>(call: C) -> Answer {
    let output = call.run_body().await?;
    match serde_json::value::to_raw_value(&output) {
        Ok(json) => Ok(json.into()),
        Err(error) => Err(domain::Error::internal(error).into()),
    }
}

/// Sends form-encoded arguments, as a form of the page without WebAssembly would.
#[cfg(feature = "hydrate")]
async fn post(path: &'static str, arguments: String) -> Answer {
    use leptos::server_fn::client::Client;
    use leptos::server_fn::client::browser::BrowserClient;
    use leptos::server_fn::error::FromServerFnError as _;
    use leptos::server_fn::redirect::call_redirect_hook;
    use leptos::server_fn::request::ClientReq;
    use leptos::server_fn::response::ClientRes;

    type Browser = BrowserClient;
    type Request = <Browser as Client<AppError>>::Request;
    type Response = <Browser as Client<AppError>>::Response;

    let request = <Request as ClientReq<AppError>>::try_new_post(
        path,
        "application/x-www-form-urlencoded",
        "application/json",
        arguments,
    )?;
    let response = <Browser as Client<AppError>>::send(request).await?;
    let status = <Response as ClientRes<AppError>>::status(&response);
    let redirect = <Response as ClientRes<AppError>>::has_redirect(&response)
        .then(|| <Response as ClientRes<AppError>>::location(&response));
    let body = <Response as ClientRes<AppError>>::try_into_string(response).await?;
    if status >= 400 {
        return Err(AppError::de(body.into()));
    }
    if let Some(location) = redirect {
        call_redirect_hook(&location);
    }
    match RawValue::from_string(body) {
        Ok(json) => Ok(json.into()),
        Err(error) => Err(unexpected(&error)),
    }
}

#[cfg(feature = "hydrate")]
fn arguments<C: Call>(call: &C) -> Result<String, AppError> {
    serde_qs::to_string(call)
        .map_err(|error| AppError::local("not_sendable", format!("this can not be sent: {error}")))
}
