use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::models::{RemoteEndpoint, RemoteToken};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serving::remote::{Doing, EngineName, Line, Metadata, Trouble};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use url::Url;

use crate::outbound::{self, Connection, Failure, Outbound, Received};

/// What the answers that this process waits for may take together, whichever engines they are of: in KiB, of which each
/// request takes as many as its answer may have.
const MOST_ROOM: usize = 256 << 10;
static ROOM: Semaphore = Semaphore::const_new(MOST_ROOM);
/// Longest description of a model, in bytes.
const LONGEST_METADATA: usize = 1 << 20;
/// Longest time for what is asked beside requests.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests to one version of one engine that may be under way.
const MOST_UNDER_WAY: usize = 256;
/// Connections that are kept while nobody needs them, and how long.
const MOST_IDLE: usize = 32;
const IDLE: Duration = Duration::from_secs(30);
/// The second try of a request follows the first after so many milliseconds, and up to as many more.
const PAUSE: u64 = 10;
const MOST_JITTER: u64 = 40;
/// Of what an engine says of when to come back, in seconds.
const LONGEST_WAIT: u64 = 60;

/// The way to one model of one engine.
#[derive(Debug)]
pub(super) struct RemoteLine {
    outbound: Arc<Outbound>,
    /// Of the model; `None` when its URL is none.
    model: Option<Url>,
    headers: HeaderMap,
    timeout: Option<Duration>,
    idle: Mutex<Vec<(Connection, Instant)>>,
    turns: Semaphore,
    labels: Vec<(&'static str, String)>,
}

impl RemoteLine {
    pub(super) fn new(
        outbound: Arc<Outbound>,
        endpoint: &RemoteEndpoint,
        token: Option<&RemoteToken>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let bearer = token.map(|token| HeaderValue::try_from(format!("Bearer {}", token.expose())));
        if let Some(Ok(mut bearer)) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Self {
            outbound,
            model: model_url(endpoint),
            headers,
            timeout: endpoint
                .timeout_ms
                .map(|ms| Duration::from_millis(ms.into())),
            idle: Mutex::default(),
            turns: Semaphore::new(MOST_UNDER_WAY),
            labels: Vec::new(),
        }
    }

    pub(super) fn counted_as(mut self, name: &EngineName) -> Self {
        self.labels = vec![
            ("project", name.project.to_string()),
            ("model", name.model.to_string()),
            ("version", name.version.to_string()),
        ];
        self
    }

    /// What the engine says of the model.
    ///
    /// # Errors
    /// Also when that is no description.
    pub(super) async fn metadata(&self) -> Result<Metadata, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        let received = self.send(Method::GET, "", Bytes::new(), LONGEST_METADATA, deadline);
        let body = body(received.await?)?;
        serde_json::from_slice(&body).map_err(|_| {
            Trouble::Malformed("it does not describe the model as the protocol has it".to_owned())
        })
    }

    /// `what` stands behind the model's path.
    async fn send(
        &self,
        method: Method,
        what: &str,
        body: Bytes,
        longest: usize,
        deadline: Instant,
    ) -> Result<Received, Trouble> {
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(Trouble::Crowded);
        };
        let mut url = self
            .model
            .clone()
            .ok_or_else(|| not_reached(Failure::Refused))?;
        if !what.is_empty()
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.push(what);
        }
        let sent = timeout_at(deadline.into(), self.twice(&method, &url, body, longest));
        match sent.await {
            Ok(Ok(received)) => Ok(received),
            Ok(Err(Failure::TooLong)) => Err(Trouble::Malformed(format!(
                "it is longer than {longest} bytes"
            ))),
            Ok(Err(failure)) => Err(not_reached(failure)),
            Err(_) => Err(Trouble::Late),
        }
    }

    /// Once more, if there was no answer, or one that says to come again.
    async fn twice(
        &self,
        method: &Method,
        url: &Url,
        body: Bytes,
        longest: usize,
    ) -> Result<Received, Failure> {
        let idle = self.take_idle();
        let was_idle = idle.is_some();
        let first = self.once(idle, method, url, body.clone(), longest).await;
        match &first {
            Err(Failure::NotReached | Failure::Tls | Failure::Broken) => {}
            Ok(received) if received.status == StatusCode::SERVICE_UNAVAILABLE => {}
            Ok(_) | Err(_) => return first,
        }
        // The other side may have closed what was idle: that says nothing of the engine.
        if !(was_idle && first.is_err()) {
            let jitter = RandomState::new().hash_one(()) % MOST_JITTER;
            tokio::time::sleep(Duration::from_millis(PAUSE + jitter)).await;
        }
        self.once(None, method, url, body, longest).await
    }

    async fn once(
        &self,
        idle: Option<Connection>,
        method: &Method,
        url: &Url,
        body: Bytes,
        longest: usize,
    ) -> Result<Received, Failure> {
        let request = outbound::request(method.clone(), url, self.headers.clone(), body)?;
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.outbound.open(url).await?,
        };
        let received = connection.call(request, longest).await?;
        if connection.is_open() {
            self.keep(connection);
        }
        Ok(received)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|(connection, since)| connection.is_open() && since.elapsed() < IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push((connection, Instant::now()));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: &Result<Vec<u8>, Trouble>, took: Duration) {
        if self.labels.is_empty() {
            return;
        }
        let outcome = match outcome {
            Ok(_) => "answered",
            Err(Trouble::NotReached(_)) => "not_reached",
            Err(Trouble::Busy(_)) => "busy",
            Err(Trouble::Crowded | Trouble::Open { .. } | Trouble::Unsaid { .. }) => "not_sent",
            Err(Trouble::Status(_) | Trouble::Malformed(_)) => "failed",
            Err(Trouble::Late) => "late",
        };
        let mut labels = self.labels.clone();
        metrics::histogram!("volary_engine_duration_seconds", &labels).record(took.as_secs_f64());
        labels.push(("outcome", outcome.to_owned()));
        metrics::counter!("volary_engine_requests_total", &labels).increment(1);
    }
}

impl Line for RemoteLine {
    fn infer(&self, body: Vec<u8>, longest: usize, deadline: Instant) -> Doing<'_, Vec<u8>> {
        Box::pin(async move {
            let begun = Instant::now();
            let own = self.timeout.map(|timeout| begun + timeout);
            let deadline = own.map_or(deadline, |own| own.min(deadline));
            let kib = u32::try_from(longest.div_ceil(1 << 10)).unwrap_or(u32::MAX);
            let answered = match ROOM.try_acquire_many(kib) {
                Ok(_room) => {
                    let sent = self.send(Method::POST, "infer", body.into(), longest, deadline);
                    sent.await.and_then(self::body)
                }
                Err(_) => Err(Trouble::Crowded),
            };
            self.count(&answered, begun.elapsed());
            answered
        })
    }

    fn ready(&self) -> Doing<'_, ()> {
        Box::pin(async move {
            let deadline = Instant::now() + PATIENCE;
            let sent = self.send(
                Method::GET,
                "ready",
                Bytes::new(),
                LONGEST_METADATA,
                deadline,
            );
            body(sent.await?).map(drop)
        })
    }
}

fn body(received: Received) -> Result<Vec<u8>, Trouble> {
    match received.status {
        StatusCode::OK => Ok(received.body.into()),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let wait = received.headers.get(RETRY_AFTER);
            let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
            Err(Trouble::Busy(wait.unwrap_or(2).clamp(1, LONGEST_WAIT)))
        }
        status => Err(Trouble::Status(status.as_u16())),
    }
}

fn not_reached(failure: Failure) -> Trouble {
    Trouble::NotReached(failure.to_string())
}

/// `{url}/v2/models/{model}[/versions/{version}]`
fn model_url(endpoint: &RemoteEndpoint) -> Option<Url> {
    let mut url = Url::parse(&endpoint.url).ok()?;
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty()
            .extend(["v2", "models", &endpoint.model]);
        if let Some(version) = &endpoint.version {
            path.extend(["versions", version]);
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use domain::models::RemoteProtocol;

    use super::*;

    #[test]
    fn a_model_has_its_path_behind_that_of_its_engine() {
        let endpoint = |url: &str, model: &str, version: Option<&str>| RemoteEndpoint {
            protocol: RemoteProtocol::OipV2,
            url: url.to_owned(),
            model: model.to_owned(),
            version: version.map(str::to_owned),
            timeout_ms: None,
        };
        for (endpoint, expected) in [
            (
                endpoint("http://a:8000", "m", None),
                "http://a:8000/v2/models/m",
            ),
            (
                endpoint("https://a/serve/", "m", Some("1")),
                "https://a/serve/v2/models/m/versions/1",
            ),
            (
                endpoint("http://a", "a b?c#d%", None),
                "http://a/v2/models/a%20b%3Fc%23d%25",
            ),
        ] {
            assert_eq!(model_url(&endpoint).unwrap().as_str(), expected);
        }
    }
}
