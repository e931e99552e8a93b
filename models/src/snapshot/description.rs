//! What a snapshot says of itself.

use super::header::check_name;
use super::{SnapshotError, canonical_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of the format that is written and read.
pub const FORMAT: u64 = 1;

/// What a snapshot says of itself, in the metadata of its file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The command or program that wrote it. No time and no version stand here, so that what is made again is
    /// the same.
    pub created_by: String,
    /// What is worth knowing of how it came to be, such as the data of a training. Nothing is read from it. Its
    /// numbers are whole; others are tensors.
    pub facts: Map<String, Value>,
    /// What the snapshot is for, such as `detector`.
    pub kind: String,
    /// Name and version of the method that the tensors are for.
    pub method: String,
}

impl Description {
    /// Reads canonical JSON.
    pub(super) fn parse(text: &str) -> Result<Self, SnapshotError> {
        let Value::Object(mut object) = canonical_json::parse(text).map_err(SnapshotError::description)?
        else {
            return Err(SnapshotError::Description("an object is wanted".into()));
        };
        // The version first: another one may have any other keys.
        match object.remove("format") {
            Some(Value::Number(number)) if number.as_u64() == Some(FORMAT) => {}
            Some(found) => return Err(SnapshotError::format(&found)),
            None => return Err(SnapshotError::Description("missing field `format`".into())),
        }
        let description =
            Description::deserialize(Value::Object(object)).map_err(SnapshotError::description)?;
        check_name("kind", &description.kind)?;
        check_name("method", &description.method)?;
        Ok(description)
    }

    /// Canonical JSON.
    pub(super) fn write(&self) -> Result<String, SnapshotError> {
        let mut value = serde_json::to_value(self).map_err(SnapshotError::description)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("format".into(), FORMAT.into());
        }
        canonical_json::write(&value).map_err(SnapshotError::description)
    }
}
