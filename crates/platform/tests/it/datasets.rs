use std::io;
use std::time::Duration;

use bytes::Bytes;
use domain::datasets::{DataFormat, DatasetStatus, DatasetVersion};
use domain::page::PageRequest;
use domain::{Actor, Error, Name, Role, Scope};
use futures::stream;
use platform::{Limits, Platform, datasets, jobs, ledger};
use testkit::TestPlatform;

use crate::training::{profile, ready_dataset, take};

type Chunk = io::Result<Bytes>;

fn chunks(parts: &[&'static str]) -> stream::Iter<std::vec::IntoIter<Chunk>> {
    stream::iter(
        parts
            .iter()
            .map(|part| Ok(Bytes::from_static(part.as_bytes())))
            .collect::<Vec<_>>(),
    )
}

async fn upload(
    platform: &Platform,
    actor: &Actor,
    project: &Name,
    name: &str,
    text: &'static str,
) -> domain::Result<DatasetVersion> {
    let name = Name::new(name).unwrap();
    datasets::upload(
        platform,
        actor,
        project,
        &name,
        DataFormat::Csv,
        None,
        chunks(&[text]),
    )
    .await
}

#[tokio::test]
async fn an_upload_is_a_version_whose_bytes_read_back() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let name = Name::new("prices").unwrap();
    let made = datasets::upload(
        &test,
        &admin,
        &project,
        &name,
        DataFormat::Csv,
        Some(8),
        chunks(&["a,b\n", "1,2\n"]),
    )
    .await
    .unwrap();
    assert_eq!(
        (made.version, made.status, made.bytes, made.format),
        (1, DatasetStatus::Profiling, 8, DataFormat::Csv)
    );
    assert_eq!(test.blobs.read(&made.sha256).await.unwrap(), b"a,b\n1,2\n");
    assert!(test.blobs.is_intact(&made.sha256).await.unwrap());
    assert_eq!(
        datasets::get(&test, &admin, &project, &name).await.unwrap(),
        made
    );
    let entry = ledger::list(&test, &admin, &project, None, None, &PageRequest::default())
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(
        (entry.action.as_str(), entry.subject.as_str()),
        ("dataset.uploaded", "dataset/prices")
    );
    assert_eq!(take(&test).await.kind, datasets::PROFILE_JOB);
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_and_during_the_upload() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let small = Platform {
        limits: Limits {
            max_upload_bytes: 10,
            ..Limits::default()
        },
        ..test.platform()
    };
    let name = Name::new("big").unwrap();
    let declared = datasets::upload(
        &small,
        &admin,
        &project,
        &name,
        DataFormat::Csv,
        Some(11),
        stream::pending::<Chunk>(),
    )
    .await;
    match declared {
        Err(Error::TooLarge { message }) => assert!(
            message.contains("11 bytes") && message.contains("10 bytes"),
            "{message}"
        ),
        other => panic!("{other:?}"),
    }
    let lying = datasets::upload(
        &small,
        &admin,
        &project,
        &name,
        DataFormat::Csv,
        Some(5),
        chunks(&["12345", "67890", "1"]),
    )
    .await;
    assert!(matches!(lying, Err(Error::TooLarge { .. })), "{lying:?}");
    let broken = stream::iter([
        Ok(Bytes::from_static(b"a,b")),
        Err(io::Error::other("gone")),
    ]);
    let broken = datasets::upload(
        &test,
        &admin,
        &project,
        &name,
        DataFormat::Csv,
        None,
        broken,
    )
    .await;
    assert!(matches!(broken, Err(Error::Invalid(_))), "{broken:?}");
    let empty = datasets::upload(
        &test,
        &admin,
        &project,
        &name,
        DataFormat::Csv,
        None,
        chunks(&[]),
    )
    .await;
    assert!(empty.unwrap_err().to_string().contains("not empty"));
    assert!(matches!(
        datasets::get(&test, &admin, &project, &name).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn twenty_uploads_at_once_get_twenty_numbers() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let uploads = (0..20).map(|n| {
        let text: Chunk = Ok(Bytes::from(format!("a\n{n}\n")));
        let (platform, admin, project) = (test.platform(), admin.clone(), project.clone());
        async move {
            let name = Name::new("busy").unwrap();
            datasets::upload(
                &platform,
                &admin,
                &project,
                &name,
                DataFormat::Csv,
                None,
                stream::iter([text]),
            )
            .await
            .unwrap()
            .version
        }
    });
    let mut versions = futures::future::join_all(uploads).await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<_>>());
    let all = datasets::versions(&test, &admin, &project, &Name::new("busy").unwrap())
        .await
        .unwrap();
    assert_eq!(
        all.iter()
            .map(|version| version.version)
            .collect::<Vec<_>>(),
        (1..=20).rev().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn the_same_bytes_in_two_projects_are_one_file_and_two_datasets() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let other = test.new_project("other").await;
    let stranger = test.member(&other, "eve@example.com", Role::Admin).await;
    let (mine, theirs) = tokio::join!(
        upload(&test, &admin, &project, "t", "a\n1\n"),
        upload(&test, &stranger, &other, "t", "a\n1\n"),
    );
    let (mine, theirs) = (mine.unwrap(), theirs.unwrap());
    assert_eq!(mine.sha256, theirs.sha256);
    assert_ne!(mine.dataset_id, theirs.dataset_id);
    assert_eq!((mine.version, theirs.version), (1, 1));
}

#[tokio::test]
async fn a_stored_file_without_a_row_outlives_the_sweep_until_it_is_recorded() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let early = test.blobs.put("a\n1\n").await.unwrap();
    test.blobs.sweep(&test.store, time_now()).await.unwrap();
    assert!(test.blobs.is_intact(&early.sha256).await.unwrap());
    assert_eq!(
        upload(&test, &admin, &project, "t", "a\n1\n")
            .await
            .unwrap()
            .sha256,
        early.sha256
    );
    test.blobs
        .sweep(&test.store, time_now().plus_seconds(1_000_000))
        .await
        .unwrap();
    assert!(test.blobs.is_intact(&early.sha256).await.unwrap());
}

/// The files' own clock is the system's.
fn time_now() -> domain::Timestamp {
    platform::Clock::System.now()
}

#[tokio::test]
async fn a_profile_makes_a_version_ready_and_a_failure_leaves_the_one_before() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let name = Name::new("t").unwrap();
    ready_dataset(&test, &admin, &project, "t").await;
    let ready = datasets::get(&test, &admin, &project, &name).await.unwrap();
    assert_eq!(
        (ready.status, ready.rows, ready.columns.len()),
        (DatasetStatus::Ready, Some(3), 3)
    );
    let preview = datasets::preview(&test, &admin, &project, &name, None)
        .await
        .unwrap();
    assert_eq!(preview.columns, ["x", "y", "label"]);
    assert_eq!(
        preview.rows[0],
        [Some("1".to_owned()), None, Some("a\u{FFFD}".to_owned())]
    );

    let bad = upload(&test, &admin, &project, "t", "bad").await.unwrap();
    let job = take(&test).await;
    datasets::profile_finished(
        &test,
        job.fence,
        bad.id,
        Err("row 7, column \"x\": \0".to_owned()),
    )
    .await
    .unwrap();
    let failed = datasets::get_version(&test, &admin, &project, &name, 2)
        .await
        .unwrap();
    assert_eq!(
        (failed.status, failed.error.as_deref()),
        (DatasetStatus::Failed, Some("row 7, column \"x\": \u{FFFD}"))
    );
    let first = datasets::get_version(&test, &admin, &project, &name, 1)
        .await
        .unwrap();
    assert_eq!(first.status, DatasetStatus::Ready);
    let list = datasets::list(&test, &admin, &project, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(
        (
            list.items.len(),
            list.items[0].version,
            list.items[0].status
        ),
        (1, 2, DatasetStatus::Failed)
    );
}

#[tokio::test]
async fn a_profile_of_a_lost_attempt_is_not_written() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    let made = upload(&test, &admin, &project, "t", "a\n1\n")
        .await
        .unwrap();
    let kinds = [datasets::PROFILE_JOB.to_owned()];
    let mut conn = test.store.read().await.unwrap();
    let lost = store::jobs::take(&mut conn, "lost", &kinds, Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store::jobs::requeue_expired(&mut conn).await.unwrap(), 1);
    let error = datasets::profile_finished(&test, lost.fence, made.id, Ok(profile()))
        .await
        .unwrap_err();
    assert!(jobs::is_lost(&error));
    let next = take(&test).await;
    assert_eq!(next.fence.attempt, 2);
    let error = datasets::profile_finished(&test, lost.fence, made.id, Ok(profile()))
        .await
        .unwrap_err();
    assert!(jobs::is_lost(&error));
    datasets::profile_finished(&test, next.fence, made.id, Ok(profile()))
        .await
        .unwrap();
    let error = datasets::profile_finished(&test, next.fence, made.id, Err("again".to_owned()))
        .await
        .unwrap_err();
    assert!(jobs::is_lost(&error));
    assert_eq!(
        datasets::get(&test, &admin, &project, &made.name)
            .await
            .unwrap()
            .status,
        DatasetStatus::Ready
    );
}

#[tokio::test]
async fn lists_go_on_where_the_page_before_ended() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    for name in ["a", "b", "c", "d", "e"] {
        upload(&test, &admin, &project, name, "a\n1\n")
            .await
            .unwrap();
        if name != "c" {
            test.clock.advance(1);
        }
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest::new(cursor, Some(2)).unwrap();
        let page = datasets::list(&test, &admin, &project, &page)
            .await
            .unwrap();
        seen.extend(
            page.items
                .into_iter()
                .map(|dataset| dataset.name.to_string()),
        );
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    // Two that came at the same moment stand in either order, each once.
    seen[1..3].sort();
    assert_eq!(seen, ["e", "c", "d", "b", "a"]);
}

#[tokio::test]
async fn only_those_who_may_write_upload_and_strangers_see_nothing() {
    let test = TestPlatform::new().await;
    let (admin, project) = (test.admin().await, test.project());
    upload(&test, &admin, &project, "t", "a\n1\n")
        .await
        .unwrap();
    let name = Name::new("t").unwrap();
    let viewer = test.member(&project, "vic@example.com", Role::Viewer).await;
    let (_, reader) = test.key(&project, &[Scope::Read]).await;
    for actor in [&viewer, &reader] {
        assert!(matches!(
            upload(&test, actor, &project, "t", "a\n2\n").await,
            Err(Error::Forbidden(_))
        ));
        assert_eq!(
            datasets::get(&test, actor, &project, &name)
                .await
                .unwrap()
                .version,
            1
        );
    }
    let other = test.new_project("other").await;
    let stranger = test.member(&other, "eve@example.com", Role::Admin).await;
    assert!(matches!(
        upload(&test, &stranger, &project, "t", "a\n2\n").await,
        Err(Error::NotFound { .. })
    ));
    for project in [&project, &other] {
        assert!(matches!(
            datasets::get(&test, &stranger, project, &name).await,
            Err(Error::NotFound { .. })
        ));
    }
}
