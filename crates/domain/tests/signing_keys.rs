//! Signing keys follow one another without a gap, whenever a process happens to look.

use domain::Timestamp;
use domain::signing_keys::{LEEWAY, PUBLISHED_BEFORE, SigningKey, TOKEN_LIFETIME, next_start};
use proptest::prelude::*;

/// How long each key signs here, in seconds.
const PERIOD: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus_seconds(1_800_000_000 + seconds)
}

/// What a process does each time it looks; the key that it made, if it made one.
fn look(keys: &mut Vec<SigningKey>, now: Timestamp) -> Option<SigningKey> {
    keys.retain(|key| key.verifies_at(now));
    let signs_from = next_start(keys, now)?;
    let key = SigningKey {
        public: [0; 32],
        signs_from,
        signs_until: signs_from.plus_seconds(PERIOD),
    };
    keys.push(key);
    Some(key)
}

proptest! {
    #[test]
    fn one_that_looks_in_time_always_has_a_key_that_was_published_before(
        pauses in prop::collection::vec(1..PUBLISHED_BEFORE, 1..2000)
    ) {
        let mut keys = Vec::new();
        let mut now = 0;
        prop_assert!(look(&mut keys, at(now)).is_some_and(|first| first.signs_at(at(now))));
        for pause in pauses {
            for second in [now + 1, now + pause / 2, now + pause] {
                prop_assert!(keys.iter().any(|key| key.signs_at(at(second))));
            }
            now += pause;
            if let Some(made) = look(&mut keys, at(now)) {
                prop_assert!(made.signs_from > at(now));
                let signing = keys.iter().filter(|key| key.signs_at(made.signs_from));
                prop_assert_eq!(signing.count(), 1, "the old key stops when the new one begins");
            }
            prop_assert!(keys.len() <= 2, "{} keys at once", keys.len());
            prop_assert_eq!(next_start(&keys, at(now)), None, "a second look makes nothing");
        }
    }

    #[test]
    fn one_that_was_away_can_sign_as_soon_as_it_looks(pauses in prop::collection::vec(1..3 * PERIOD, 1..200)) {
        let mut keys = Vec::new();
        let mut now = 0;
        for pause in pauses {
            look(&mut keys, at(now));
            prop_assert!(keys.iter().any(|key| key.signs_at(at(now))));
            now += pause;
        }
    }

    #[test]
    fn a_key_is_known_until_its_last_token_has_expired(signed in 0..PERIOD, later in 0..2 * TOKEN_LIFETIME) {
        let key = SigningKey { public: [0; 32], signs_from: at(0), signs_until: at(PERIOD) };
        prop_assert!(key.signs_at(at(signed)));
        let expired = later > TOKEN_LIFETIME + LEEWAY;
        prop_assert!(key.verifies_at(at(signed + later)) || expired);
    }
}

#[test]
fn a_key_that_only_begins_later_does_not_help_now() {
    let later = SigningKey {
        public: [0; 32],
        signs_from: at(60),
        signs_until: at(PERIOD),
    };
    assert_eq!(next_start(&[later], at(0)), Some(at(0)));
    assert_eq!(next_start(&[later], at(60)), None);
    assert!(later.verifies_at(at(0)), "other clocks may be ahead");
    let end = PERIOD + TOKEN_LIFETIME + LEEWAY;
    assert!(later.verifies_at(at(end)) && !later.verifies_at(at(end + 1)));
}
