//! Which arm a request goes to: a pure function of the deployment and the routing key, so that the same caller
//! stays on the same arm, in every process, without shared state.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A point in `[0, 1)`, uniform over routing keys and independent between deployments. `salt` is a deployment's own.
#[must_use]
pub fn position(salt: u64, routing_key: &[u8]) -> f64 {
    // 53 bits: every value is exact in an f64.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    let bits = (xxh3_64_with_seed(routing_key, salt) >> 11) as f64;
    bits / (1_u64 << 53) as f64
}

/// Whether the request goes to the canary. `weight` is in per cent, 0 to 100.
#[must_use]
pub fn is_canary(salt: u64, routing_key: &[u8], weight: f64) -> bool {
    position(salt, routing_key) * 100.0 < weight
}

/// The salt of a deployment, from its id.
#[must_use]
pub fn salt(deployment: crate::ids::DeploymentId) -> u64 {
    xxh3_64_with_seed(deployment.0.as_bytes(), 0)
}
