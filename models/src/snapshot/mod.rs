//! Snapshots: immutable sets of trained parameters, each named by the SHA-256 of its bytes.
//!
//! A snapshot is a [safetensors](https://github.com/huggingface/safetensors) file whose metadata has one key,
//! `kizashi`, with a [`Description`] as canonical JSON (RFC 8785). It has one form: the same content gives the
//! same bytes, and a file in another form is refused, so a content has one id. Nothing here reads a file: the
//! bytes may be read, memory-mapped or embedded, and a [`Snapshot`] borrows them.

mod canonical_json;
mod description;
pub mod detector;
mod draft;
mod element;
mod error;
mod header;

pub use description::{Description, FORMAT};
pub use draft::Draft;
pub use element::Element;
pub use error::SnapshotError;
pub use header::{BYTES_MAX, HEADER_BYTES_MAX};

use header::Header;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The bytes of `models/default.snapshot`, which scores where no other is configured.
pub const DEFAULT: &[u8] = include_bytes!("../../default.snapshot");

/// A snapshot that was checked, over bytes that someone else holds.
#[derive(Debug)]
pub struct Snapshot<'a> {
    id: [u8; 32],
    description: Description,
    header: Header,
    data: &'a [u8],
}

impl<'a> Snapshot<'a> {
    /// Checks `bytes` and reads what describes them; the values of tensors stay where they are.
    ///
    /// # Errors
    /// Where they are too many, not a safetensors file, not in the canonical form, or described in a format
    /// that this version doesn't know.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let (header, data) = header::parse(bytes)?;
        let description = Description::parse(header.description())?;
        Ok(Snapshot { id: Sha256::digest(bytes).into(), description, header, data })
    }

    /// SHA-256 of the bytes. Alerts name it.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The id in hexadecimal, 64 digits: the name of the file.
    pub fn name(&self) -> String {
        self.id.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Checks the name that the snapshot goes by: 64 hexadecimal digits claim to be its id, any other name
    /// claims nothing.
    ///
    /// # Errors
    /// Where the name is another id: the bytes are not those that were written under it.
    pub fn check_name(&self, name: &str) -> Result<(), SnapshotError> {
        let is_id = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id && !name.eq_ignore_ascii_case(&self.name()) {
            return Err(SnapshotError::Id { found: self.name(), wanted: name.into() });
        }
        Ok(())
    }

    /// What the snapshot says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The tensors, by name, each with type and shape as text, such as `F64 [3, 2]`.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, String)> {
        self.header
            .tensors
            .iter()
            .map(|(name, info)| (name.as_str(), element::shown(info.dtype, &info.shape)))
    }

    /// The values of a tensor, the last dimension running fastest; none of the shape's dimensions is 0, and an
    /// empty shape is one value.
    ///
    /// # Errors
    /// Where there is no tensor of this name, or it has another type or shape.
    pub fn tensor<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>, SnapshotError> {
        let wanted = || element::shown(T::DTYPE, shape);
        let Some(info) = self.header.tensors.get(name) else {
            return Err(SnapshotError::Missing { name: name.into(), wanted: wanted() });
        };
        if info.dtype != T::DTYPE || info.shape != shape {
            let found = element::shown(info.dtype, &info.shape);
            return Err(SnapshotError::Tensor { name: name.into(), found, wanted: wanted() });
        }
        let (start, end) = info.data_offsets;
        Ok(element::read(&self.data[start..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::{Dtype, TensorView};
    use serde_json::json;

    fn draft() -> Draft {
        let Ok(facts) = serde_json::from_value(json!({"series": 1000, "data": "generated, seed 7"})) else {
            panic!("the facts are an object")
        };
        Draft::new(Description {
            created_by: "a test".into(),
            facts,
            kind: "example".into(),
            method: "example/1".into(),
        })
    }

    const WEIGHTS: [f32; 6] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0];

    fn written() -> Vec<u8> {
        let draft = draft().tensor("weights", &[2, 3], &WEIGHTS);
        draft.tensor("scale", &[], &[1e-300_f64]).tensor("bias", &[2], &[f64::NAN, -0.0]).write().unwrap()
    }

    /// A file that another program could write: one description, one tensor of eight bytes.
    fn foreign(description: &str, name: &str) -> Vec<u8> {
        let values = 1.0_f64.to_le_bytes();
        let tensor = TensorView::new(Dtype::F64, vec![], &values).unwrap();
        let metadata = [("kizashi".to_owned(), description.to_owned())].into_iter().collect();
        safetensors::serialize([(name, tensor)], Some(metadata)).unwrap()
    }

    /// A file with this header.
    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        let padded = format!("{header:<width$}", width = header.len().next_multiple_of(8));
        [&(padded.len() as u64).to_le_bytes(), padded.as_bytes(), data].concat()
    }

    fn refusal(bytes: &[u8]) -> String {
        Snapshot::parse(bytes).unwrap_err().to_string()
    }

    const DESCRIPTION: &str =
        r#"{"created_by":"x","facts":{},"format":1,"kind":"example","method":"example/1"}"#;

    #[test]
    fn what_was_written_is_read_bit_for_bit() {
        let bytes = written();
        let snapshot = Snapshot::parse(&bytes).unwrap();
        assert_eq!(snapshot.description().facts["series"], 1000);
        assert_eq!(snapshot.tensor::<f32>("weights", &[2, 3]).unwrap(), WEIGHTS);
        let bias = snapshot.tensor::<f64>("bias", &[2]).unwrap();
        assert_eq!(
            bias.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            [f64::NAN.to_bits(), (-0.0_f64).to_bits()]
        );
        let names: Vec<_> = snapshot.tensors().collect();
        assert_eq!(
            names,
            [
                ("bias", "F64 [2]".to_owned()),
                ("scale", "F64 []".to_owned()),
                ("weights", "F32 [2, 3]".to_owned())
            ]
        );
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_order_of_writing_and_never_change() {
        let bytes = written();
        let other = draft().tensor("bias", &[2], &[f64::NAN, -0.0]).tensor("scale", &[], &[1e-300_f64]);
        assert_eq!(other.tensor("weights", &[2, 3], &WEIGHTS).write().unwrap(), bytes);
        // Also guards against a version of the safetensors crate that would write otherwise.
        let header = concat!(
            r#"{"__metadata__":{"kizashi":"{\"created_by\":\"a test\",\"facts\":{\"data\":\"generated, seed 7\","#,
            r#"\"series\":1000},\"format\":1,\"kind\":\"example\",\"method\":\"example/1\"}"},"#,
            r#""bias":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"#,
            r#""scale":{"dtype":"F64","shape":[],"data_offsets":[16,24]},"#,
            r#""weights":{"dtype":"F32","shape":[2,3],"data_offsets":[24,48]}}"#,
        );
        assert_eq!(String::from_utf8_lossy(&bytes[8..bytes.len() - 48]).trim_end(), header);
    }

    #[test]
    fn a_tensor_of_another_name_type_or_shape_is_told_with_what_was_wanted() {
        let bytes = written();
        let snapshot = Snapshot::parse(&bytes).unwrap();
        let refused =
            |name: &str, shape: &[usize]| snapshot.tensor::<f64>(name, shape).unwrap_err().to_string();
        assert_eq!(refused("slope", &[]), "tensor `slope` is missing; F64 [] is wanted");
        assert_eq!(refused("bias", &[3]), "tensor `bias` is F64 [2]; F64 [3] is wanted");
        assert_eq!(refused("weights", &[2, 3]), "tensor `weights` is F32 [2, 3]; F64 [2, 3] is wanted");
    }

    #[test]
    fn a_name_that_is_an_id_has_to_be_its_own() {
        let bytes = written();
        let snapshot = Snapshot::parse(&bytes).unwrap();
        for name in [snapshot.name().as_str(), &snapshot.name().to_uppercase(), "monday", ""] {
            assert_eq!(snapshot.check_name(name), Ok(()), "{name}");
        }
        let other = "0".repeat(64);
        let error = snapshot.check_name(&other).unwrap_err().to_string();
        assert!(error.contains(&other) && error.contains(&snapshot.name()), "{error}");
    }

    #[test]
    fn a_file_that_is_no_snapshot_is_refused() {
        assert!(refusal(b"").starts_with("not a safetensors file: "), "{}", refusal(b""));
        let huge = [(HEADER_BYTES_MAX as u64 + 1).to_le_bytes().as_slice(), b"{}"].concat();
        assert!(refusal(&huge).starts_with("not a snapshot, or a damaged one: "), "{}", refusal(&huge));
        assert!(refusal(&huge).contains("has 1048577 bytes"), "{}", refusal(&huge));
        let end = refusal(&with_header(r#"{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#, &[0; 9]));
        assert!(end.starts_with("not a safetensors file: "), "{end}");
        let none = with_header(r#"{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#, &[0; 8]);
        assert!(refusal(&none).starts_with("the metadata has no key `kizashi`"), "{}", refusal(&none));
        let overflow =
            format!(r#"{{"a":{{"dtype":"F64","shape":[{0},{0}],"data_offsets":[0,8]}}}}"#, usize::MAX);
        assert!(refusal(&with_header(&overflow, &[0; 8])).contains("overflow"));
        let hole = concat!(
            r#"{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"#,
            r#""b":{"dtype":"F64","shape":[],"data_offsets":[16,24]}}"#
        );
        assert_eq!(
            refusal(&with_header(hole, &[0; 24])),
            "not a safetensors file: invalid offset for tensor `b`"
        );
        let overlap = hole.replace("[16,24]", "[4,12]");
        assert!(refusal(&with_header(&overlap, &[0; 12])).contains("invalid offset for tensor `b`"));
    }

    #[test]
    fn a_file_in_another_form_is_refused() {
        let canonical = foreign(DESCRIPTION, "a");
        assert!(Snapshot::parse(&canonical).is_ok());
        let length = canonical.len() - 16;
        let header = std::str::from_utf8(&canonical[8..8 + length]).unwrap().trim_end();
        let data = &canonical[8 + length..];
        let spaced = with_header(&header.replace(r#""a":"#, r#""a": "#), data);
        assert!(refusal(&spaced).contains("canonical form"), "{}", refusal(&spaced));
        let tensor = r#","a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}"#;
        let twice = with_header(&header.replace(tensor, &tensor.repeat(2)), data);
        assert!(refusal(&twice).contains("canonical form"), "{}", refusal(&twice));
        let unpadded = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
        assert_ne!(header.len() % 8, 0);
        assert!(refusal(&unpadded).contains("canonical form"), "{}", refusal(&unpadded));
        let empty = header.replace(tensor, r#","a":{"dtype":"F64","shape":[0],"data_offsets":[0,0]}"#);
        assert_eq!(refusal(&with_header(&empty, b"")), "tensor `a` is F64 [0]; one with values is wanted");
        let unsorted = header.replace(
            tensor,
            concat!(
                r#","b":{"dtype":"F64","shape":[],"data_offsets":[0,8]}"#,
                r#","a":{"dtype":"F64","shape":[],"data_offsets":[8,16]}"#
            ),
        );
        assert!(refusal(&with_header(&unsorted, &[0; 16])).contains("canonical form"));
        assert!(refusal(&foreign(DESCRIPTION, "ä")).contains("`ä`"));
    }

    #[test]
    fn a_description_of_another_version_or_form_is_refused() {
        let with = |from: &str, to: &str| refusal(&foreign(&DESCRIPTION.replace(from, to), "a"));
        assert_eq!(
            with("\"format\":1", "\"format\":2"),
            "the snapshot is of format 2; this version of kizashi reads format 1"
        );
        let spaced = with(",", ", ");
        assert!(spaced.contains("not canonical JSON") && spaced.contains("byte 18"), "{spaced}");
        assert!(with("\"facts\":{}", "\"facts\":{\"loss\":0.25}").contains("0.25 is not a whole number"));
        let missing = with(",\"kind\":\"example\"", "");
        assert!(missing.contains("missing field `kind`"), "{missing}");
        assert!(with("\"kind\"", "\"kin\"").contains("unknown field `kin`"));
        let named = with("example/1", "\\u001b[2J");
        assert!(named.contains("method: `\u{fffd}[2J` is not a name"), "{named}");
    }
}
