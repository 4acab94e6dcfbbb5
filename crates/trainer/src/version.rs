/// Which trainer this is, on which kind of processor: of the same table and spec, the same one makes the same artifact, bit by bit.
/// Another one may make other bits: its sums may be in another order, or its processor multiply and add in one step.
#[must_use]
pub fn version() -> String {
    format!(
        "{}+{} {}{}",
        env!("CARGO_PKG_VERSION"),
        env!("TRAINER_HASH"),
        std::env::consts::ARCH,
        if is_fused() { " fma" } else { "" }
    )
}

/// Whether products of matrices are computed in fused steps, which round once instead of twice.
#[cfg(target_arch = "x86_64")]
fn is_fused() -> bool {
    std::arch::is_x86_feature_detected!("fma") && std::arch::is_x86_feature_detected!("avx")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_fused() -> bool {
    false
}
