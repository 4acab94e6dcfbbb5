//! The short way of a prediction: from the connection to the answer without the router and its layers. Everything that
//! they would have done for it is done here, by the same functions.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Method, Request, Response, Uri};
use hyper::body::Body as HttpBody;

use super::answer::{Call, Ended, Target, answer, native};
use super::respond::respond;
use crate::error::{self, Failed};
use crate::extract::request_id::X_REQUEST_ID;
use crate::extract::{ClientIp, RequestId};
use crate::listen::Peer;
use crate::middleware::edge::{self, Line};
use crate::middleware::{headers, hosts};
use crate::state::AppState;

pub use super::respond::PredictBody;

fn target(path: &str) -> Option<Target<'_>> {
    let rest = path.strip_prefix("/predict/")?;
    let is_plain =
        |segment: &str| !segment.is_empty() && !segment.bytes().any(|b| matches!(b, b'/' | b'%'));
    match rest.split_once('/') {
        None => is_plain(rest).then_some(Target::Deployment(rest)),
        Some((model, version)) => {
            (is_plain(model) && is_plain(version)).then_some(Target::Version(model, version))
        }
    }
}

impl Target<'_> {
    /// As the router has it.
    fn route(self) -> &'static str {
        match self {
            Self::Deployment(_) => "/predict/{deployment}",
            Self::Version(..) => "/predict/{model}/{version}",
            Self::Named(_, None) => "/v2/models/{name}/infer",
            Self::Named(_, Some(_)) => "/v2/models/{name}/versions/{version}/infer",
            Self::Server => "/v2",
        }
    }
}

/// Answers a prediction, and gives every other request back. The router has those that are written in another way, such
/// as with an escaped name.
pub async fn serve<B>(
    state: &AppState,
    peer: Peer,
    request: Request<B>,
) -> Result<Response<PredictBody>, Request<B>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let uri = request.uri().clone();
    let path = uri.path();
    let Some(target) = target(path).filter(|_| request.method() == Method::POST) else {
        return Err(request);
    };
    let (parts, body) = request.into_parts();
    let call = Call {
        state,
        target,
        headers: &parts.headers,
        request_id: RequestId::of(&parts.headers),
        client: ClientIp::of(
            Some(&peer),
            &parts.headers,
            &state.config.http.trusted_proxies,
        ),
        arrived: Instant::now(),
        now: state.platform.clock.now(),
    };
    let ended = ended(&call, &uri, body).await;
    let failed = Failed {
        method: &parts.method,
        path,
        headers: &parts.headers,
        is_bearer: edge::is_bearer(&parts.headers),
        request_id: &call.request_id,
        now: call.now,
    };
    let (response, served) = respond(ended);
    let mut response = error::finish(&failed, response);
    headers::secure(state, path, response.headers_mut());
    response
        .headers_mut()
        .insert(X_REQUEST_ID, call.request_id.header());
    edge::log(&Line {
        method: &parts.method,
        path,
        route: target.route(),
        request_id: &call.request_id,
        client: call.client,
        started: call.arrived,
        now: call.now,
        status: response.status(),
        served: served.as_ref(),
    });
    Ok(response)
}

async fn ended<B>(call: &Call<'_>, uri: &Uri, body: B) -> Ended
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if !hosts::is_allowed(call.state, call.headers, uri) {
        return Ended {
            outcome: Err(hosts::misdirected()),
            allowance: None,
        };
    }
    let answered = AssertUnwindSafe(answer(call, body, native)).catch_unwind();
    answered.await.unwrap_or_else(|panic| Ended {
        outcome: Err(edge::panicked(&*panic)),
        allowance: None,
    })
}
