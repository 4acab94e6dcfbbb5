//! Drawing at random, the same for the same seed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore;

/// A place among so many, each as likely as any other.
pub(super) fn below(random: &mut ChaCha20Rng, count: usize) -> usize {
    ((u128::from(random.next_u64()) * count as u128) >> 64) as usize
}
