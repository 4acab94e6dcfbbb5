//! The body of an imported model: the length of its ONNX file (4 bytes) and the file, as it was sent.

use domain::models::Signature;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Reader;
use crate::artifact::{ArtifactError, Onnx, Wiring};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) params: Map<String, Json>,
    pub(super) signature: Signature,
    pub(super) wiring: Wiring,
}

pub(super) fn write(onnx: &Onnx, out: &mut Vec<u8>) -> Wiring {
    out.extend_from_slice(&(onnx.file().len() as u32).to_le_bytes());
    out.extend_from_slice(onnx.file());
    onnx.wiring().clone()
}

/// The file is read and checked as when it was imported: what is served has passed that.
pub(super) fn read(wiring: Wiring, reader: &mut Reader<'_>) -> Result<Onnx, ArtifactError> {
    let length = reader.length("in its file's length")?;
    let file = reader.take(length, "in its file")?;
    Onnx::read(file, wiring).map_err(|refused| {
        ArtifactError::Inconsistent(format!("its ONNX file can not be run: {refused}"))
    })
}
