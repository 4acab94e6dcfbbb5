//! What the handlers share.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use app::context::PredictFn;
use axum::extract::FromRef;
use domain::api_keys::RateLimit;
use leptos::config::LeptosOptions;
use platform::Platform;
use serving::Serving;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::exports::Exports;
use crate::histograms::Histograms;
use crate::imports::Imports;
use crate::middleware::login_limit::LoginLimits;
use crate::outbound::Outbound;
use crate::pages::thread::PageThread;
use crate::remotes::RemoteLines;
use crate::routes::async_predictions::PredictionHub;
use crate::routes::events::EventHub;
use crate::routes::health::Readiness;
use crate::tls::Tls;

/// What this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    All,
    Gateway,
    Worker,
}

/// Cheap to clone: one pointer.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

pub struct Shared {
    pub platform: Platform,
    /// The snapshot that predictions are answered from.
    pub serving: Arc<Serving>,
    pub config: Config,
    pub role: Role,
    /// The address that is listened on.
    pub bound: SocketAddr,
    /// What connections are encrypted with; without it, plain HTTP is spoken.
    pub tls: Option<Tls>,
    /// The address in links: the public URL, or the one listened on. No slash at its end.
    pub base_url: String,
    /// Its host and port, as clients that follow those links name them.
    pub own_host: String,
    pub leptos: LeptosOptions,
    /// Started with what runs besides requests.
    pub pages: OnceLock<PageThread>,
    pub events: EventHub,
    pub async_predictions: PredictionHub,
    pub readiness: Readiness,
    /// Of what the recorder counts.
    pub histograms: Histograms,
    pub login_limits: LoginLimits,
    /// For every call to an address that somebody else named.
    pub outbound: Arc<Outbound>,
    /// For every ONNX file that is asked for.
    pub exports: Exports,
    /// For every ONNX file that is sent.
    pub imports: Imports,
    /// Everything spawned, so that shutdown can wait for it.
    pub tasks: TaskTracker,
    /// Fires when the process is asked to stop.
    pub shutdown: CancellationToken,
}

impl AppState {
    pub fn new(
        platform: Platform,
        config: Config,
        role: Role,
        bound: SocketAddr,
        tls: Option<Tls>,
        shutdown: CancellationToken,
    ) -> Self {
        // What is counted before the recorder is there is lost.
        crate::routes::health::recorder();
        let leptos = crate::pages::options(&config.http, bound);
        let base_url = config.http.base_url(bound);
        let outbound = Arc::new(Outbound::new(config.outbound.outbound_allow.clone()));
        let own_host = base_url.split_once("//").map_or("", |(_, host)| host);
        let serving = Serving::new(serving::Options {
            log_share: config.predictions.prediction_log_sample,
            room: serving::Room {
                bytes: (config.predictions.model_cache_mb as usize) << 20,
                idle: Duration::from_secs(config.predictions.model_idle_seconds.into()),
            },
            log_redacted: config.predictions.prediction_log_redact.clone(),
            address_limit: RateLimit {
                requests: config.http.ip_rate_limit,
                per_seconds: 10,
            },
            ..serving::Options::default()
        });
        let lines = RemoteLines::new(Arc::clone(&outbound));
        serving.recorder.engines.connect(Arc::new(lines));
        Self(Arc::new(Shared {
            serving: Arc::new(serving),
            own_host: own_host.to_owned(),
            base_url,
            leptos,
            pages: OnceLock::new(),
            events: EventHub::default(),
            async_predictions: PredictionHub::default(),
            readiness: Readiness::default(),
            histograms: Histograms::default(),
            login_limits: LoginLimits::default(),
            outbound,
            exports: Exports::default(),
            imports: Imports::default(),
            tasks: TaskTracker::new(),
            platform,
            config,
            role,
            bound,
            tls,
            shutdown,
        }))
    }

    /// How pages predict: the same path as the HTTP endpoint, without the HTTP.
    pub fn predict_fn(&self) -> PredictFn {
        crate::routes::predict::for_pages(self)
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
