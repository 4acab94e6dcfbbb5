use domain::Timestamp;
use domain::ids::DeploymentId;
use domain::routing::{is_canary, position, salt};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_position_is_fixed_and_within_its_range(salt in any::<u64>(), key in proptest::collection::vec(any::<u8>(), 0..200)) {
        let here = position(salt, &key);
        prop_assert!((0.0..1.0).contains(&here));
        prop_assert_eq!(here.to_bits(), position(salt, &key).to_bits());
    }

    /// Raising the weight moves callers to the canary and none back.
    #[test]
    fn a_higher_weight_keeps_who_is_there(salt in any::<u64>(), key in any::<[u8; 16]>(), low in 0.0..=100.0_f64, more in 0.0..=100.0_f64) {
        let high = (low + more).min(100.0);
        prop_assert!(!is_canary(salt, &key, low) || is_canary(salt, &key, high));
        prop_assert!(!is_canary(salt, &key, 0.0));
        prop_assert!(is_canary(salt, &key, 100.0));
    }

    /// The share of callers is the weight: within five standard deviations of a binomial.
    #[test]
    fn the_share_is_the_weight(salt in any::<u64>(), weight in 0.0..=100.0_f64) {
        const CALLERS: u32 = 4000;
        let canary = (0..CALLERS).filter(|caller| is_canary(salt, &caller.to_le_bytes(), weight)).count() as f64;
        let share = weight / 100.0;
        let expected = f64::from(CALLERS) * share;
        let deviation = (f64::from(CALLERS) * share * (1.0 - share)).sqrt();
        prop_assert!((canary - expected).abs() <= 5.0 * deviation + 1.0, "{canary} of {CALLERS} at {weight} %");
    }

    /// Who is on the canary of one deployment says nothing about another.
    #[test]
    fn deployments_are_independent(a in any::<u64>(), b in any::<u64>()) {
        prop_assume!(a != b);
        const CALLERS: u32 = 4000;
        let both = (0..CALLERS).map(u32::to_le_bytes).filter(|key| is_canary(a, key, 50.0) && is_canary(b, key, 50.0)).count() as f64;
        prop_assert!((both - 1000.0).abs() < 5.0 * 28.0, "{both} of {CALLERS} on both");
    }
}

#[test]
fn the_salt_is_the_deployments_own() {
    let now = Timestamp::from_unix_seconds(1_700_000_000).unwrap();
    let (one, other) = (DeploymentId::at(now), DeploymentId::at(now));
    assert_eq!(salt(one), salt(one));
    assert_ne!(salt(one), salt(other));
}
