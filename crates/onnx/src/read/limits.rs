//! How large a model may be.

/// The most bytes of a file.
pub(crate) const MAX_BYTES: usize = 128 << 20;

/// The most bytes of all initializers together, as they are held.
pub(super) const TENSOR_BYTES: usize = 64 << 20;

pub(super) const NODES: usize = 20_000;
pub(super) const ATTRIBUTES: usize = 400_000;
pub(super) const INITIALIZERS: usize = 100_000;
/// Names, texts in lists, dimensions of inputs.
pub(super) const PIECES: usize = 8 << 20;
pub(super) const INPUTS: usize = 4096;
pub(super) const OUTPUTS: usize = 64;
