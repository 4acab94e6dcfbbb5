//! The short way of a prediction: from the connection to the answer without the router and its layers. Everything that
//! they would have done for it is done here, by the same functions.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    HeaderName, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::body::Body as HttpBody;

use super::answer::{Call, Ended, Target, answer, native};
use super::respond::respond;
use crate::error::{self, Failed};
use crate::extract::request_id::X_REQUEST_ID;
use crate::extract::{ClientIp, RequestId};
use crate::listen::Peer;
use crate::middleware::edge::{self, Line};
use crate::middleware::{cors, headers, hosts};
use crate::routes::async_predictions::PREFER;
use crate::state::AppState;

pub use super::respond::PredictBody;

const USUAL: [HeaderName; 8] = [
    HOST,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    AUTHORIZATION,
    USER_AGENT,
    ACCEPT,
    ACCEPT_ENCODING,
    CONNECTION,
];

fn target(path: &str) -> Option<Target<'_>> {
    let rest = path.strip_prefix("/predict/")?;
    let is_plain =
        |segment: &str| !segment.is_empty() && !segment.bytes().any(|b| matches!(b, b'/' | b'%'));
    match rest.split_once('/') {
        None => is_plain(rest).then_some(Target::Deployment(rest)),
        Some((model, version)) => {
            let is_version = is_plain(version) && version != "async";
            (is_plain(model) && is_version).then_some(Target::Version(model, version))
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

/// The headers, or none where all of them are such as every client sends: one look at their names costs less than to ask for
/// each of the others.
fn rare(headers: &HeaderMap) -> &HeaderMap {
    static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
    let mut names = headers.keys();
    if names.all(|name| USUAL.contains(name)) {
        &NONE
    } else {
        headers
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
    let is_post = request.method() == Method::POST;
    // What a client prefers is looked at behind the router.
    let is_ours = is_post && !rare(request.headers()).contains_key(PREFER);
    let Some(target) = target(path).filter(|_| is_ours) else {
        return Err(request);
    };
    let (parts, body) = request.into_parts();
    let rare = rare(&parts.headers);
    let call = Call {
        state,
        target,
        headers: &parts.headers,
        rare,
        request_id: RequestId::of(rare),
        client: ClientIp::of(
            Some(&peer),
            &parts.headers,
            &state.config.http.trusted_proxies,
        ),
        arrived: Instant::now(),
        deadline: None,
        now: state.platform.clock.now(),
    };
    let ended = ended(&call, &uri, body).await;
    let project = ended.project;
    let (mut response, served) = respond(ended);
    let over_tls = headers::is_over_tls(state, Some(&peer), &parts.headers);
    // A prediction has begun with what these would add.
    if served.is_none() {
        let failed = Failed {
            method: &parts.method,
            path,
            headers: &parts.headers,
            is_bearer: edge::is_bearer(&parts.headers),
            request_id: &call.request_id,
            now: call.now,
        };
        response = error::finish(&failed, response);
        headers::secure(path, response.headers_mut());
    }
    headers::secure_transport(over_tls, response.headers_mut());
    if let Target::Deployment(name) = target {
        let page = cors::Asked::Deployment(name);
        cors::expose(state, project, page, rare, response.headers_mut());
    }
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
            project: None,
        };
    }
    let answered = AssertUnwindSafe(answer(call, body, native)).catch_unwind();
    answered.await.unwrap_or_else(|panic| Ended {
        outcome: Err(edge::panicked(&*panic)),
        allowance: None,
        project: None,
    })
}
