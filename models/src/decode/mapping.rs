//! Where in a record's JSON the series, the time and the values stand.

use super::{DecodeError, Decoded, Interaction, Item};
use crate::observation::{Observation, Values};
use serde::{Deserialize, Serialize};

/// Where in a record's JSON things stand: names of fields, or paths with dots (`host.name`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Key of the series.
    pub series: String,
    /// Time of the observation.
    pub time: String,
    /// Its one value.
    pub value: String,
    /// Its named values, an object.
    pub values: String,
    /// Instead of `value` and `values`: these fields are the named values.
    pub fields: Vec<String>,
    /// Put before every series key.
    pub prefix: String,
    /// User of an interaction.
    pub user: String,
    /// Item of an interaction.
    pub item: String,
    /// What happened in an interaction.
    pub event: String,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            series: "series".into(),
            time: "time".into(),
            value: "value".into(),
            values: "values".into(),
            fields: Vec::new(),
            prefix: String::new(),
            user: "user".into(),
            item: "item".into(),
            event: "event".into(),
        }
    }
}

/// A mapping that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct MappingError {
    /// The key of the mapping.
    pub key: &'static str,
    /// What is wrong with it, and what is allowed.
    pub reason: String,
}

/// A mapping made ready to decode records.
#[derive(Clone, Debug)]
pub struct Decoder {
    mapping: Mapping,
}

impl Decoder {
    /// Checks a mapping.
    ///
    /// # Errors
    /// Names the key that can't be.
    pub fn new(mapping: &Mapping) -> Result<Self, MappingError> {
        Ok(Self { mapping: mapping.clone() })
    }

    /// Decodes a record: one JSON object, or JSON lines, an object a line.
    ///
    /// `sink` is given the number of each line that is not blank, from 0, and what it says or why it
    /// can't be decoded. A bad line stops nothing.
    pub fn decode(&self, bytes: &[u8], sink: &mut dyn FnMut(u32, Result<Decoded, DecodeError>)) {
        let mut start = 0;
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let range = start..start + line.len();
            start += line.len() + 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let result = self.line(line).map_err(|reason| DecodeError { reason, line: range });
            sink(index as u32, result);
        }
    }

    fn line(&self, line: &[u8]) -> Result<Decoded, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let text = |key: &str| object.get(key).and_then(|v| v.as_str()).map(Box::<str>::from);
        let time_ms = object
            .get(&self.mapping.time)
            .and_then(|v| v.as_f64())
            .map(|t| if t < 1e11 { (t * 1000.0) as i64 } else { t as i64 });
        if let Some(series) = text(&self.mapping.series) {
            let values = if let Some(value) = object.get(&self.mapping.value).and_then(|v| v.as_f64()) {
                Values::One(value)
            } else if let Some(values) = object.get(&self.mapping.values).and_then(|v| v.as_object()) {
                let named = values.iter().map(|(k, v)| (k.as_str().into(), v.as_f64().unwrap_or(f64::NAN)));
                Values::Named(named.collect())
            } else {
                return Err(format!("no `{}`: a number is needed", self.mapping.value));
            };
            return Ok(Decoded::Observation(Observation { series, time_ms, values }));
        }
        match (text(&self.mapping.user), text(&self.mapping.item)) {
            (Some(user), Some(item)) => Ok(Decoded::Interaction(Interaction {
                user,
                item,
                event: text(&self.mapping.event).unwrap_or_default(),
                time_ms,
            })),
            (None, Some(item)) => Ok(Decoded::Item(Item { item })),
            _ => Err(format!("no `{}`", self.mapping.series)),
        }
    }
}
