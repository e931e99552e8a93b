//! The header of the file: where each tensor lies, checked to be the one form that it may have.

use super::{SnapshotError, element};
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::BTreeMap;

/// Most bytes of a snapshot.
pub const BYTES_MAX: usize = 64 << 20;
/// Most bytes of its header, and so what reading one may take in memory; about ten thousand tensors.
pub const HEADER_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a name.
pub(super) const NAME_BYTES_MAX: usize = 128;
/// Our key among the file's metadata.
pub(super) const KEY: &str = "kizashi";

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    description: String,
}

impl Header {
    /// The text under our key of the metadata.
    pub(super) fn description(&self) -> &str {
        &self.description
    }
}

/// Takes the header off a file; behind it is the data, which the tensors cover without hole or overlap.
pub(super) fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), SnapshotError> {
    if bytes.len() > BYTES_MAX {
        return Err(SnapshotError::Bytes);
    }
    if let Some(length) = bytes.first_chunk() {
        let length = u64::from_le_bytes(*length);
        if length > HEADER_BYTES_MAX as u64 {
            return Err(SnapshotError::HeaderBytes(length));
        }
    }
    let (length, metadata) = SafeTensors::read_metadata(bytes).map_err(SnapshotError::form)?;
    let (text, data) = bytes[8..].split_at(length);
    let description = match metadata.metadata() {
        Some(keys) if keys.len() == 1 => keys.get(KEY),
        _ => None,
    };
    let description = description.ok_or(SnapshotError::NoDescription)?.clone();
    let names = metadata.offset_keys();
    check_tensors(&metadata, &names)?;
    check_text(&metadata, text)?;
    let tensors = names
        .into_iter()
        .filter_map(|name| {
            let info = metadata.info(&name)?.clone();
            Some((name, info))
        })
        .collect();
    Ok((Header { tensors, description }, data))
}

/// Whether `what` may have this name: names are shown in errors and typed in other languages.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), SnapshotError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(SnapshotError::name(what, name))
}

/// Checks names, in the order of the data, and that this is the order that tensors are to have: the widest
/// type first, for alignment, then by name.
fn check_tensors(metadata: &Metadata, names: &[String]) -> Result<(), SnapshotError> {
    let mut before = None;
    for name in names {
        let info = metadata.info(name).expect("the name of a tensor");
        check_name("tensor", name)?;
        if info.shape.contains(&0) {
            return Err(SnapshotError::Tensor {
                name: name.clone(),
                found: element::shown(info.dtype, &info.shape),
                wanted: "one with values".into(),
            });
        }
        if before.is_some_and(|(dtype, other): (_, &String)| {
            dtype < info.dtype || (dtype == info.dtype && other >= name)
        }) {
            return Err(SnapshotError::NotCanonical("the tensors are not sorted by type and name"));
        }
        before = Some((info.dtype, name));
    }
    Ok(())
}

/// Compares the header's text with what would be written for what it says: there are no spaces but at the end,
/// no key is there twice, no character is escaped without need.
fn check_text(metadata: &Metadata, text: &[u8]) -> Result<(), SnapshotError> {
    let mut wanted = serde_json::to_vec(metadata).map_err(SnapshotError::form)?;
    wanted.resize(wanted.len().next_multiple_of(8), b' ');
    if wanted != text {
        return Err(SnapshotError::NotCanonical(
            "the header differs from what the safetensors package writes",
        ));
    }
    Ok(())
}
