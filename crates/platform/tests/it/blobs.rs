use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::{Error, Timestamp};
use futures::stream;
use platform::blobs::StoredBlob;
use sha2::{Digest, Sha256};
use testkit::TestPlatform;

fn chunks(
    bytes: &[u8],
    size: usize,
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + use<> {
    let parts: Vec<_> = bytes
        .chunks(size)
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    stream::iter(parts)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_stream_is_kept_under_its_hash_for_this_account_alone() {
    let kit = TestPlatform::new().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let stored = kit
        .blobs
        .put_stream(chunks(&bytes, 70_001), bytes.len() as u64)
        .await
        .unwrap();
    assert_eq!(
        stored,
        StoredBlob {
            sha256: hex::encode(Sha256::digest(&bytes)),
            bytes: bytes.len() as u64
        }
    );
    assert_eq!(kit.blobs.read(&stored.sha256).await.unwrap(), bytes);
    let path = kit.blobs.path(&stored.sha256).unwrap();
    assert_eq!(
        files(&kit.directory.path().join("blobs")),
        std::slice::from_ref(&path)
    );
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(
        kit.blobs.put(bytes).await.unwrap(),
        stored,
        "the same bytes are the same blob"
    );
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let kit = TestPlatform::new().await;
    let exact = kit
        .blobs
        .put_stream(chunks(&[7; 100], 30), 100)
        .await
        .unwrap();
    let over = kit
        .blobs
        .put_stream(chunks(&[7; 101], 30), 100)
        .await
        .unwrap_err();
    assert!(
        matches!(&over, Error::TooLarge { message } if message.contains("100 bytes")),
        "{over:?}"
    );
    let broken = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(io::Error::other("connection reset")),
    ]);
    let error = kit.blobs.put_stream(broken, 100).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert_eq!(
        files(&kit.directory.path().join("blobs")),
        [kit.blobs.path(&exact.sha256).unwrap()]
    );
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let kit = TestPlatform::new().await;
    let endless = stream::unfold((), |()| async {
        Some((Ok(Bytes::from_static(&[1; 1 << 13])), ()))
    });
    let upload = kit.blobs.put_stream(endless, u64::MAX);
    let given_up = tokio::time::timeout(Duration::from_millis(50), upload).await;
    assert!(given_up.is_err());
    // A write that is under way ends first, on its own thread.
    testkit::until("the file to go", async || {
        files(&kit.directory.path().join("blobs"))
            .is_empty()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_finished_file_is_adopted() {
    let kit = TestPlatform::new().await;
    let temp = kit.blobs.temp().unwrap();
    fs::write(temp.path(), b"an artifact").unwrap();
    let stored = kit.blobs.adopt(temp, 11).await.unwrap();
    assert_eq!(
        kit.blobs.read(&stored.sha256).await.unwrap(),
        b"an artifact"
    );
    let temp = kit.blobs.temp().unwrap();
    fs::write(temp.path(), b"a longer artifact").unwrap();
    assert!(matches!(
        kit.blobs.adopt(temp, 11).await.unwrap_err(),
        Error::TooLarge { .. }
    ));
    drop(kit.blobs.temp().unwrap());
    assert_eq!(files(&kit.directory.path().join("blobs")).len(), 1);
}

#[tokio::test]
async fn a_file_without_a_name_is_read_from_its_start_and_leaves_nothing() {
    let kit = TestPlatform::new().await;
    let file = kit.blobs.temp().unwrap().nameless(b"to be sent").unwrap();
    assert!(files(&kit.directory.path().join("blobs")).is_empty());
    assert_eq!(io::read_to_string(file).unwrap(), "to be sent");
}

#[tokio::test]
async fn a_changed_byte_is_refused() {
    let kit = TestPlatform::new().await;
    let stored = kit.blobs.put(b"bytes".as_slice()).await.unwrap();
    let path = kit.blobs.path(&stored.sha256).unwrap();
    fs::write(&path, b"bytez").unwrap();
    assert!(matches!(
        kit.blobs.read(&stored.sha256).await.unwrap_err(),
        Error::Internal(_)
    ));
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        kit.blobs.read(&stored.sha256).await.unwrap_err(),
        Error::Internal(_)
    ));
    for outside in [
        "",
        "../../../etc/passwd",
        &"A".repeat(64),
        &format!("{}/", "a".repeat(63)),
    ] {
        assert!(kit.blobs.path(outside).is_err(), "{outside}");
    }
}

/// As if it came so many seconds before the platform's clock.
fn age(kit: &TestPlatform, blob: &StoredBlob, seconds: i64) {
    let then = kit.clock.now().plus_seconds(-seconds).unix_seconds();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(then).unwrap());
    File::open(kit.blobs.path(&blob.sha256).unwrap())
        .unwrap()
        .set_modified(then)
        .unwrap();
}

#[tokio::test]
async fn the_sweep_removes_what_was_never_acknowledged() {
    let kit = TestPlatform::new().await;
    let known = kit.blobs.put(b"known".as_slice()).await.unwrap();
    let fresh = kit.blobs.put(b"fresh".as_slice()).await.unwrap();
    let unknown = kit.blobs.put(b"unknown".as_slice()).await.unwrap();
    let now: Timestamp = kit.clock.now();
    let mut conn = kit.store.read().await.unwrap();
    store::blobs::record(&mut conn, &known.sha256, 5, now)
        .await
        .unwrap();
    drop(conn);
    age(&kit, &known, 7200);
    age(&kit, &fresh, 60);
    age(&kit, &unknown, 7200);
    // Left by a process that was killed: nobody holds its lock.
    let leftover = kit.directory.path().join("blobs/tmp/0123456789abcdef");
    fs::write(&leftover, b"half").unwrap();
    let running = kit.blobs.temp().unwrap();

    let swept = kit.blobs.sweep(&kit.store, now).await.unwrap();
    assert_eq!((swept.unfinished, swept.unknown), (1, 1));
    assert!(!leftover.exists() && running.path().exists());
    assert!(
        kit.blobs.path(&known.sha256).unwrap().exists()
            && kit.blobs.path(&fresh.sha256).unwrap().exists()
    );
    assert!(!kit.blobs.path(&unknown.sha256).unwrap().exists());

    // Coming again makes it fresh, whatever the sweep thought of it before.
    age(&kit, &fresh, 7200);
    kit.blobs.put(b"fresh".as_slice()).await.unwrap();
    assert_eq!(
        kit.blobs.sweep(&kit.store, now).await.unwrap(),
        Default::default()
    );
}
