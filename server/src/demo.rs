//! `--demo`: a living platform for somebody who sees it for the first time. A table of California's housing in 1990, a
//! model of its prices in two versions, a deployment with a canary, and a little traffic. Every step looks first at what
//! is there, so that a second start goes on where the first one ended.

mod traffic;

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::api_keys::{ApiKeyStatus, NewApiKey};
use domain::datasets::{DataFormat, DatasetStatus};
use domain::deployments::DeploymentSpec;
use domain::rollouts::{RolloutMode, RolloutPolicy, RolloutSpec, Step};
use domain::training_runs::{Algorithm, RunStatus, Split, TrainingBudget, TrainingSpec};
use domain::{Actor, Error, Name, Scope};
use flate2::read::GzDecoder;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret as _, SecretString};

use crate::commands::say;
use crate::state::AppState;

const ACTOR: Actor = Actor::System { name: "demo" };
const ADMIN: &str = "demo@volary.local";
const KEY: &str = "demo";
const TABLE: &[u8] = include_bytes!("../../demo/california_housing.csv.gz");
const TARGET: &str = "median_house_value";
/// What the second version adds. It has gaps, so the second version takes rows without it, as the first one needs them.
const ADDED: &str = "total_bedrooms";
/// Longest wait for a job.
const PATIENCE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(250);

/// The demo's things, by their names.
struct Demo {
    state: AppState,
    project: Name,
    dataset: Name,
    model: Name,
    deployment: Name,
}

/// Makes what is missing, then sends traffic for a while. A failure is told, and leaves the server running.
pub async fn run(state: AppState) {
    let shutdown = state.shutdown.clone();
    let made = async {
        let demo = Demo::new(state)?;
        demo.admin().await?;
        demo.dataset().await?;
        Box::pin(demo.versions()).await?;
        Box::pin(demo.deployment()).await?;
        let key = demo.key().await?;
        say(format_args!(
            "demo: sending about 2 predictions a second for 30 minutes; look at {}",
            demo.state.base_url
        ));
        traffic::send(&demo.state, &demo.deployment, &key, &table()?).await
    };
    let made = tokio::select! {
        made = made => made,
        () = shutdown.cancelled() => return,
    };
    if let Err(error) = made {
        say(format_args!("demo: {error:#}"));
    }
}

impl Demo {
    fn new(state: AppState) -> Result<Self> {
        let name = |text: &str| Name::new(text).map_err(anyhow::Error::msg);
        Ok(Self {
            state,
            project: name(platform::users::FIRST_PROJECT)?,
            dataset: name("california-housing")?,
            model: name("housing-price")?,
            deployment: name("housing-price")?,
        })
    }

    /// Somebody to sign in as, with a password that only this line has ever shown.
    async fn admin(&self) -> Result<()> {
        let platform = &self.state.platform;
        if !platform::users::needs_setup(platform).await? {
            return Ok(());
        }
        let password = password()?;
        platform::users::create(platform, ADMIN, "Demo", &password)
            .await
            .context("the demo's admin can not be made")?;
        let (url, password) = (&self.state.base_url, password.expose_secret());
        say(format_args!(
            "demo: sign in at {url}/login as {ADMIN} with the password {password} (shown this once)"
        ));
        Ok(())
    }

    async fn dataset(&self) -> Result<()> {
        let platform = &self.state.platform;
        let found = platform::datasets::get(platform, &ACTOR, &self.project, &self.dataset).await;
        let version = match found {
            Ok(version) if version.status != DatasetStatus::Failed => version,
            Ok(_) | Err(Error::NotFound { .. }) => {
                say(format_args!("demo: uploading the table {}", self.dataset));
                let table = Bytes::from(table()?);
                let length = table.len() as u64;
                let stream = futures::stream::iter([Ok(table)]);
                platform::datasets::upload(
                    platform,
                    &ACTOR,
                    &self.project,
                    &self.dataset,
                    DataFormat::Csv,
                    Some(length),
                    stream,
                )
                .await
                .context("the table can not be uploaded")?
            }
            Err(error) => return Err(error.into()),
        };
        let ready = wait("the table's profile", || async {
            let now = platform::datasets::get_version(
                platform,
                &ACTOR,
                &self.project,
                &self.dataset,
                version.version,
            )
            .await?;
            Ok((now.status != DatasetStatus::Profiling).then_some(now))
        })
        .await?;
        if let Some(error) = ready.error {
            bail!("the table can not be read: {error}");
        }
        say(format_args!(
            "demo: {} is ready, {} rows",
            self.dataset,
            ready.rows.unwrap_or_default()
        ));
        Ok(())
    }

    /// Two versions of the model, the second with one more feature.
    async fn versions(&self) -> Result<()> {
        let platform = &self.state.platform;
        let dataset =
            platform::datasets::get(platform, &ACTOR, &self.project, &self.dataset).await?;
        let all: Vec<String> = dataset
            .columns
            .iter()
            .map(|column| column.name.clone())
            .filter(|name| name != TARGET)
            .collect();
        let first: Vec<String> = all.iter().filter(|name| *name != ADDED).cloned().collect();
        let made = match platform::models::get(platform, &ACTOR, &self.project, &self.model).await {
            Ok(model) => model.versions.len(),
            Err(Error::NotFound { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        for features in [first, all].into_iter().skip(made) {
            self.train(features).await?;
        }
        Ok(())
    }

    async fn train(&self, features: Vec<String>) -> Result<()> {
        let platform = &self.state.platform;
        say(format_args!(
            "demo: training {} on {} columns",
            self.model,
            features.len()
        ));
        let spec = TrainingSpec {
            dataset: self.dataset.clone(),
            dataset_version: None,
            target: TARGET.to_owned(),
            task: None,
            model: self.model.clone(),
            algorithm: Algorithm::LinearRegression,
            params: None,
            features: Some(features),
            preprocessing: domain::training_runs::Preprocessing::new(),
            split: Split::default(),
            budget: TrainingBudget::default(),
        };
        let run = platform::training_runs::create(platform, &ACTOR, &self.project, spec)
            .await
            .context("training can not start")?;
        let run = wait("training", || async {
            let now = platform::training_runs::get(platform, &ACTOR, &self.project, run.id).await?;
            Ok(now.status.is_final().then_some(now))
        })
        .await?;
        if run.status != RunStatus::Succeeded {
            let reason = run
                .error
                .map_or_else(|| "it was cancelled".to_owned(), |error| error.message);
            bail!("training failed: {reason}");
        }
        let r2 = run
            .metrics
            .and_then(|metrics| metrics.get("r2").copied())
            .unwrap_or_default();
        say(format_args!(
            "demo: version {} explains {:.0} % of the prices' variance",
            run.version.unwrap_or_default(),
            r2 * 100.0
        ));
        Ok(())
    }

    /// The first version live, the second as a canary.
    async fn deployment(&self) -> Result<()> {
        let platform = &self.state.platform;
        match platform::deployments::get(platform, &ACTOR, &self.project, &self.deployment).await {
            Ok(_) => return Ok(()),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let spec = DeploymentSpec::new(self.model.clone(), 1);
        platform::deployments::put(
            platform,
            &ACTOR,
            &self.project,
            &self.deployment,
            spec,
            None,
        )
        .await
        .context("version 1 can not be deployed")?;
        let spec = RolloutSpec {
            version: 2,
            mode: RolloutMode::Canary,
            steps: Some(vec![Step {
                weight: 10.0,
                seconds: 0,
            }]),
            policy: RolloutPolicy::default(),
        };
        platform::rollouts::start(platform, &ACTOR, &self.project, &self.deployment, spec)
            .await
            .context("the canary can not start")?;
        say(format_args!(
            "demo: version 1 answers at /predict/{}, version 2 gets 10 % as a canary",
            self.deployment
        ));
        Ok(())
    }

    /// A key of this process: it is in no file, and the one before ends.
    async fn key(&self) -> Result<SecretString> {
        let platform = &self.state.platform;
        let label = ACTOR.label();
        for old in platform::api_keys::list(platform, &ACTOR, &self.project).await? {
            if old.name == KEY && old.created_by == label && old.status == ApiKeyStatus::Active {
                platform::api_keys::revoke(platform, &ACTOR, &self.project, old.id).await?;
            }
        }
        let new = NewApiKey {
            name: KEY.to_owned(),
            scopes: vec![Scope::Predict(Some(self.deployment.clone()))],
            expires_at: Some(platform.clock.now().plus_seconds(24 * 3600)),
            rate_limit: None,
            budget: None,
        };
        let created = platform::api_keys::create(platform, &ACTOR, &self.project, new)
            .await
            .context("no key can be made")?;
        Ok(SecretString::from(created.key))
    }
}

fn table() -> Result<Vec<u8>> {
    let mut table = Vec::new();
    GzDecoder::new(TABLE)
        .read_to_end(&mut table)
        .context("the bundled table is damaged")?;
    Ok(table)
}

/// 128 random bits.
fn password() -> Result<SecretString> {
    let mut bytes = [0; 16];
    OsRng
        .try_fill_bytes(&mut bytes)
        .context("the system gives no random bytes")?;
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// Looks again and again until there is something.
async fn wait<T, F>(what: &str, look: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let look = async {
        loop {
            if let Some(found) = look().await? {
                return anyhow::Ok(found);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .with_context(|| {
            format!(
                "{what} takes longer than {} s: is a worker running?",
                PATIENCE.as_secs()
            )
        })?
}
