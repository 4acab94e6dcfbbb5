//! What is tried.

use domain::models::Task;
use domain::training_runs::{Algorithm, Named};
use serde_json::{Map, Value as Json, json};

use crate::learn::{Choice, Lesson};
use crate::profile::Moments;

/// Of more rows a single tree is of no use, and neighbours are slow to find: a forest and boosting do better in little time.
const FEW: usize = 5_000;
/// From here on a target is skewed.
const SKEWED: f64 = 1.0;

/// From the quickest to the slowest.
pub(super) fn choices(lesson: &Lesson<'_>, rows: &[u32]) -> Vec<Choice> {
    let task = lesson.task();
    let is_small = rows.len() <= FEW;
    let mut all: Vec<(Named, Json)> = Vec::new();
    match task {
        Task::Regression => {
            all.push((Named::LinearRegression, json!({})));
            all.push((Named::Ridge, json!({})));
            all.push((Named::Ridge, json!({"penalty": 0.1})));
            all.push((Named::Lasso, json!({})));
            if is_small {
                all.push((Named::Lasso, json!({"penalty": 0.05})));
            }
            all.extend(multiplied(lesson, rows));
        }
        Task::Classification => {
            all.push((Named::NaiveBayes, json!({})));
            all.push((Named::LogisticRegression, json!({"penalty": 0.1})));
            all.push((Named::LogisticRegression, json!({"penalty": 0.01})));
            all.push((Named::LogisticRegression, json!({})));
            if is_small {
                all.push((Named::LogisticRegression, json!({"penalty": 0.0001})));
            }
        }
    }
    if is_small {
        all.push((Named::DecisionTree, json!({})));
        all.push((Named::KNearestNeighbors, json!({})));
    }
    all.extend(boosted(is_small));
    all.push((Named::GradientBoosting, json!({"budget": 0.5})));
    all.push((Named::RandomForest, json!({"trees": 100})));
    if is_small {
        let params = json!({"trees": 200, "feature_share": 0.6, "min_leaf_rows": 1});
        all.push((Named::RandomForest, params));
    }
    all.push((Named::GradientBoosting, json!({})));
    all.push((Named::GradientBoosting, json!({"budget": 1.5})));
    let all = all.into_iter();
    all.filter(|(algorithm, _)| Algorithm::from(*algorithm).serves(task))
        .filter_map(|(algorithm, params)| {
            let params: Option<Map<String, Json>> = params.as_object().cloned();
            let params = Algorithm::from(algorithm).checked(params.as_ref()).ok()?;
            Some(Choice { algorithm, params })
        })
        .collect()
}

/// At its defaults, and in more and smaller steps, each of some rows and features: with little penalty where few rows say it all,
/// and with small trees where rows are few, large ones where they are many.
fn boosted(is_small: bool) -> [(Named, Json); 3] {
    let finer = json!({
        "trees": 300, "learning_rate": 0.05, "max_leaves": 16, "min_leaf_rows": 10, "penalty": 0.1,
        "row_share": 0.8, "feature_share": 0.5,
    });
    let sized = if is_small {
        json!({
            "trees": 500, "learning_rate": 0.05, "max_leaves": 8, "min_leaf_rows": 10,
            "row_share": 0.7, "feature_share": 0.6,
        })
    } else {
        json!({
            "trees": 600, "learning_rate": 0.05, "max_leaves": 63,
            "row_share": 0.8, "feature_share": 0.5,
        })
    };
    [json!({}), finer, sized].map(|params| (Named::HistogramBoosting, params))
}

/// For amounts that differ the more the larger they are.
fn multiplied(lesson: &Lesson<'_>, rows: &[u32]) -> Vec<(Named, Json)> {
    // They refuse a value that is too small, in whatever row it stands.
    let all = || {
        lesson
            .usable
            .iter()
            .map(|&row| lesson.target.values[row as usize])
    };
    let least = all().fold(f64::INFINITY, f64::min);
    let own = || rows.iter().map(|&row| lesson.target.values[row as usize]);
    if least < 0.0 || skewness(own()) < SKEWED {
        return Vec::new();
    }
    if own().all(|value| value.fract() == 0.0) {
        vec![(Named::Poisson, json!({}))]
    } else if least > 0.0 {
        vec![(Named::Gamma, json!({})), (Named::Poisson, json!({}))]
    } else {
        vec![(Named::Tweedie, json!({})), (Named::Poisson, json!({}))]
    }
}

/// The mean of the cubes, in standard deviations.
fn skewness(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let moments: Moments = values.clone().collect();
    let (mean, std) = (moments.mean(), moments.population_std());
    if std <= 0.0 || !std.is_finite() {
        return 0.0;
    }
    let cubes: Moments = values.map(|value| ((value - mean) / std).powi(3)).collect();
    cubes.mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_long_tail_is_skewed() {
        assert!(skewness((0..100).map(f64::from)).abs() < 1e-9);
        assert!(skewness((0..100).map(|x| (f64::from(x) / 10.0).exp())) > 2.0);
        assert!(skewness([3.0; 9].into_iter()).abs() < 1e-12);
    }
}
