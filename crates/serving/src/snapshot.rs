//! Everything that answers predictions, immutable. A reload builds the next one beside it and swaps a pointer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::deployments::CorsOrigins;
use domain::ids::{ApiKeyId, DeploymentId, ModelVersionId, ProjectId, RolloutId};
use domain::predictions::Route;
use domain::routing;
use domain::serving::{ServingDeployment, ServingTable};
use domain::{Name, Timestamp};

use crate::batcher::{Batcher, Settings};
use crate::gate::Gate;
use crate::keys::Key;
use crate::random::RandomMap;
use crate::recorder::{Counters, Recorder, Subject};
use crate::usage::KeyUsage;
use crate::versions::Version;

#[derive(Debug, Default)]
pub struct Snapshot {
    fingerprint: String,
    projects: RandomMap<ProjectId, Project>,
    project_ids: HashMap<String, ProjectId>,
    keys: RandomMap<[u8; 32], Arc<Key>>,
    keys_by_id: RandomMap<ApiKeyId, Arc<Key>>,
    versions: RandomMap<ModelVersionId, Arc<Version>>,
    /// The deployments that pages of other sites may call, by their names in all projects.
    open_to_pages: HashMap<String, Vec<Arc<Deployment>>>,
}

#[derive(Debug)]
struct Project {
    name: Name,
    deployments: HashMap<String, Arc<Deployment>>,
    models: HashMap<String, Model>,
}

#[derive(Debug, Default)]
struct Model {
    by_number: HashMap<i32, Arc<Version>>,
    by_alias: HashMap<String, Arc<Version>>,
}

/// A served name.
#[derive(Debug)]
pub struct Deployment {
    pub id: DeploymentId,
    pub project: ProjectId,
    pub name: Name,
    salt: u64,
    /// Of large predictions. Shared by every snapshot, since what was let in goes on after a reload.
    pub gate: Arc<Gate>,
    /// Of all predictions, if so many may be in flight and no more.
    pub limit: Option<Arc<Gate>>,
    /// How long without a request its versions stay loaded; they stay for ever without it.
    pub idle: Option<Duration>,
    pub stable: Arm,
    pub canary: Option<Canary>,
    cors_origins: CorsOrigins,
}

/// A version behind a deployment, and the counters of what it does there.
#[derive(Clone, Debug)]
pub struct Arm {
    pub version: Arc<Version>,
    pub counters: Arc<Counters>,
    /// For a version that gains from it.
    pub batcher: Arc<Batcher>,
}

#[derive(Clone, Debug)]
pub struct Canary {
    pub rollout: RolloutId,
    pub arm: Arm,
    /// Per cent of the traffic, 0 to 100.
    pub weight: f64,
}

/// How the probe predictions of a deployment went, and whether its stable version is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub stable: ModelVersionId,
    pub problem: Option<String>,
    pub canary_problem: Option<String>,
    pub is_loaded: bool,
    pub cold_start: Option<Duration>,
}

impl Deployment {
    /// The stable one first.
    pub fn arms(&self) -> impl Iterator<Item = &Arm> {
        let canary = self.canary.as_ref().map(|canary| &canary.arm);
        std::iter::once(&self.stable).chain(canary)
    }

    /// Whether another engine computes any of them.
    pub fn is_remote(&self) -> bool {
        self.arms().any(|arm| arm.version.is_remote())
    }

    /// Whether any of them computes requests together, or leaves them to another engine.
    #[inline]
    pub fn gains_from_batches(&self) -> bool {
        let canary = self.canary.as_ref();
        self.stable.version.gains_from_batches()
            || canary.is_some_and(|canary| canary.arm.version.gains_from_batches())
    }

    /// The arm of a routing key: the same in every process, for as long as the weight stays.
    #[inline]
    pub fn route(&self, routing_key: &[u8]) -> Option<&Canary> {
        self.canary
            .as_ref()
            .filter(|canary| routing::is_canary(self.salt, routing_key, canary.weight))
    }
}

impl Snapshot {
    /// Of the table this was built from.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The artifacts that a snapshot of this table keeps loaded and this one has not, by their SHA-256. What either keeps
    /// counts as used, so that it is there when the next one takes it over, and not let go as soon as none keeps it.
    pub fn missing(&self, table: &ServingTable, now: Timestamp) -> Vec<String> {
        for arm in self.kept_arms() {
            arm.version.touch(now);
        }
        let used = used_versions(table);
        let versions = table
            .models
            .iter()
            .flat_map(|model| &model.versions)
            .filter(|version| used.contains(&version.id));
        let mut missing: Vec<String> = versions
            .filter(|version| {
                self.versions.get(&version.id).is_none_or(|known| {
                    known.touch(now);
                    known.may_load()
                })
            })
            .map(|version| version.sha256.clone())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Builds the next snapshot. Nothing of this can fail: what can not be loaded is served as not ready, with the reason.
    /// `artifacts` holds what [`Self::missing`] asked for.
    pub fn next(
        &self,
        table: ServingTable,
        artifacts: &HashMap<String, Result<Vec<u8>, String>>,
        recorder: &Recorder,
    ) -> Self {
        let mut next = Self {
            fingerprint: table.fingerprint.clone(),
            ..Self::default()
        };
        for project in &table.projects {
            let entry = Project {
                name: project.name.clone(),
                deployments: HashMap::new(),
                models: HashMap::new(),
            };
            next.projects.insert(project.id, entry);
            next.project_ids
                .insert(project.name.as_str().to_owned(), project.id);
        }
        let mut usage: HashMap<ApiKeyId, Arc<KeyUsage>> = self
            .keys()
            .map(|key| (key.usage.line, Arc::clone(&key.usage)))
            .collect();
        for key in &table.keys {
            let previous = self.keys.get(&key.hash).map(Arc::as_ref);
            let usage = usage
                .entry(key.line)
                .or_insert_with(|| Arc::new(KeyUsage::new(key.line)));
            let built = Arc::new(Key::new(key, previous, Arc::clone(usage)));
            next.keys.insert(key.hash, Arc::clone(&built));
            next.keys_by_id.insert(key.id, built);
        }
        next.add_models(self, &table);
        for id in used_versions(&table) {
            let Some(version) = next.versions.get(&id) else {
                continue;
            };
            match artifacts.get(&version.sha256) {
                Some(artifact) if version.may_load() => {
                    version.load(artifact.as_deref().map_err(Clone::clone));
                }
                Some(_) => {}
                None if version.is_loaded() || version.problem().is_some() => {}
                None => version.load(Err("its artifact has not been read".to_owned())),
            }
        }
        for deployment in &table.deployments {
            next.add_deployment(self, deployment, recorder);
        }
        next
    }

    fn add_models(&mut self, previous: &Self, table: &ServingTable) {
        for model in &table.models {
            let Some(project) = self.projects.get_mut(&model.project) else {
                continue;
            };
            let mut entry = Model::default();
            for version in &model.versions {
                let loaded = previous.versions.get(&version.id).map(Arc::clone);
                let loaded = loaded
                    .unwrap_or_else(|| Arc::new(Version::new(&project.name, &model.name, version)));
                self.versions.insert(version.id, Arc::clone(&loaded));
                entry.by_number.insert(version.number, loaded);
            }
            for alias in &model.aliases {
                if let Some(version) = self.versions.get(&alias.version) {
                    entry
                        .by_alias
                        .insert(alias.alias.as_str().to_owned(), Arc::clone(version));
                }
            }
            project.models.insert(model.name.as_str().to_owned(), entry);
        }
    }

    fn add_deployment(&mut self, previous: &Self, row: &ServingDeployment, recorder: &Recorder) {
        let Some(stable) = self.versions.get(&row.stable) else {
            return;
        };
        let Some(project) = self.projects.get_mut(&row.project) else {
            return;
        };
        let rollout = row.rollout.map(|rollout| rollout.id);
        let arm = |version: &Arc<Version>, route| {
            let subject = Subject {
                project: project.name.clone(),
                deployment: Some((row.id, row.name.clone())),
                model: version.model.clone(),
                version: version.number,
                version_id: version.id,
                route,
                rollout,
            };
            Arm {
                version: Arc::clone(version),
                counters: recorder.counters(subject),
                batcher: recorder.batchers.of(
                    version.batched(Some(&row.name)),
                    Settings::of(&row.capacity),
                ),
            }
        };
        let canary = row.rollout.and_then(|rollout| {
            let version = self.versions.get(&rollout.canary)?;
            Some(Canary {
                rollout: rollout.id,
                arm: arm(version, Route::Canary),
                weight: rollout.weight,
            })
        });
        let before = previous
            .deployment(row.project, row.name.as_str())
            .filter(|before| before.id == row.id);
        let limit = row.capacity.max_in_flight.map(|turns| {
            let count = |number: i32| usize::try_from(number).unwrap_or(0);
            let (turns, places) = (count(turns), count(row.capacity.max_queue));
            recorder.gates.of(&project.name, &row.name, turns, places)
        });
        let deployment = Arc::new(Deployment {
            limit,
            idle: row.capacity.idle_seconds().map(Duration::from_secs),
            gate: before
                .map(|before| Arc::clone(&before.gate))
                .unwrap_or_default(),
            id: row.id,
            project: row.project,
            name: row.name.clone(),
            salt: routing::salt(row.id),
            stable: arm(stable, Route::Stable),
            canary,
            cors_origins: row.cors_origins.clone(),
        });
        if !row.cors_origins.is_empty() {
            self.open_to_pages
                .entry(row.name.as_str().to_owned())
                .or_default()
                .push(Arc::clone(&deployment));
        }
        project
            .deployments
            .insert(row.name.as_str().to_owned(), deployment);
    }

    #[inline]
    pub fn key(&self, hash: &[u8; 32]) -> Option<&Arc<Key>> {
        self.keys.get(hash)
    }

    pub fn key_by_id(&self, id: ApiKeyId) -> Option<&Arc<Key>> {
        self.keys_by_id.get(&id)
    }

    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    pub fn project(&self, name: &str) -> Option<ProjectId> {
        self.project_ids.get(name).copied()
    }

    pub fn project_name(&self, id: ProjectId) -> Option<&Name> {
        self.projects.get(&id).map(|project| &project.name)
    }

    #[inline]
    pub fn deployment(&self, project: ProjectId, name: &str) -> Option<&Arc<Deployment>> {
        self.projects.get(&project)?.deployments.get(name)
    }

    /// What allows a page of this origin to call the deployment: the origin, or `*`. Before the caller is known his project
    /// is not either, so any deployment of that name may allow it.
    pub fn allowed_origin(
        &self,
        project: Option<ProjectId>,
        deployment: &str,
        origin: &str,
    ) -> Option<&str> {
        match project {
            Some(project) => self
                .deployment(project, deployment)?
                .cors_origins
                .allowed(origin),
            None => self
                .open_to_pages
                .get(deployment)?
                .iter()
                .find_map(|deployment| deployment.cors_origins.allowed(origin)),
        }
    }

    /// The same for what names no deployment: any that lists the origin allows it.
    pub fn allowed_origin_of_any(&self, project: Option<ProjectId>, origin: &str) -> Option<&str> {
        let deployments = self.open_to_pages.values().flatten();
        deployments
            .filter(|deployment| project.is_none_or(|project| deployment.project == project))
            .find_map(|deployment| deployment.cors_origins.allowed(origin))
    }

    /// By its number, `3`, or by an alias, `@champion`.
    pub fn version(&self, project: ProjectId, model: &str, version: &str) -> Option<&Arc<Version>> {
        let model = self.model(project, model)?;
        match version.strip_prefix('@') {
            Some(alias) => model.by_alias.get(alias),
            None if version.bytes().all(|digit| digit.is_ascii_digit()) => {
                model.by_number.get(&version.parse().ok()?)
            }
            None => None,
        }
    }

    pub fn newest_version(&self, project: ProjectId, model: &str) -> Option<&Arc<Version>> {
        let versions = self.model(project, model)?.by_number.values();
        versions.max_by_key(|version| version.number)
    }

    /// The numbers of a model's versions, oldest first.
    pub fn version_numbers(&self, project: ProjectId, model: &str) -> Vec<i32> {
        let model = self.model(project, model);
        let mut numbers: Vec<_> =
            model.map_or_else(Vec::new, |model| model.by_number.keys().copied().collect());
        numbers.sort_unstable();
        numbers
    }

    fn model(&self, project: ProjectId, name: &str) -> Option<&Model> {
        self.projects.get(&project)?.models.get(name)
    }

    fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.projects
            .values()
            .flat_map(|project| project.deployments.values())
    }

    /// How every deployment's probes went.
    pub fn health(&self) -> HashMap<DeploymentId, Health> {
        self.deployments()
            .map(|deployment| {
                let health = Health {
                    stable: deployment.stable.version.id,
                    problem: deployment.stable.version.trouble(),
                    canary_problem: deployment
                        .canary
                        .as_ref()
                        .and_then(|canary| canary.arm.version.trouble()),
                    is_loaded: deployment.stable.version.is_loaded(),
                    cold_start: deployment.stable.version.cold_start(),
                };
                (deployment.id, health)
            })
            .collect()
    }

    pub fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.versions.values()
    }

    /// How long without a request the versions behind deployments stay loaded, each as its most patient deployment has it;
    /// `None` for ever.
    pub(crate) fn idle(&self) -> HashMap<ModelVersionId, Option<Duration>> {
        let mut idle = HashMap::new();
        for deployment in self.deployments() {
            for arm in deployment.arms() {
                idle.entry(arm.version.id)
                    .and_modify(|idle: &mut Option<Duration>| {
                        *idle = idle.zip(deployment.idle).map(|(a, b)| a.max(b));
                    })
                    .or_insert(deployment.idle);
            }
        }
        idle
    }

    /// Of the deployments whose versions stay loaded.
    fn kept_arms(&self) -> impl Iterator<Item = &Arm> {
        self.deployments()
            .filter(|deployment| deployment.idle.is_none())
            .flat_map(|deployment| deployment.arms())
    }

    /// Whether something that stays loaded could not be loaded, and it is time to try again.
    pub fn is_to_be_tried_again(&self) -> bool {
        self.kept_arms().any(|arm| arm.version.may_load())
    }
}

/// The versions behind deployments that keep them loaded. Others are loaded when somebody first asks for them.
fn used_versions(table: &ServingTable) -> HashSet<ModelVersionId> {
    let deployments = table.deployments.iter();
    deployments
        .filter(|deployment| deployment.capacity.idle_seconds().is_none())
        .flat_map(|deployment| {
            std::iter::once(deployment.stable)
                .chain(deployment.rollout.map(|rollout| rollout.canary))
        })
        .collect()
}
