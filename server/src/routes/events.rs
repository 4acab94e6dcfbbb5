//! The live stream of the dashboard: one per tab, over Server-Sent Events. What happened while a tab was away is replayed
//! from the outbox; a tab that was away for too long is told to read everything anew.

use std::convert::Infallible;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::events::{Event, Topic};
use domain::{Error, FieldError, Name};
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use platform::events;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::extract::{Caller, Path, Query};
use crate::openapi::Problems;
use crate::routes::paths::InProject;
use crate::state::AppState;

/// Most events that are replayed after a gap.
const REPLAYED: u16 = 1000;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a stream asks whether its caller still may listen: a revoked key or an ended session stops hearing after that.
const RECHECK: Duration = Duration::from_secs(3);
/// News within this time are read together.
const COALESCE: Duration = Duration::from_millis(250);
const MOST_STREAMS: usize = 2000;
const MOST_TOPICS: usize = 50;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// Tells every stream of this process that an outbox has something new.
#[derive(Clone, Debug)]
pub struct EventHub {
    news: broadcast::Sender<()>,
    places: Arc<Semaphore>,
}

impl Default for EventHub {
    fn default() -> Self {
        Self {
            news: broadcast::Sender::new(64),
            places: Arc::new(Semaphore::new(MOST_STREAMS)),
        }
    }
}

/// Hears Postgres for all streams of the process, until shutdown.
pub async fn listen(state: AppState) {
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            lost = hear(&state) => {
                if let Err(error) = lost {
                    tracing::warn!(%error, "news can not be heard: trying again");
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn hear(state: &AppState) -> Result<(), store::Error> {
    let mut listener = state.platform.store.listen(&[events::CHANNEL]).await?;
    loop {
        // Something may have happened before the listener was there, or while its connection was lost.
        state.events.news.send(()).ok();
        listener.recv().await?;
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Separated by commas: `datasets`, `runs`, `run:<id>`, `scoring_runs`, `deployments`, `deployment:<name>`.
    topics: String,
}

/// Listen to what changes
///
/// Each event's id is its place in the outbox: send the last one as `Last-Event-ID` to go on from there. The event `reset`
/// means that too much has happened since: read everything anew.
#[utoipa::path(get, path = "/api/v1/projects/{project}/events", operation_id = "events_stream", tag = "events",
    params(InProject, StreamQuery, ("last-event-id" = Option<i64>, Header, description = "Replay what came after it")),
    responses((status = 200, body = String, content_type = "text/event-stream"), Problems))]
async fn stream(
    State(state): State<AppState>,
    caller: Caller,
    Path(path): Path<InProject>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let topics = topics(&query.topics)?;
    let place = Arc::clone(&state.events.places).try_acquire_owned();
    let place = place.map_err(|error| {
        Error::unavailable("too many live streams are open: try again later", error)
    })?;
    // Before the answer begins: whoever may not listen gets a proper error.
    let newest = events::newest_id(&state.platform, &caller.actor, &path.project).await?;
    let after = last_event_id(&headers)?.unwrap_or(newest);
    let (sender, receiver) = mpsc::channel(16);
    let follower = Follower {
        state: state.clone(),
        caller,
        project: path.project,
        topics,
        after,
        sender,
    };
    state.tasks.spawn(follower.run(place));
    let body = Sse::new(sse(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = body.into_response();
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

fn sse(receiver: mpsc::Receiver<SseEvent>) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    futures::StreamExt::map(ReceiverStream::new(receiver), Ok)
}

fn topics(text: &str) -> Result<Vec<Topic>, Error> {
    let topics = text
        .split(',')
        .map(|topic| Topic::from_str(topic.trim()))
        .collect::<Result<Vec<_>, _>>();
    match topics {
        Ok(topics) if topics.len() <= MOST_TOPICS => Ok(topics),
        Ok(_) => Err(Error::invalid(
            "/topics",
            format!("at most {MOST_TOPICS} topics"),
        )),
        Err(reason) => Err(Error::invalid("/topics", reason)),
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(value) = headers
        .get("last-event-id")
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|_| {
        Error::Invalid(vec![
            FieldError::new("/last-event-id", "wrong_type", "the id of an event").got(text),
        ])
    })
}

/// One open stream.
struct Follower {
    state: AppState,
    caller: Caller,
    project: Name,
    topics: Vec<Topic>,
    /// The last event that was sent, or where to start.
    after: i64,
    sender: mpsc::Sender<SseEvent>,
}

/// The client is gone, or may not listen any more.
struct Ended;

impl Follower {
    async fn run(mut self, place: OwnedSemaphorePermit) {
        let mut news = self.state.events.news.subscribe();
        let mut recheck = tokio::time::interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.state.shutdown.clone();
        let followed = async {
            self.send_new().await?;
            loop {
                tokio::select! {
                    // Having missed some news is news, too.
                    heard = news.recv() => if matches!(heard, Err(broadcast::error::RecvError::Closed)) { return Err(Ended) },
                    _ = recheck.tick() => {
                        self.check().await?;
                        continue;
                    }
                    () = self.sender.closed() => return Err(Ended),
                }
                self.send_new().await?;
                tokio::time::sleep(COALESCE).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ended = async { followed.await as Result<Infallible, Ended> } => {}
        }
        drop(place);
    }

    /// Ends the stream of one who may not listen any more. While the database is away nobody can say.
    async fn check(&self) -> Result<(), Ended> {
        match self.caller.is_still_good(&self.state.platform).await {
            Ok(true) | Err(Error::Unavailable { .. }) => Ok(()),
            Ok(false) => Err(Ended),
            Err(error) => {
                tracing::error!(%error, "a live stream's caller can not be checked");
                Err(Ended)
            }
        }
    }

    async fn send_new(&mut self) -> Result<(), Ended> {
        let platform = &self.state.platform;
        let found = events::after(
            platform,
            &self.caller.actor,
            &self.project,
            self.after,
            &self.topics,
            REPLAYED + 1,
        )
        .await;
        let found = match found {
            Ok(found) => found,
            // The next news, or the next check, tries again.
            Err(Error::Unavailable { .. }) => return Ok(()),
            Err(_) => return Err(Ended),
        };
        if found.len() > usize::from(REPLAYED) {
            let newest = events::newest_id(platform, &self.caller.actor, &self.project)
                .await
                .map_err(|_| Ended)?;
            self.after = newest;
            return self
                .send(
                    SseEvent::default()
                        .id(newest.to_string())
                        .event("reset")
                        .data("{}"),
                )
                .await;
        }
        for event in found {
            self.after = event.id;
            self.send(encode(&event)).await?;
        }
        Ok(())
    }

    async fn send(&self, event: SseEvent) -> Result<(), Ended> {
        self.sender.send(event).await.map_err(|_| Ended)
    }
}

fn encode(event: &Event) -> SseEvent {
    let data = serde_json::to_string(event).unwrap_or_else(|_| "{}".to_owned());
    SseEvent::default()
        .id(event.id.to_string())
        .event(&event.kind)
        .data(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_checked_each() {
        assert_eq!(topics("datasets, deployment:price").unwrap().len(), 2);
        for bad in ["", "datasets,", "secrets", "run:1"] {
            assert!(topics(bad).is_err(), "{bad}");
        }
    }
}
