//! Partition keys that keep the order of each series: its records go to one shard.

use crate::report::Failure;
use kizashi_models::decode::{Decoder, Mapping};
use kizashi_stream::embedded::PARTITION_KEY_LENGTH_MAX;

/// Gives records the series that they are of as partition key.
pub struct SeriesKeys(Decoder);

impl SeriesKeys {
    /// The series is the text of a field: a name, or a path with dots.
    pub fn new(path: &str) -> Result<Self, Failure> {
        let mapping = Mapping { series: path.to_owned(), ..Mapping::default() };
        Decoder::new(&mapping)
            .map(Self)
            .map_err(|error| Failure::usage(format_args!("--{}: {}", error.key, error.reason)))
    }

    /// The key of a record; empty, so that the service chooses one, where it names no series.
    pub fn of_record(&self, record: &[u8]) -> String {
        self.0.series_key(record).map_or_else(String::new, |series| of_series(&series))
    }
}

/// A series as a partition key, of which it may be too long a text.
pub fn of_series(series: &str) -> String {
    series.chars().take(PARTITION_KEY_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_series_have_one_key_whatever_else_they_say() {
        let keys = SeriesKeys::new("series").unwrap();
        for record in [
            r#"{"series":"a","value":1}"#,
            r#"{"value":NaN,"time":"noon","series":"\u0061"}"#,
            r#"{"series":"a","load":{"series":"b"}}"#,
        ] {
            assert_eq!(keys.of_record(record.as_bytes()), "a", "{record}");
        }
        for record in
            ["", "nonsense", "[1]", "{}", r#"{"series":5}"#, r#"{"series":""}"#, "{\"series\":\"\u{0}"]
        {
            assert_eq!(keys.of_record(record.as_bytes()), "", "{record}");
        }
        let long = format!(r#"{{"series":"{}"}}"#, "ä".repeat(300));
        assert_eq!(keys.of_record(long.as_bytes()), "ä".repeat(256));
    }

    #[test]
    fn the_series_may_stand_elsewhere() {
        let keys = SeriesKeys::new("host.name").unwrap();
        assert_eq!(keys.of_record(br#"{"series":"b","host":{"name":"a"},"load":1}"#), "a");
        let failure = SeriesKeys::new("host..name").err().unwrap().to_string();
        assert!(failure.starts_with("--series: `host..name` is not a path"), "{failure}");
    }
}
