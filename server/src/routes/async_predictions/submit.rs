//! Accepting a prediction: the same door as for one that is waited for, up to the model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::async_predictions::{AsyncPrediction, AsyncStatus};
use domain::predictions::{PredictResponse, Route};
use domain::problem::Problem;
use domain::{Actor, Error, FieldError, Result, Timestamp};
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use platform::async_predictions::{self, CallbackUrl, Submission};
use platform::idempotent_requests;
use serving::dialects::Native;
use serving::predict::{self, Forced};
use serving::snapshot::Deployment;

use super::body;
use super::prefer::Prefer;
use super::{follow, limited};
use crate::error::ApiResult;
use crate::extract::query::bad;
use crate::extract::{Json, RequestId};
use crate::middleware::edge::Served;
use crate::middleware::{cors, idempotency};
use crate::routes::predict::Caller;
use crate::routes::predict::answer::{Call, Found, LARGE, Target, admit, count_refused, find};
use crate::routes::predict::body::{check_json, read};
use crate::routes::predict::load::wake;
use crate::routes::predict::route::{RoutingKey, forced};
use crate::state::AppState;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");

/// Accepts a prediction of this deployment, and waits for its end as long as the client prefers.
pub(in crate::routes) async fn submit(
    state: &AppState,
    deployment: &str,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let call = Call::routed(state, &parts, Target::Deployment(deployment));
    let (admitted, allowance) = admit(&call);
    let project = admitted.as_ref().ok().map(|caller| caller.key.project);
    let answered = match admitted {
        Ok(caller) => accept(&call, &caller, &parts, body).await,
        Err(error) => Err(error.into()),
    };
    let mut response = limited(answered, allowance.as_ref());
    let (asked, headers) = (cors::Asked::Deployment(deployment), response.headers_mut());
    cors::expose(state, project, asked, &parts.headers, headers);
    response
}

async fn accept(
    call: &Call<'_>,
    caller: &Caller,
    parts: &Parts,
    body: Body,
) -> ApiResult<Response> {
    let Call { state, headers, .. } = *call;
    let Found::Deployment(deployment) = find(state, call.target, caller)? else {
        return Err(Error::not_found("deployment").into());
    };
    let forced = forced(headers, caller.scopes())?;
    check_query(parts.uri.query().unwrap_or_default())?;
    check_json(headers)?;
    let key = idempotency::key_of(headers)?;
    let sent = read(headers, body).await?;
    let asked = Asked {
        state: state.clone(),
        actor: caller.actor(),
        deployment,
        sent: sent.clone(),
        request_id: call.request_id.clone(),
        routing_key: RoutingKey::of(call, caller),
        forced,
        now: call.now,
        arrived: call.arrived,
        prefer: Prefer::of(headers),
    };
    let Some(key) = key else {
        return Box::pin(asked.answer()).await;
    };
    let fingerprint = idempotency::fingerprint(parts, &sent);
    let claim =
        idempotent_requests::claim(&state.platform, &asked.actor, &key, fingerprint).await?;
    let work = async move {
        Box::pin(asked.answer()).await.unwrap_or_else(|error| {
            count_refused(&error);
            error.into_response()
        })
    };
    Ok(Box::pin(idempotency::perform(state, claim, false, work)).await)
}

/// Explanations are kept nowhere, so nobody could fetch them later.
fn check_query(query: &str) -> Result<()> {
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    match parameters.find(|(name, value)| name == "explain" && value != "false") {
        None => Ok(()),
        Some((_, got)) => {
            let expected =
                "false: what is answered later is not explained, so ask for an answer at once";
            Err(bad("explain", expected, &got))
        }
    }
}

/// A request whose body is there and whose caller may ask, with all that it needs on another task.
#[derive(Clone)]
struct Asked {
    state: AppState,
    actor: Actor,
    deployment: Arc<Deployment>,
    sent: Bytes,
    request_id: RequestId,
    routing_key: RoutingKey,
    forced: Option<Forced>,
    now: Timestamp,
    arrived: Instant,
    prefer: Prefer,
}

impl Asked {
    async fn answer(self) -> ApiResult<Response> {
        let limits = &self.state.config.predictions;
        if self.state.async_predictions.waiting() >= limits.async_total_limit {
            let what = format!(
                "{} predictions are waiting already",
                limits.async_total_limit
            );
            return Err(async_predictions::full(&what).into());
        }
        let submission = self.checked().await?;
        let (platform, limit) = (&self.state.platform, limits.async_queue_limit);
        let stored = async_predictions::submit(platform, &self.actor, &submission, limit).await?;
        // Longer than for any other request would outlast what stands between us and the client.
        let longest = self.state.config.http.request_timeout();
        let wait = self.prefer.wait.map(|wait| wait.min(longest));
        let accepted = stored.prediction.clone();
        // It is accepted, whatever goes wrong from here on.
        let prediction = follow(&self.state, &self.actor, stored, wait)
            .await
            .unwrap_or(accepted);
        if prediction.status.is_final() {
            let mut response = finished(prediction)?;
            applied(&mut response, false, wait);
            return Ok(response);
        }
        let location = format!("/api/v1/predictions/{}", prediction.request_id);
        let mut response = (
            StatusCode::ACCEPTED,
            [(LOCATION, location)],
            Json(prediction),
        )
            .into_response();
        applied(&mut response, self.prefer.respond_async, wait);
        Ok(response)
    }

    /// What is stored of the request, once nothing is wrong with it.
    async fn checked(&self) -> Result<Submission> {
        let split = body::split(&self.sent).map_err(|error| Error::Invalid(vec![error]))?;
        let mut errors = Vec::new();
        let callback = split
            .callback_url
            .and_then(|url| self.callback(&url).map_err(|error| errors.push(error)).ok());
        match self.check(split.rest.clone()).await {
            Err(Error::Invalid(more)) => errors.extend(more),
            checked => checked?,
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        Ok(Submission {
            deployment: self.deployment.name.clone(),
            request_id: self.request_id.as_str().to_owned(),
            routing_key: self.routing_key.to_vec(),
            forced: self.forced.map(|forced| match forced {
                Forced::Stable => Route::Stable,
                Forced::Canary => Route::Canary,
            }),
            body: split.rest.to_vec(),
            callback,
        })
    }

    fn callback(&self, url: &str) -> Result<CallbackUrl, FieldError> {
        let wrong = |expected: &str| FieldError::new("/callback_url", "invalid", expected).got(url);
        let parsed = self.state.outbound.check(url).map_err(wrong)?;
        let host = parsed.host_str().unwrap_or_default().to_owned();
        Ok(CallbackUrl {
            url: parsed.into(),
            host,
        })
    }

    async fn check(&self, body: Bytes) -> Result<()> {
        wake(
            &self.state,
            &self.deployment,
            &self.routing_key,
            self.forced,
        )
        .await?;
        if body.len() <= LARGE {
            return self.check_now(&body);
        }
        let asked = self.clone();
        tokio::task::spawn_blocking(move || asked.check_now(&body))
            .await
            .map_err(Error::internal)?
    }

    fn check_now(&self, body: &[u8]) -> Result<()> {
        let request = predict::Request {
            dialect: &Native,
            body,
            request_id: self.request_id.as_str(),
            routing_key: &self.routing_key,
            forced: self.forced,
            now: self.now,
            arrived: self.arrived,
        };
        predict::check(&self.deployment, &request)
    }
}

/// What a client that waited gets: what it would have got if it had not asked for more.
fn finished(prediction: AsyncPrediction) -> ApiResult<Response> {
    let AsyncPrediction {
        request_id,
        status,
        result,
        error,
        ..
    } = prediction;
    match (status, result, error) {
        (AsyncStatus::Succeeded, Some(result), _) => {
            let served = Served {
                model: result.model.clone(),
                version: result.version,
            };
            let answer = PredictResponse {
                predictions: result.predictions,
                model: result.model,
                version: result.version,
                route: result.route,
                request_id,
                explanations: Vec::new(),
            };
            let mut response = Json(answer).into_response();
            response
                .headers_mut()
                .insert(X_MODEL_VERSION, served.version.into());
            response.extensions_mut().insert(served);
            Ok(response)
        }
        (_, _, Some(problem)) => failed(&problem),
        _ => Err(Error::conflict(
            "prediction_cancelled",
            "the prediction was cancelled before it had an answer: send it again",
        )
        .into()),
    }
}

fn failed(problem: &Problem) -> ApiResult<Response> {
    let body = serde_json::to_vec(problem).map_err(Error::internal)?;
    let status = StatusCode::from_u16(problem.status).map_err(Error::internal)?;
    let media = HeaderValue::from_static("application/problem+json");
    let mut response = (status, [(CONTENT_TYPE, media)], body).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// Says which preferences had an effect.
fn applied(response: &mut Response, respond_async: bool, wait: Option<Duration>) {
    let wait = wait.map(|wait| format!("wait={}", wait.as_secs()));
    let applied = respond_async
        .then(|| "respond-async".to_owned())
        .into_iter()
        .chain(wait);
    let text = applied.collect::<Vec<_>>().join(", ");
    if let (false, Ok(value)) = (text.is_empty(), HeaderValue::try_from(text)) {
        response.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
}
