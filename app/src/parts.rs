//! The pages that a browser loads in parts: each part is a file of its own beside the main one, fetched when one of its
//! pages is first needed. On the server, and for the pages of the main file, nothing is loaded; without the feature
//! `parts`, which is how `cargo leptos watch` builds, all pages are of the main file.

use std::future::Future;
use std::pin::Pin;

use leptos::prelude::*;
use leptos_router::ChooseView;
use leptos_router::hooks::use_url;
use wasm_split_helpers::SplitLoaderError;
#[cfg(feature = "parts")]
use wasm_split_helpers::wasm_split;

use crate::{browser, context, pages};

pub(crate) type Loaded = Result<AnyView, SplitLoaderError>;
pub(crate) type Loading = Pin<Box<dyn Future<Output = Loaded>>>;

/// A page as the router needs it. It holds a pointer to a function, so that it is one type for all pages: the router's
/// machinery would be compiled again for each.
#[derive(Clone, Copy)]
pub(crate) struct Page(pub(crate) fn() -> Loading);

impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        match (self.0)().await {
            Ok(view) => view,
            Err(_) => leave().await,
        }
    }

    /// The old page stays until this is done.
    async fn preload(&self) {
        let part = Part::of(use_url().read_untracked().path());
        if let Some(part) = part
            && !part.load().await
        {
            leave::<()>().await;
        }
    }
}

/// Where a part can not be loaded, mostly because the server has a newer build by now, the browser asks the server for the
/// whole page, as it does without WebAssembly.
async fn leave<T>() -> T {
    browser::go(&context::here());
    std::future::pending().await
}

/// A page of the main file.
pub(crate) fn at_hand(view: AnyView) -> Loading {
    Box::pin(std::future::ready(Ok(view)))
}

macro_rules! parts {
    ($($part:ident $name:ident at $($segment:literal)|+ { $($page:ident: $view:expr,)+ })+) => {
        /// Pages in one file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Part {
            $($part),+
        }

        impl Part {
            fn at(segment: &str) -> Option<Self> {
                match segment {
                    $($($segment)|+ => Some(Self::$part),)+
                    _ => None,
                }
            }

            /// Makes the pages of this part available; whether that worked.
            pub async fn load(self) -> bool {
                match self {
                    $(Self::$part => $name::load().await.is_ok(),)+
                }
            }

            /// As the build names it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$part => stringify!($name),)+
                }
            }
        }

        $(pub(crate) mod $name {
            use super::*;

            #[derive(Clone, Copy)]
            #[allow(non_camel_case_types, reason = "each is named as the function that opens it")]
            pub(super) enum Page {
                $($page),+
            }

            #[cfg_attr(feature = "parts", wasm_split($name, preload(load), fallible))]
            pub(super) fn view(page: Page) -> Loaded {
                Ok(match page {
                    $(Page::$page => $view().into_any(),)+
                })
            }

            #[cfg(not(feature = "parts"))]
            pub(super) async fn load() -> Result<(), SplitLoaderError> {
                Ok(())
            }

            $(
                pub(crate) fn $page() -> Loading {
                    let view = view(Page::$page);
                    #[cfg(not(feature = "parts"))]
                    let view = std::future::ready(view);
                    Box::pin(view)
                }
            )+
        })+
    };
}

parts! {
    Datasets datasets at "datasets" {
        list: pages::datasets::list::DatasetsPage,
        detail: pages::datasets::detail::DatasetPage,
    }
    TrainingRuns training_runs at "training-runs" {
        list: pages::training_runs::list::TrainingRunsPage,
        detail: pages::training_runs::detail::TrainingRunPage,
    }
    NewTrainingRun new_training_run at "training-runs/new" {
        new: pages::training_runs::new::NewTrainingRunPage,
    }
    ScoringRuns scoring_runs at "scoring-runs" {
        list: pages::scoring_runs::list::ScoringRunsPage,
        detail: pages::scoring_runs::detail::ScoringRunPage,
    }
    Models models at "models" {
        list: pages::models::list::ModelsPage,
        detail: pages::models::detail::ModelPage,
    }
    ModelVersions model_versions at "models/versions" {
        version: pages::models::version::ModelVersionPage,
    }
    Comparisons comparisons at "compare" {
        compare: pages::comparisons::ComparePage,
    }
    Deployments deployments at "deployments" {
        list: pages::deployments::list::DeploymentsPage,
        new: pages::deployments::new::NewDeploymentPage,
        detail: pages::deployments::detail::DeploymentPage,
    }
    Playground playground at "deployments/try" {
        playground: pages::playground::PlaygroundPage,
    }
    Administration administration at "keys" | "settings" | "ledger" {
        keys: pages::keys::KeysPage,
        members: pages::members::MembersPage,
        account: pages::account::AccountPage,
        ledger: pages::ledger::LedgerPage,
    }
}

impl Part {
    /// The part with the page at `path`.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let (_, page) = path.strip_prefix("/p/")?.split_once('/')?;
        let (first, rest) = page.split_once('/').unwrap_or((page, ""));
        // Pages among others, and each a part of its own.
        Self::at(match (first, rest) {
            ("deployments", rest) if rest.ends_with("/try") => "deployments/try",
            ("models", rest) if rest.contains("/versions/") => "models/versions",
            ("training-runs", "new") => "training-runs/new",
            _ => first,
        })
    }
}

/// Makes the page that the browser shows available; whether that worked.
#[cfg(feature = "hydrate")]
pub async fn load_current() -> bool {
    match Part::of(&browser::path()) {
        Some(part) => part.load().await,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_the_part() {
        assert_eq!(Part::of("/p/demo/datasets"), Some(Part::Datasets));
        assert_eq!(Part::of("/p/demo/compare"), Some(Part::Comparisons));
        assert_eq!(
            Part::of("/p/demo/deployments/price/try"),
            Some(Part::Playground)
        );
        assert_eq!(
            Part::of("/p/demo/models/price/versions/3"),
            Some(Part::ModelVersions)
        );
        assert_eq!(
            Part::of("/p/demo/training-runs/new"),
            Some(Part::NewTrainingRun)
        );
        assert_eq!(
            Part::of("/p/demo/settings/members"),
            Some(Part::Administration)
        );
        for path in [
            "/p/demo/deployments/try",
            "/p/demo/deployments/try/rollouts",
        ] {
            assert_eq!(Part::of(path), Some(Part::Deployments), "{path}");
        }
        for path in [
            "/p/demo/try",
            "/",
            "/login",
            "/p/demo",
            "/p/demo/",
            "/p/demo/nothing",
            "/datasets",
        ] {
            assert_eq!(Part::of(path), None, "{path}");
        }
    }
}
