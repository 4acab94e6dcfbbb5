//! The short way of a prediction: from the connection to the answer without the router and its layers. Everything that
//! they would have done for it is done here, by the same functions.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Body as HttpBody;
use serving::dialects::Native;

use super::answer::{Call, Ended, Target, answer, native};
use super::body::is_plain_json;
use super::respond::{Answered, respond};
use crate::error::{self, Failed};
use crate::extract::request_id::X_REQUEST_ID;
use crate::extract::{ClientIp, RequestId};
use crate::listen::Peer;
use crate::middleware::edge::{self, Line};
use crate::middleware::{cors, headers, hosts};
use crate::routes::async_predictions::PREFER;
use crate::state::AppState;

pub use super::known::Known;
pub use super::respond::PredictBody;

/// What the headers of a prediction tell, from one look at all of them: to ask for each by its name costs more.
struct Head<'a> {
    host: Option<&'a HeaderValue>,
    media: Option<&'a HeaderValue>,
    authorization: Option<&'a HeaderValue>,
    /// None of them comes twice, and all others are such as every client sends.
    is_usual: bool,
}

impl<'a> Head<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut head = Self {
            host: None,
            media: None,
            authorization: None,
            is_usual: true,
        };
        for (name, value) in headers {
            let place = match *name {
                HOST => &mut head.host,
                CONTENT_TYPE => &mut head.media,
                AUTHORIZATION => &mut head.authorization,
                CONTENT_LENGTH | USER_AGENT | ACCEPT | ACCEPT_ENCODING | CONNECTION => continue,
                _ => {
                    head.is_usual = false;
                    continue;
                }
            };
            match place {
                None => *place = Some(value),
                Some(_) => head.is_usual = false,
            }
        }
        head
    }

    /// Where to look for those that few requests have.
    fn rare(&self, headers: &'a HeaderMap) -> &'a HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        if self.is_usual { &NONE } else { headers }
    }
}

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

/// Answers a prediction, and gives every other request back. The router has those that are written in another way, such
/// as with an escaped name.
pub async fn serve<B>(
    state: &AppState,
    peer: Peer,
    known: &Known,
    request: Request<B>,
) -> Result<Response<PredictBody>, Request<B>>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let head = Head::of(&parts.headers);
    let rare = head.rare(&parts.headers);
    // What a client prefers, or asks for besides, is looked at behind the router.
    let is_ours =
        parts.method == Method::POST && parts.uri.query().is_none() && !rare.contains_key(PREFER);
    let Some(target) = target(path).filter(|_| is_ours) else {
        return Err(Request::from_parts(parts, body));
    };
    let now = state.platform.clock.now();
    let call = Call {
        state,
        target,
        headers: &parts.headers,
        rare,
        authorization: head.authorization,
        known: Some(known),
        request_id: RequestId::of(rare, now),
        client: ClientIp::of(
            Some(&peer),
            &parts.headers,
            &state.config.http.trusted_proxies,
        ),
        arrived: Instant::now(),
        deadline: None,
        now,
    };
    let ended = ended(&call, &head, &parts.uri, body).await;
    let project = ended.project;
    let (mut response, answered) = respond(ended, Some(&call.request_id));
    let over_tls = headers::is_over_tls(state, Some(&peer), &parts.headers);
    // A prediction has what these would add.
    if answered.is_none() {
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
        response
            .headers_mut()
            .insert(X_REQUEST_ID, call.request_id.header());
    }
    headers::secure_transport(over_tls, response.headers_mut());
    if let Target::Deployment(name) = target {
        let page = cors::Asked::Deployment(name);
        cors::expose(state, project, page, rare, response.headers_mut());
    }
    edge::log(&Line {
        method: &parts.method,
        path,
        route: target.route(),
        request_id: &call.request_id,
        client: call.client,
        took: call.arrived.elapsed(),
        now: call.now,
        status: response.status(),
        served: answered.as_ref().map(Answered::model),
    });
    Ok(response)
}

async fn ended<B>(call: &Call<'_>, head: &Head<'_>, uri: &Uri, body: B) -> Ended
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let is_own = head.is_usual && hosts::is_own(call.state, head.host, uri);
    if !is_own && !hosts::is_allowed(call.state, call.headers, uri) {
        return Ended::early(hosts::misdirected());
    }
    let is_json = is_plain_json(head.media);
    let dialect = |headers: &HeaderMap| if is_json { Ok(Native) } else { native(headers) };
    let answered = AssertUnwindSafe(answer(call, body, dialect)).catch_unwind();
    answered
        .await
        .unwrap_or_else(|panic| Ended::early(edge::panicked(&*panic)))
}
