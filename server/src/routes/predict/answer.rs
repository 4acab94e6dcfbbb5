//! From a request to what a model answered, whatever shape the client speaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::ids::ProjectId;
use domain::{Error, Name, Result, Scope, Timestamp};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Body as HttpBody;
use serving::dialects::{Dialect, Explained, Native};
use serving::gate::{Full, Gate, PATIENCE, Turn};
use serving::limits::Allowance;
use serving::predict::{Answer, Forced};
use serving::remote::Deadline;
use serving::snapshot::Deployment;
use serving::versions::Version;

use super::body;
use super::caller::Caller;
pub(in crate::routes) use super::caller::admit;
use super::known::Known;
use super::route::{RoutingKey, forced};
use super::work::Work;
use crate::error::{ApiError, ApiResult};
use crate::extract::{ClientIp, RequestId};
use crate::state::AppState;

/// A larger body is read and predicted on a thread that may take its time, in bytes.
pub(in crate::routes) const LARGE: usize = 64 << 10;

/// Who is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) enum Target<'a> {
    Deployment(&'a str),
    /// A model, and a version's number or an alias with its `@`.
    Version(&'a str, &'a str),
    /// A deployment, or else the newest version of a model; with a version, that one of the deployment's model or of the
    /// model.
    Named(&'a str, Option<&'a str>),
    /// No model: what the server says of itself.
    Server,
}

/// A request to predict, as far as its head tells.
pub(in crate::routes) struct Call<'a> {
    pub(in crate::routes) state: &'a AppState,
    pub(in crate::routes) target: Target<'a>,
    pub(in crate::routes) headers: &'a HeaderMap,
    /// Where to look for headers that few requests have: empty when this one has none of them.
    pub(super) rare: &'a HeaderMap,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// Of the connection, if the request came straight from it.
    pub(super) known: Option<&'a Known>,
    pub(in crate::routes) request_id: RequestId,
    pub(super) client: ClientIp,
    pub(in crate::routes) arrived: Instant,
    /// When its client stops waiting, if it said so.
    pub(in crate::routes) deadline: Option<Instant>,
    pub(in crate::routes) now: Timestamp,
}

impl<'a> Call<'a> {
    /// A request that came through the router, where the outermost layer has looked at it.
    pub(in crate::routes) fn routed(
        state: &'a AppState,
        parts: &'a Parts,
        target: Target<'a>,
    ) -> Self {
        let Parts {
            extensions,
            headers,
            ..
        } = parts;
        let client = extensions.get().copied().unwrap_or_else(|| {
            let trusted = &state.config.http.trusted_proxies;
            ClientIp::of(extensions.get(), headers, trusted)
        });
        let request_id = extensions.get::<RequestId>().cloned();
        let now = state.platform.clock.now();
        Self {
            state,
            target,
            headers,
            rare: headers,
            authorization: headers.get(AUTHORIZATION),
            known: None,
            request_id: request_id.unwrap_or_else(|| RequestId::of(headers, now)),
            client,
            arrived: Instant::now(),
            deadline: None,
            now,
        }
    }
}

impl Call<'_> {
    /// The same request, once its body has told who is to answer.
    pub(in crate::routes) fn to<'t>(self, target: Target<'t>) -> Call<'t>
    where
        Self: 't,
    {
        Call { target, ..self }
    }

    /// When an answer must be there.
    fn until(&self) -> Deadline {
        let own = self.arrived + self.state.config.http.request_timeout();
        match self.deadline {
            Some(at) if at < own => Deadline {
                at,
                is_callers: true,
            },
            _ => own.into(),
        }
    }

    /// # Errors
    /// When nobody waits for an answer any more.
    fn check_deadline(&self) -> ApiResult<()> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Err(too_late()),
            _ => Ok(()),
        }
    }
}

/// For a client that has stopped waiting.
pub(in crate::routes) fn too_late() -> ApiError {
    let message = "the time that the client gave this call was over before there was an answer: give it more, or send fewer at once";
    ApiError::http(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", message)
}

/// How a request ended.
pub(in crate::routes) struct Ended {
    pub(super) outcome: Result<Success, Refused>,
    /// The caller's, if he was let in.
    pub(super) project: Option<ProjectId>,
}

pub(super) struct Refused {
    pub(super) error: ApiError,
    /// What is left of the key's quota, if there was a key.
    pub(super) allowance: Option<Allowance>,
}

impl Ended {
    /// Counts what no version was asked for, too; the recorder counts the rest. `allowance` is what is left of the key's
    /// quota, if there was a key.
    pub(in crate::routes) fn with(
        outcome: ApiResult<Success>,
        allowance: Option<Allowance>,
        project: Option<ProjectId>,
    ) -> Self {
        let outcome = outcome.map_err(|error| {
            count_refused(&error);
            Refused { error, allowance }
        });
        Self { outcome, project }
    }

    /// Before anything was known of the caller.
    pub(super) fn early(error: ApiError) -> Self {
        Self {
            outcome: Err(Refused {
                error,
                allowance: None,
            }),
            project: None,
        }
    }
}

pub(in crate::routes) struct Success {
    pub(super) answer: Answer,
    pub(super) found: Found,
    pub(super) allowance: Allowance,
    /// From the request's arrival until its caller was known and allowed.
    pub(super) authenticated: Duration,
    /// How long the request waited until what it needs was loaded.
    pub(super) loaded: Option<Duration>,
}

/// Volary's own shape, which is JSON.
pub(super) fn native(headers: &HeaderMap) -> ApiResult<Native> {
    body::check_json(headers)?;
    Ok(Native)
}

/// The same, with what each input adds.
pub(super) fn explained(headers: &HeaderMap) -> ApiResult<Explained> {
    body::check_json(headers)?;
    Ok(Explained)
}

/// `dialect` says, from the headers, in which shape the body is, or refuses it.
pub(in crate::routes) async fn answer<B, D>(
    call: &Call<'_>,
    body: B,
    dialect: impl FnOnce(&HeaderMap) -> ApiResult<D>,
) -> Ended
where
    B: HttpBody<Data = Bytes> + Unpin,
    D: Dialect + Send + Sync + 'static,
{
    let (admitted, allowance) = admit(call);
    let project = admitted.as_ref().ok().map(|caller| caller.key.project);
    let outcome = match admitted {
        Ok(caller) => predict(call, &caller, body, dialect).await,
        Err(error) => Err(error.into()),
    };
    Ended::with(outcome, allowance, project)
}

/// Counts what no version was asked for; the recorder counts the rest.
pub(in crate::routes) fn count_refused(error: &ApiError) {
    if matches!(
        error,
        ApiError::Domain(
            Error::Invalid(_)
                | Error::Unsupported { .. }
                | Error::ModelFailed(_)
                | Error::Engine { .. }
        )
    ) {
        return;
    }
    let unknown =
        ["project", "deployment", "model", "version", "route"].map(|label| (label, String::new()));
    let [project, deployment, model, version, route] = unknown;
    let labels = [
        project,
        deployment,
        model,
        version,
        route,
        ("status", error.status().as_str().to_owned()),
    ];
    metrics::counter!("volary_predict_requests_total", &labels).increment(1);
}

async fn predict<B, D>(
    call: &Call<'_>,
    caller: &Caller,
    body: B,
    dialect: impl FnOnce(&HeaderMap) -> ApiResult<D>,
) -> ApiResult<Success>
where
    B: HttpBody<Data = Bytes> + Unpin,
    D: Dialect + Send + Sync + 'static,
{
    let headers = call.headers;
    let allowed = Allowed::of(call, caller)?;
    let dialect = dialect(headers)?;
    let body = body::read(call.rare, body).await?;
    predict_from(call, caller, allowed, dialect, body).await
}

/// A request whose caller may have what it asks for.
pub(in crate::routes) struct Allowed {
    found: Found,
    forced: Option<Forced>,
    /// From the request's arrival until that was known.
    authenticated: Duration,
}

impl Allowed {
    pub(in crate::routes) fn of(call: &Call<'_>, caller: &Caller) -> ApiResult<Self> {
        Ok(Self {
            found: find(call.state, call.target, caller)?,
            forced: forced(call.rare, caller.scopes())?,
            authenticated: call.arrived.elapsed(),
        })
    }
}

/// `body` is there as a whole, and not packed.
pub(in crate::routes) async fn predict_from<D>(
    call: &Call<'_>,
    caller: &Caller,
    allowed: Allowed,
    dialect: D,
    body: Bytes,
) -> ApiResult<Success>
where
    D: Dialect + Send + Sync + 'static,
{
    let Allowed {
        found,
        forced,
        authenticated,
    } = allowed;
    let state = call.state;
    let routing_key = RoutingKey::of(call, caller);
    let loaded = found.load(state, &routing_key, forced).await?;
    let work = Work {
        dialect,
        body,
        request_id: call.request_id.clone(),
        routing_key,
        forced,
        now: call.now,
        arrived: call.arrived,
    };
    let turn = found.enter().await?;
    call.check_deadline()?;
    let (answer, found) = if work.body.len() > LARGE || D::TAKES_TIME {
        let large = found.gate().enter().await.map_err(overloaded)?;
        let state = state.clone();
        let deadline = call.until();
        if found.is_remote() {
            Box::pin(work.run_elsewhere(state, found, deadline, turn, large)).await?
        } else {
            let work = tokio::task::spawn_blocking(move || {
                let answer = work.run(&state, &found);
                // Not before the work ends, even when its client has gone away.
                drop((turn, large));
                answer.map(|answer| (answer, found))
            });
            work.await.map_err(Error::internal)??
        }
    } else if found.gains_from_batches() {
        let deadline = call.until();
        // Boxed, so that a request that is computed by itself carries none of this.
        let answer = Box::pin(work.run_in_batch(state, &found, deadline)).await;
        drop(turn);
        // The batch ends its wait when the client does: then it is the client's time that was too short.
        if matches!(answer, Err(Error::Overloaded { .. })) {
            call.check_deadline()?;
        }
        (answer?, found)
    } else {
        let answer = work.run(state, &found);
        drop(turn);
        (answer?, found)
    };
    Ok(Success {
        answer,
        found,
        allowance: caller.allowance,
        authenticated,
        loaded,
    })
}

pub(super) fn overloaded(Full: Full) -> Error {
    let message = "too many requests that are large, or to be explained, are under way for this name: send fewer at once, or smaller ones";
    Error::Overloaded {
        message: message.to_owned(),
        retry_after: 1,
    }
}

/// For who found no turn at a deployment that limits what is in flight.
pub(crate) fn crowded(deployment: &Deployment) -> Error {
    Error::Overloaded {
        message: format!(
            "{} has as many predictions in flight and waiting as its max_in_flight and max_queue allow, and none ended within {} ms: \
             send fewer at once, or ask for more",
            deployment.name,
            PATIENCE.as_millis()
        ),
        retry_after: 1,
    }
}

/// What the target was in the snapshot.
pub(in crate::routes) enum Found {
    Deployment(Arc<Deployment>),
    Version(Arc<Version>),
}

impl Found {
    /// The turn of a prediction, where a deployment limits them: to be held until it is answered.
    ///
    /// # Errors
    /// `Overloaded` when there is none within [`PATIENCE`].
    pub(super) async fn enter(&self) -> Result<Option<Turn>> {
        let Self::Deployment(deployment) = self else {
            return Ok(None);
        };
        match &deployment.limit {
            None => Ok(None),
            Some(limit) => match limit.enter().await {
                Ok(turn) => Ok(Some(turn)),
                Err(Full) => Err(crowded(deployment)),
            },
        }
    }

    /// The model that answers, whichever of its versions does.
    pub(super) fn model(&self) -> &Name {
        match self {
            Self::Deployment(deployment) => &deployment.stable.version.model,
            Self::Version(version) => &version.model,
        }
    }

    /// Whether another engine computes it, or a part of it.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Deployment(deployment) => deployment.is_remote(),
            Self::Version(version) => version.is_remote(),
        }
    }

    #[inline]
    fn gains_from_batches(&self) -> bool {
        match self {
            Self::Deployment(deployment) => deployment.gains_from_batches(),
            Self::Version(version) => version.gains_from_batches(),
        }
    }

    pub(super) fn gate(&self) -> &Arc<Gate> {
        match self {
            Self::Deployment(deployment) => &deployment.gate,
            Self::Version(version) => &version.gate,
        }
    }
}

/// # Errors
/// `Forbidden` naming the scope that is needed, before anything is said about what there is; else `NotFound`.
pub(in crate::routes) fn find(
    state: &AppState,
    target: Target<'_>,
    caller: &Caller,
) -> Result<Found> {
    let snapshot = state.serving.snapshot();
    let project = caller.key.project;
    match target {
        Target::Deployment(name) => {
            may_predict(caller, name)?;
            let deployment = snapshot
                .deployment(project, name)
                .ok_or_else(|| Error::not_found("deployment"))?;
            Ok(Found::Deployment(Arc::clone(deployment)))
        }
        Target::Version(model, version) => {
            may_predict_everything(caller)?;
            let version = snapshot
                .version(project, model, version)
                .ok_or_else(|| Error::not_found("model version"))?;
            Ok(Found::Version(Arc::clone(version)))
        }
        Target::Named(name, None) => {
            may_predict(caller, name)?;
            if let Some(deployment) = snapshot.deployment(project, name) {
                return Ok(Found::Deployment(Arc::clone(deployment)));
            }
            // To a key of one deployment there are no models.
            let newest = snapshot
                .newest_version(project, name)
                .filter(|_| may_predict_everything(caller).is_ok())
                .ok_or_else(|| Error::not_found("model"))?;
            Ok(Found::Version(Arc::clone(newest)))
        }
        Target::Named(name, Some(version)) => {
            may_predict_everything(caller)?;
            let model = snapshot
                .deployment(project, name)
                .map_or(name, |deployment| deployment.stable.version.model.as_str());
            let version = snapshot
                .version(project, model, version)
                .ok_or_else(|| Error::not_found("model version"))?;
            Ok(Found::Version(Arc::clone(version)))
        }
        Target::Server => Err(Error::not_found("model")),
    }
}

fn may_predict(caller: &Caller, deployment: &str) -> Result<()> {
    if caller
        .scopes()
        .iter()
        .any(|scope| scope.may_predict(deployment))
    {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "this needs an API key with the scope predict:{deployment} or predict:*"
    )))
}

fn may_predict_everything(caller: &Caller) -> Result<()> {
    if caller.scopes().contains(&Scope::Predict(None)) {
        return Ok(());
    }
    Err(Error::Forbidden(
        "this needs an API key with the scope predict:*".to_owned(),
    ))
}
