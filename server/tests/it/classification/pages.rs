//! What people see of a classifier.

use domain::Role;

use super::{FEATURES, Ground, PASSENGERS, PROJECT};
use crate::harness::{ended, location};

/// With the form as a browser sends it before the page is hydrated.
#[tokio::test]
async fn the_pages_show_a_classifier() {
    let ground = Ground::new().await;
    ground.upload("passengers", PASSENGERS).await;
    let session = ground.app.member("editor@example.com", Role::Editor).await;
    let page = async |path: &str| {
        let page = ground.app.get(path).header("cookie", &session);
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        page.text().await.unwrap()
    };
    let has = |page: &str, parts: &[&str]| {
        for part in parts {
            assert!(page.contains(part), "the page lacks {part}");
        }
    };
    let form = page("/p/default/training-runs/new?dataset=passengers&target=Sex").await;
    has(
        &form,
        &[
            "name=\"form[task]\"",
            "Logistic regression",
            "Sex (string)",
            "too many for classes",
            "the most probable one as the label",
        ],
    );
    let mut fields = vec![
        ("project", "default"),
        ("form[dataset]", "passengers"),
        ("form[dataset_version]", "1"),
        ("form[target]", "Survived"),
        ("form[task]", ""),
        ("form[model]", "survival"),
        ("form[algorithm]", "auto"),
        ("form[split_method]", ""),
        ("form[test_fraction]", "0.2"),
        ("form[seed]", "0"),
        ("form[seconds]", "60"),
        ("form[memory_mb]", "2048"),
    ];
    fields.extend(FEATURES.map(|feature| ("form[features][]", feature)));
    let sent = ground.app.form("/_fn/create_training_run", &fields);
    let sent = sent
        .header("cookie", &session)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    let place = location(&sent).to_owned();
    let id = place.rsplit('/').next().unwrap().to_owned();
    let run = ended(async || ground.get(&format!("{PROJECT}/training-runs/{id}")).await).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["spec"]["task"], "classification");
    assert_eq!(run["evaluation"]["candidates"][0]["metric"], "log_loss");
    let shown = [
        "Log loss",
        "ROC AUC",
        "Saying the classes",
        "Confusion matrix",
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Thresholds",
        "Lowest cost",
        "What was tried",
        "Permutation importance",
        "Rise of the Log loss",
    ];
    has(
        &page(&format!("/p/default/training-runs/{id}")).await,
        &shown,
    );
    has(&page("/p/default/models/survival/versions/1").await, &shown);
    has(
        &page("/p/default/models").await,
        &["Log loss 0.", "accuracy"],
    );
    has(&page("/p/default/models/survival").await, &["ROC AUC ↑"]);
    has(&page("/p/default/training-runs").await, &["Log loss 0."]);
}
