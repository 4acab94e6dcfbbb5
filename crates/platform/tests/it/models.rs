use domain::page::PageRequest;
use domain::{Error, Name, Role};
use platform::{ledger, models, overview, training_runs};
use testkit::TestPlatform;

use crate::training::{ready_dataset, spec, take, trained};

#[tokio::test]
async fn aliases_point_move_and_go_with_a_ledger_row_each() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    ready_dataset(&test, &admin, &project, "t").await;
    for artifact in ["one", "two"] {
        let run = training_runs::create(&test, &admin, &project, spec())
            .await
            .unwrap();
        let fence = take(&test).await.fence;
        let done = trained(&test, artifact).await;
        training_runs::finished(&test, fence, run.id, done)
            .await
            .unwrap();
    }
    let (model, champion) = (Name::new("m").unwrap(), Name::new("champion").unwrap());
    for version in [1, 1, 2] {
        assert_eq!(
            models::set_alias(&test, &admin, &project, &model, &champion, version)
                .await
                .unwrap()
                .version,
            version
        );
    }
    let wrong = models::set_alias(&test, &admin, &project, &model, &champion, 3).await;
    assert!(matches!(wrong, Err(Error::NotFound { .. })));
    let newest = models::trained(&test, &admin, &project, &model, 1)
        .await
        .unwrap();
    assert_eq!((newest.len(), newest[0].version), (1, 2));
    assert_eq!(newest[0].dataset.as_ref().map(Name::as_str), Some("t"));
    let version = models::get_version(&test, &admin, &project, &model, 2)
        .await
        .unwrap();
    assert_eq!(newest[0].target, version.signature.output.name);
    assert_eq!(version.aliases, std::slice::from_ref(&champion));
    assert!(version.evaluation.is_some());
    let list = models::list(&test, &admin, &project, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(
        (
            list.items[0].latest_version,
            list.items[0].aliases[0].version
        ),
        (2, 2)
    );

    models::remove_alias(&test, &admin, &project, &model, &champion)
        .await
        .unwrap();
    let again = models::remove_alias(&test, &admin, &project, &model, &champion).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
    let ledger = ledger::list(&test, &admin, &project, None, None, &PageRequest::default())
        .await
        .unwrap();
    let actions: Vec<_> = ledger
        .items
        .iter()
        .map(|entry| entry.action.as_str())
        .filter(|action| action.starts_with("alias"))
        .collect();
    assert_eq!(actions, ["alias.removed", "alias.set", "alias.set"]);

    let viewer = test.member(&project, "vic@example.com", Role::Viewer).await;
    let refused = models::set_alias(&test, &viewer, &project, &model, &champion, 1).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn the_overview_counts_what_is_there() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let empty = overview::get(&test, &admin, &project).await.unwrap();
    assert_eq!(empty.checklist.done(), 0);
    ready_dataset(&test, &admin, &project, "t").await;
    let run = training_runs::create(&test, &admin, &project, spec())
        .await
        .unwrap();
    let busy = overview::get(&test, &admin, &project).await.unwrap();
    assert!(busy.checklist.dataset_ready);
    assert_eq!(
        busy.active_runs
            .iter()
            .map(|run| run.id)
            .collect::<Vec<_>>(),
        [run.id]
    );
    let fence = take(&test).await.fence;
    let done = trained(&test, "artifact").await;
    training_runs::finished(&test, fence, run.id, done)
        .await
        .unwrap();
    let done = overview::get(&test, &admin, &project).await.unwrap();
    assert!(
        done.checklist.run_succeeded && done.checklist.version_made && !done.checklist.deployed
    );
    assert!(done.active_runs.is_empty());
    assert_eq!(done.activity[0].action, "model_version.created");
}
