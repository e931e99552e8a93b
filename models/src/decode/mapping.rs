//! Where in a record's JSON the series, the time and the values stand.

use crate::observation::FIELDS_MAX;
use serde::{Deserialize, Serialize};

/// Longest path or prefix of a mapping, in bytes.
const PATH_BYTES_MAX: usize = 512;

/// Where in a record's JSON things stand: names of fields, or paths with dots (`host.name`).
///
/// A record with a series is an observation, one with a user and an item an interaction, one with an item
/// alone an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Key of the series, a text.
    pub series: String,
    /// Time of the observation: RFC 3339, or seconds (below 1e11) or milliseconds since 1970. It may be missing.
    pub time: String,
    /// Its one value, a number.
    pub value: String,
    /// Its named values, an object of numbers.
    pub values: String,
    /// Instead of `value` and `values`: these fields are the named values, each under its path. A record
    /// needs at least one of them.
    pub fields: Vec<String>,
    /// Put before every series key, to keep the series of streams apart.
    pub prefix: String,
    /// User of an interaction.
    pub user: String,
    /// Item of an interaction, or the item alone.
    pub item: String,
    /// What happened in an interaction. It may be missing.
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

impl Mapping {
    /// Checks every key.
    ///
    /// # Errors
    /// Names the first key that can't be.
    pub fn validate(&self) -> Result<(), MappingError> {
        let single = [
            ("series", &self.series),
            ("time", &self.time),
            ("value", &self.value),
            ("values", &self.values),
            ("user", &self.user),
            ("item", &self.item),
            ("event", &self.event),
        ];
        for (key, path) in single.into_iter().chain(self.fields.iter().map(|path| ("fields", path))) {
            check_path(key, path)?;
        }
        if self.fields.len() > FIELDS_MAX {
            let reason = format!("{} fields; at most {FIELDS_MAX} are allowed", self.fields.len());
            return Err(MappingError { key: "fields", reason });
        }
        for (at, path) in self.fields.iter().enumerate() {
            if self.fields[..at].contains(path) {
                return Err(MappingError { key: "fields", reason: format!("`{path}` stands there twice") });
            }
        }
        if self.prefix.len() > PATH_BYTES_MAX {
            let reason = format!("{} bytes; at most {PATH_BYTES_MAX} are allowed", self.prefix.len());
            return Err(MappingError { key: "prefix", reason });
        }
        Ok(())
    }
}

fn check_path(key: &'static str, path: &str) -> Result<(), MappingError> {
    let reason = if path.len() > PATH_BYTES_MAX {
        format!("{} bytes; at most {PATH_BYTES_MAX} are allowed", path.len())
    } else if path.split('.').any(str::is_empty) {
        format!("`{path}` is not a path; it is names of fields with dots between them, such as `host.name`")
    } else {
        return Ok(());
    };
    Err(MappingError { key, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_allowed_and_what_an_empty_table_gives() {
        assert_eq!(Mapping::default().validate(), Ok(()));
        assert_eq!(serde_json::from_str::<Mapping>("{}").unwrap(), Mapping::default());
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = serde_json::from_str::<Mapping>(r#"{"serie": "host"}"#).unwrap_err();
        assert!(error.to_string().contains("serie"), "{error}");
    }

    #[test]
    fn an_error_names_the_key() {
        let bad = |change: fn(&mut Mapping)| {
            let mut mapping = Mapping::default();
            change(&mut mapping);
            mapping.validate().unwrap_err().to_string()
        };
        assert!(bad(|m| m.series.clear()).starts_with("series: `` is not a path"));
        assert!(bad(|m| m.time = "a..b".into()).starts_with("time: `a..b` is not a path"));
        assert!(
            bad(|m| m.fields = vec!["a".into(), "a".into()]).starts_with("fields: `a` stands there twice")
        );
        assert!(bad(|m| m.fields = vec!["a".into(); 257]).starts_with("fields: 257 fields"));
        assert!(bad(|m| m.prefix = "x".repeat(513)).starts_with("prefix: 513 bytes"));
    }
}
