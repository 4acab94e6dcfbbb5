use std::sync::Arc;
use std::time::Duration;

use serving::versions::Version;
use serving::{Loaded, Options, Room, Serving};

use crate::built::{Built, artifact, at};

fn serving(bytes: usize, idle: u64) -> Serving {
    let room = Room {
        bytes,
        idle: Duration::from_secs(idle),
    };
    Serving::new(Options {
        room,
        ..Options::default()
    })
}

fn version(serving: &Serving, built: &Built, number: &str) -> Arc<Version> {
    let snapshot = serving.snapshot();
    Arc::clone(snapshot.version(built.project, "price", number).unwrap())
}

#[test]
fn a_version_that_nobody_asks_for_is_let_go_and_can_be_loaded_again() {
    let built = Built::new(artifact(10.0), artifact(20.0));
    let serving = serving(1 << 20, 60);
    serving.swap(built.snapshot());
    let (served, other) = (
        version(&serving, &built, "1"),
        version(&serving, &built, "2"),
    );
    let bytes = artifact(20.0);
    other.load(Ok(&bytes));
    other.touch(at(0));
    let both = Loaded {
        versions: 2,
        bytes: served.bytes() + bytes.len(),
        ..Loaded::default()
    };
    assert_eq!(serving.make_room(at(60)), both);
    let one = Loaded {
        versions: 1,
        bytes: served.bytes(),
        idle: 1,
        crowded_out: 0,
    };
    assert_eq!(serving.make_room(at(61)), one);
    assert!(served.is_loaded() && !other.is_loaded() && other.may_load());
    other.load(Ok(&bytes));
    assert!(other.is_loaded());
}

#[test]
fn what_was_asked_for_longest_ago_goes_first_and_the_last_stays() {
    let mut built = Built::new(artifact(10.0), artifact(20.0));
    built.table.deployments.clear();
    let serving = serving(0, 3600);
    serving.swap(built.snapshot());
    let versions = ["1", "2"].map(|number| version(&serving, &built, number));
    for (version, (artifact, asked)) in versions
        .iter()
        .zip([(artifact(10.0), 2), (artifact(20.0), 1)])
    {
        version.load(Ok(&artifact));
        version.touch(at(asked));
    }
    let loaded = serving.make_room(at(3));
    assert_eq!((loaded.versions, loaded.crowded_out), (1, 1));
    assert!(versions[0].is_loaded() && !versions[1].is_loaded());
    assert_eq!(serving.make_room(at(4)).crowded_out, 0);
}
