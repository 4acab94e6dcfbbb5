use domain::datasets::ColumnType;
use model::{
    Artifact, ArtifactError, Body, FORMAT_VERSION, Linear, MAX_BYTES, Transform, decode, encode,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::prepared::{explained_people, people};
use crate::{explained, grove, houses, input};

/// One of each kind, with and without a background.
fn each() -> impl Iterator<Item = Artifact> {
    [houses(), grove(), people(), explained_people()]
        .into_iter()
        .chain(explained())
}

pub(crate) fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let checksum = Sha256::digest(&content);
    content.extend_from_slice(&checksum);
    content
}

/// Bytes without their checksum.
pub(crate) fn content(artifact: &Artifact) -> Vec<u8> {
    let mut bytes = encode(artifact).unwrap();
    bytes.truncate(bytes.len() - 32);
    bytes
}

#[test]
fn what_was_written_is_read_back_and_written_the_same() {
    for artifact in each() {
        let bytes = encode(&artifact).unwrap();
        let read = decode(&bytes).unwrap();
        assert_eq!(read, artifact);
        assert_eq!(encode(&read).unwrap(), bytes);
        assert_eq!(encode(&artifact.clone()).unwrap(), bytes);
    }
}

/// What releases before the trees wrote and read.
#[test]
fn a_linear_model_is_written_as_ever() {
    let bytes = encode(&houses()).unwrap();
    assert_eq!(bytes[8..10], [1, 0]);
    assert_eq!(encode(&grove()).unwrap()[8..10], [2, 0]);
    let [linear, trees] = explained().map(|artifact| encode(&artifact).unwrap());
    assert_eq!(
        (&linear[8..12], &trees[8..12]),
        (&[5, 0, 1, 0][..], &[5, 0, 2, 0][..])
    );
    let first = Artifact::linear("y", 1.5, Vec::new());
    let header = br#"{"algorithm":"linear_regression","params":{},"signature":{"inputs":[],"output":{"name":"y","task":"regression"}},"transforms":[]}"#;
    let mut written = b"VOLARYM\0\x01\0".to_vec();
    written.extend_from_slice(&(header.len() as u32).to_le_bytes());
    written.extend_from_slice(header);
    written.extend_from_slice(&1_u32.to_le_bytes());
    written.extend_from_slice(&1.5_f64.to_le_bytes());
    assert_eq!(encode(&first).unwrap(), sealed(written));
}

#[test]
fn every_flipped_bit_is_refused() {
    for bytes in each().map(|artifact| encode(&artifact).unwrap()) {
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[index] ^= 1 << bit;
                assert!(
                    decode(&damaged).is_err(),
                    "bit {bit} of byte {index} was flipped and nobody saw it"
                );
            }
        }
    }
}

#[test]
fn every_cut_is_refused() {
    for bytes in each().map(|artifact| encode(&artifact).unwrap()) {
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
            if length < bytes.len() - 32 {
                let sealed = sealed(bytes[..length].to_vec());
                assert!(
                    decode(&sealed).is_err(),
                    "cut to {length} bytes and sealed again"
                );
            }
        }
    }
}

#[test]
fn another_mark_version_or_size_is_refused() {
    let mut other = content(&houses());
    other[0] = b'X';
    assert_eq!(decode(&sealed(other)), Err(ArtifactError::WrongMagic));

    let mut newer = content(&houses());
    newer[8..10].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
    assert_eq!(
        decode(&sealed(newer)),
        Err(ArtifactError::NewerVersion {
            found: FORMAT_VERSION + 1,
            supported: FORMAT_VERSION
        })
    );

    let large = vec![0; MAX_BYTES + 1];
    assert_eq!(
        decode(&large),
        Err(ArtifactError::TooLarge {
            bytes: MAX_BYTES + 1,
            limit: MAX_BYTES
        })
    );

    let mut longer = content(&houses());
    longer.push(0);
    assert!(matches!(
        decode(&sealed(longer)),
        Err(ArtifactError::Inconsistent(_))
    ));
}

#[test]
fn a_header_that_lies_about_its_numbers_is_refused() {
    for (from, to) in [
        ("\"effects\":3", "\"effects\":4"),
        ("\"effects\":3", "\"effects\":2"),
        ("\"effects\":3", "\"effects\":9"),
        ("\"impute\":1", "\"impute\":7"),
        ("\"algorithm\"", "\"algoritxm\""),
        ("\"kind\":\"numeric\"", "\"kind\":\"pickled\""),
        ("\"Genf\"", "\"Bern\""),
        ("\"rooms\"", "\"area2\""),
    ] {
        let bytes = content(&houses());
        let header_end = 14 + u32::from_le_bytes(bytes[10..14].try_into().unwrap()) as usize;
        let header = String::from_utf8(bytes[14..header_end].to_vec()).unwrap();
        let changed = header.replace(from, to);
        assert_ne!(header, changed, "{from} is not in {header}");
        let mut lying = bytes[..14].to_vec();
        lying.extend_from_slice(changed.as_bytes());
        lying.extend_from_slice(&bytes[header_end..]);
        let read = decode(&sealed(lying));
        if to == "\"area2\"" {
            // An input may have any name: the check above is not one that refuses everything.
            read.unwrap();
        } else {
            read.unwrap_err();
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_on_both_ways() {
    let bytes = content(&houses());
    let numbers = bytes.len() - 8 * 15;
    for index in 0..15 {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut changed = bytes.clone();
            changed[numbers + index * 8..][..8].copy_from_slice(&bad.to_le_bytes());
            assert!(
                matches!(
                    decode(&sealed(changed)),
                    Err(ArtifactError::Inconsistent(_))
                ),
                "number {index} is {bad}"
            );
        }
    }
    encode(&Artifact::linear("y", f64::NAN, Vec::new())).unwrap_err();
}

#[test]
fn parts_that_do_not_fit_are_not_written() {
    let numeric = Transform::Numeric {
        impute: 0.0,
        mean: 0.0,
        std: 1.0,
        coefficient: 1.0,
    };
    let two = Transform::Categorical {
        impute: 0,
        effects: vec![0.0, 1.0],
        other: 0.0,
    };
    let bad = [
        (
            input("a", ColumnType::String, false, Some(&["x"])),
            numeric.clone(),
        ),
        (input("a", ColumnType::Float, false, None), two.clone()),
        (input("a", ColumnType::String, false, None), two.clone()),
        (
            input("a", ColumnType::String, false, Some(&["x"])),
            two.clone(),
        ),
        (
            input("a", ColumnType::Boolean, false, Some(&["true", "false"])),
            two.clone(),
        ),
        (input("", ColumnType::Float, false, None), numeric),
        (
            input("a", ColumnType::Float, false, None),
            Transform::Numeric {
                impute: 0.0,
                mean: 0.0,
                std: 0.0,
                coefficient: 1.0,
            },
        ),
    ];
    for pair in bad {
        let artifact = Artifact::linear("y", 0.0, vec![pair]);
        assert!(
            matches!(encode(&artifact), Err(ArtifactError::Inconsistent(_))),
            "{artifact:?}"
        );
    }
    let mut uneven = houses();
    uneven.body = Body::Linear(Linear {
        intercept: 0.0,
        transforms: Vec::new(),
    });
    encode(&uneven).unwrap_err();
}

proptest! {
    #[test]
    fn any_artifact_survives_the_way(
        intercept in -1e300..1e300f64,
        numbers in proptest::collection::vec((any::<i32>(), 1e-300..1e300f64, -1e300..1e300f64), 0..20),
    ) {
        let inputs = numbers.iter().enumerate().map(|(index, &(mean, std, coefficient))| (
            input(&format!("input \u{1F426}{index}"), ColumnType::Float, index % 2 == 0, None),
            Transform::Numeric { impute: f64::from(mean), mean: f64::from(mean), std, coefficient },
        )).collect();
        let artifact = Artifact::linear("y", intercept, inputs);
        prop_assert_eq!(decode(&encode(&artifact).unwrap()).unwrap(), artifact);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn any_sealed_content_is_read_without_a_panic(index in 0usize..2000, replacement in proptest::collection::vec(any::<u8>(), 1..12)) {
        let mut bytes = content(&houses());
        let index = index % bytes.len();
        let end = (index + replacement.len()).min(bytes.len());
        bytes.splice(index..end, replacement);
        if let Ok(artifact) = decode(&sealed(bytes)) {
            prop_assert!(artifact.check().is_ok());
        }
    }
}
