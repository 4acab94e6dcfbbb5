//! Versions that another engine computes, by the Open Inference Protocol. What is known here: what to send ([`request`]), what
//! an answer must be ([`reply`]), and whether the engine is asked at all ([`breaker`]). How it is reached is for a [`Line`],
//! since there is no HTTP here.

mod breaker;
mod probe;
mod reply;
mod request;
mod wiring;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use domain::models::{Circuit, RemoteHealth, RemoteToken};
use domain::{EngineFault, Error, FieldError, Name};
use model::{Predictor, Remote};

use crate::request::Rows;
use crate::request::explain::escape;

pub use breaker::{Breaker, Pass};
pub use probe::probe;
pub use request::infer;
pub use wiring::{Metadata, TensorMetadata, wire};

/// Seconds after which an engine may do again what it did not do.
const RETRY: u64 = 2;
/// An engine that is not reached is looked at again after so long first, and after twice as long each time. Not later than after a
/// minute, since who waits for it to be ready sends it no requests.
const LOOK: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// What an engine was to do, and did.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// A way to one model of one engine.
pub trait Line: fmt::Debug + Send + Sync {
    /// Sends a request of the protocol, and gives the body of its answer, of which it reads no more than `longest` bytes. Ends
    /// by the deadline.
    fn infer(&self, body: Vec<u8>, longest: usize, deadline: Instant) -> Doing<'_, Vec<u8>>;

    /// Asks whether the model is ready.
    fn ready(&self) -> Doing<'_, ()>;
}

/// Makes ways to engines.
pub trait Lines: fmt::Debug + Send + Sync {
    fn to(&self, name: &EngineName, remote: &Remote, token: Option<&RemoteToken>) -> Arc<dyn Line>;
}

/// Until when an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    pub at: Instant,
    /// The caller waits no longer, though the engine may take longer: that it is late then says nothing of the engine.
    pub is_callers: bool,
}

impl From<Instant> for Deadline {
    /// One of the server's own.
    fn from(at: Instant) -> Self {
        Self {
            at,
            is_callers: false,
        }
    }
}

/// Which version an engine computes, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineName {
    pub project: Name,
    pub model: Name,
    pub version: i32,
}

/// Why there is no prediction. None of it repeats what an engine said but numbers and words that are known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no address that may be called, or none that answers.
    NotReached(String),
    /// It asks to be left alone for so many seconds.
    Busy(u64),
    /// Too many requests to it are under way, or to all engines together.
    Crowded,
    /// The rows say less of this input than the engine must be told.
    Unsaid {
        row: usize,
        input: String,
    },
    /// It was not asked, since it failed too often lately.
    Open {
        retry_after: u64,
    },
    /// It answered with another status than 200.
    Status(u16),
    /// What it answered is no prediction of these rows.
    Malformed(String),
    Late,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReached(why) => write!(f, "its engine can not be reached: {why}"),
            Self::Busy(_) => f.write_str("its engine is not ready, or has too much to do"),
            Self::Crowded => {
                f.write_str("too many requests to its engine, or to all engines, are under way")
            }
            Self::Unsaid { row, input } => {
                write!(
                    f,
                    "input {input:?} of row {row} can not be told to its engine"
                )
            }
            Self::Open { .. } => f.write_str(
                "its engine failed several times in a row and is left alone for a moment",
            ),
            Self::Status(status) => write!(f, "its engine answered with status {status}"),
            Self::Malformed(why) => write!(f, "its engine's answer is no prediction: {why}"),
            Self::Late => f.write_str("its engine did not answer in time"),
        }
    }
}

impl Trouble {
    /// Whether it says that the engine is in a bad way, rather than that it did not like this one request.
    fn is_the_engines(&self) -> bool {
        match self {
            Self::NotReached(_) | Self::Busy(_) | Self::Malformed(_) | Self::Late => true,
            Self::Status(status) => !matches!(status, 400 | 413 | 422),
            Self::Crowded | Self::Open { .. } | Self::Unsaid { .. } => false,
        }
    }

    /// What the caller can mend, if it is that.
    pub(crate) fn of_caller(&self) -> Option<FieldError> {
        let Self::Unsaid { row, input } = self else {
            return None;
        };
        let pointer = format!("/inputs/{}", escape(input));
        let expected = "a value that can be told to the engine as it was sent";
        Some(FieldError::new(pointer, "invalid", expected).row(*row))
    }

    /// For who asked for this version.
    pub(crate) fn error(&self, model: &Name, version: i32) -> Error {
        if let Some(error) = self.of_caller() {
            return Error::Invalid(vec![error]);
        }
        let message = format!("version {version} of model {model} can not answer: {self}");
        let (fault, retry_after) = match self {
            Self::Busy(retry_after) | Self::Open { retry_after } => {
                (EngineFault::Away, *retry_after)
            }
            Self::NotReached(_) => (EngineFault::Away, RETRY),
            Self::Crowded => {
                return Error::Overloaded {
                    message,
                    retry_after: 1,
                };
            }
            Self::Status(_) | Self::Malformed(_) | Self::Unsaid { .. } => {
                (EngineFault::Failed, RETRY)
            }
            Self::Late => (EngineFault::TimedOut, RETRY),
        };
        Error::Engine {
            fault,
            message,
            retry_after,
        }
    }
}

/// Where ways to engines come from: nowhere, until a server says so.
#[derive(Debug, Default)]
pub struct Engines(OnceLock<Arc<dyn Lines>>);

impl Engines {
    /// What counts is what is said first.
    pub fn connect(&self, lines: Arc<dyn Lines>) {
        self.0.set(lines).ok();
    }

    pub(crate) fn engine(
        &self,
        name: EngineName,
        remote: &Remote,
        token: Option<&RemoteToken>,
    ) -> Option<Engine> {
        let line = self.0.get()?.to(&name, remote, token);
        Some(Engine::new(name, line))
    }
}

/// What computes one version.
#[derive(Debug)]
pub struct Engine {
    pub name: EngineName,
    line: Arc<dyn Line>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    /// What the last look at it found wrong.
    problem: Option<String>,
    /// While it is not reached: when to look again, and the pause before that.
    away: Option<(Instant, Duration)>,
}

impl State {
    fn is_due(&self, now: Instant) -> bool {
        self.away.is_none_or(|(next, _)| next <= now)
    }

    fn looked(&mut self, is_away: bool, now: Instant) {
        self.away = is_away.then(|| {
            let pause = self.away.map_or(LOOK, |(_, pause)| pause * 2);
            let pause = pause.min(LONGEST_LOOK);
            (now + pause, pause)
        });
    }
}

impl Engine {
    fn new(name: EngineName, line: Arc<dyn Line>) -> Self {
        Self {
            name,
            line,
            state: Mutex::default(),
        }
    }

    /// Predicts all rows: as many finite numbers for each as the model gives, row by row.
    ///
    /// # Errors
    /// Why there is none. What the engine is at fault for counts against it.
    pub async fn predict(
        &self,
        predictor: &Predictor,
        rows: &Rows,
        inputs: Option<&[u8]>,
        deadline: Deadline,
    ) -> Result<Vec<f64>, Trouble> {
        let Some(remote) = predictor.remote() else {
            return Err(Trouble::Malformed(
                "the version is computed here".to_owned(),
            ));
        };
        let body = infer(remote, predictor, rows, inputs)?;
        let attempt = self.attempt()?;
        let longest = reply::longest(predictor, rows.len());
        let answered = match self.line.infer(body, longest, deadline.at).await {
            Ok(reply) => reply::predictions(remote, predictor, rows.len(), &reply),
            Err(trouble) => Err(trouble),
        };
        // Callers in a hurry say nothing of the engine: they would take it from all others.
        let is_hurried = deadline.is_callers && deadline.at <= Instant::now();
        if !(is_hurried && answered == Err(Trouble::Late)) {
            attempt.ended(&answered);
        }
        answered
    }

    /// Whether it is time to look at it: not as often while it is not reached.
    pub fn is_due(&self) -> bool {
        self.state().is_due(Instant::now())
    }

    /// Asks whether the model is ready, and remembers what was said.
    pub async fn look(&self) {
        let found = self.line.ready().await;
        let mut state = self.state();
        let is_away = matches!(found, Err(Trouble::NotReached(_) | Trouble::Late));
        state.looked(is_away, Instant::now());
        match &found {
            // What is well again need not wait for its time.
            Ok(()) => state.breaker.invite(),
            Err(trouble) => {
                if state.problem.is_none() {
                    let EngineName { model, version, .. } = &self.name;
                    tracing::warn!(%model, version, %trouble, "an engine is not ready");
                }
            }
        }
        state.problem = found.err().map(|trouble| trouble.to_string());
    }

    pub fn health(&self) -> RemoteHealth {
        let state = self.state();
        let circuit = state.breaker.circuit(Instant::now());
        let failing = || {
            let failures = state.breaker.failures();
            format!("its engine failed {failures} times in a row")
        };
        let problem = match circuit {
            Circuit::Closed => None,
            Circuit::Open | Circuit::HalfOpen => Some(failing()),
        };
        RemoteHealth {
            circuit,
            problem: state.problem.clone().or(problem),
        }
    }

    fn attempt(&self) -> Result<Attempt<'_>, Trouble> {
        match self.state().breaker.enter(Instant::now()) {
            Ok(pass) => Ok(Attempt {
                engine: self,
                pass: Some(pass),
            }),
            Err(wait) => Err(Trouble::Open {
                retry_after: wait.as_secs_f64().ceil().max(1.0) as u64,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way. One whose client goes away says nothing of the engine.
struct Attempt<'e> {
    engine: &'e Engine,
    pass: Option<Pass>,
}

impl Attempt<'_> {
    fn ended<T>(mut self, answered: &Result<T, Trouble>) {
        let Some(pass) = self.pass.take() else { return };
        let mut state = self.engine.state();
        match answered {
            Err(trouble) if trouble.is_the_engines() => {
                state.breaker.failed(pass, Instant::now());
            }
            // It did answer, whatever it said.
            Ok(_) | Err(Trouble::Status(_)) => {
                state.breaker.succeeded();
                state.away = None;
            }
            Err(_) => state.breaker.gone(pass),
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.engine.state().breaker.gone(pass);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::models::{OutputField, RemoteEndpoint, RemoteProtocol, Signature};
    use model::{Artifact, Body, RemoteAnswer, Value};

    use super::*;

    /// To an engine that gives no answer in its time.
    #[derive(Debug)]
    struct LateLine;

    impl Line for LateLine {
        fn infer(&self, _: Vec<u8>, _: usize, _: Instant) -> Doing<'_, Vec<u8>> {
            Box::pin(async { Err(Trouble::Late) })
        }

        fn ready(&self) -> Doing<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    fn predictor() -> Predictor {
        Predictor::new(&Artifact {
            algorithm: "remote".to_owned(),
            params: serde_json::Map::new(),
            signature: Signature {
                inputs: Vec::new(),
                output: OutputField::regression("y"),
            },
            body: Body::Remote(Remote {
                endpoint: RemoteEndpoint {
                    protocol: RemoteProtocol::OipV2,
                    url: "http://a".to_owned(),
                    model: "m".to_owned(),
                    version: None,
                    timeout_ms: None,
                },
                tensors: Vec::new(),
                output: "y".to_owned(),
                answer: RemoteAnswer::Number,
            }),
            background: None,
        })
    }

    #[tokio::test]
    async fn an_engine_is_late_when_its_own_time_is_over_and_not_when_that_of_a_caller_is() {
        let name = EngineName {
            project: Name::new("p").unwrap(),
            model: Name::new("m").unwrap(),
            version: 1,
        };
        let engine = Engine::new(name, Arc::new(LateLine));
        let predictor = predictor();
        let none: [Value; 0] = [];
        let mut rows = Rows::of_width(0);
        rows.push(&none);
        let ask = async |deadline: Deadline| {
            let answered = engine.predict(&predictor, &rows, None, deadline).await;
            assert_eq!(answered, Err(Trouble::Late));
            engine.state().breaker.failures()
        };
        let now = Instant::now();
        let is_over = |is_callers| Deadline {
            at: now,
            is_callers,
        };
        assert_eq!(ask(is_over(true)).await, 0);
        assert_eq!(ask(is_over(false)).await, 1);
        let later = Deadline {
            at: now + Duration::from_hours(1),
            is_callers: true,
        };
        assert_eq!(ask(later).await, 2);
    }

    #[test]
    fn what_is_not_reached_is_looked_at_ever_less_often_and_at_once_when_it_is_back() {
        let mut state = State::default();
        let mut now = Instant::now();
        assert!(state.is_due(now));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            state.looked(true, now);
            let (next, pause) = state.away.unwrap();
            assert!(!state.is_due(now));
            assert_eq!(next, now + pause);
            pauses.push(pause.as_secs());
            now = next;
            assert!(state.is_due(now));
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
        state.looked(false, now);
        assert!(state.is_due(now));
    }
}
