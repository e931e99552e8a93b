//! How much a put may hold: the limits of Kinesis.

use crate::api::{PutRecord, Result, StreamError};

/// Records of a PutRecords.
pub const PUT_RECORDS_MAX: usize = 500;
/// Characters of a partition key.
pub const PARTITION_KEY_LENGTH_MAX: usize = 256;
/// Records of a re-keyed put. The route worker isn't bound by what the API allows a client.
pub const PUT_SEQUENCED_RECORDS_MAX: usize = 10_000;
/// Bytes of a re-keyed put, partition keys included.
pub const PUT_SEQUENCED_BYTES_MAX: usize = 16 << 20;
/// Hours that a stream keeps records unless set.
pub const RETENTION_HOURS_DEFAULT: u32 = 24;
/// The most hours that can be set: a year.
pub const RETENTION_HOURS_MAX: u32 = 8760;

/// The limits on sizes, which Kinesis has raised once.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of a record, partition key included.
    pub record_bytes_max: usize,
    /// Bytes of a PutRecords, partition keys included.
    pub put_bytes_max: usize,
}

impl Sizes {
    /// 1 MiB a record and 5 MiB a put, or, where `large`, 10 MiB both.
    pub fn new(large: bool) -> Self {
        if large {
            Self { record_bytes_max: 10 << 20, put_bytes_max: 10 << 20 }
        } else {
            Self { record_bytes_max: 1 << 20, put_bytes_max: 5 << 20 }
        }
    }

    /// Checks a PutRecords.
    pub fn check_put(&self, records: &[PutRecord]) -> Result<()> {
        check_all(records.iter(), records.len(), PUT_RECORDS_MAX, self.record_bytes_max, self.put_bytes_max)
    }

    /// Checks the records of a re-keyed put.
    pub fn check_sequenced<'a>(&self, records: impl ExactSizeIterator<Item = &'a PutRecord>) -> Result<()> {
        let count = records.len();
        let (records_max, bytes_max) = (PUT_SEQUENCED_RECORDS_MAX, PUT_SEQUENCED_BYTES_MAX);
        check_all(records, count, records_max, self.record_bytes_max, bytes_max)
    }
}

fn check_all<'a>(
    records: impl Iterator<Item = &'a PutRecord>,
    count: usize,
    records_max: usize,
    record_bytes_max: usize,
    bytes_max: usize,
) -> Result<()> {
    let refuse = |reason: String| Err(StreamError::InvalidArgument(reason));
    if !(1..=records_max).contains(&count) {
        return refuse(format!("Records: {count} were given, a put takes 1 to {records_max}"));
    }
    let mut bytes_total = 0;
    for (i, record) in records.enumerate() {
        let key = &record.partition_key;
        // The count of bytes is a bound of the count of characters, and is at hand.
        if key.is_empty()
            || key.len() > PARTITION_KEY_LENGTH_MAX && key.chars().count() > PARTITION_KEY_LENGTH_MAX
        {
            let length = key.chars().count();
            return refuse(format!(
                "Records[{i}].PartitionKey has {length} characters, it takes 1 to {PARTITION_KEY_LENGTH_MAX}"
            ));
        }
        let bytes = key.len() + record.data.len();
        if bytes > record_bytes_max {
            return refuse(format!(
                "Records[{i}] has {bytes} bytes with its partition key, a record takes at most \
                 {record_bytes_max}"
            ));
        }
        bytes_total += bytes;
    }
    if bytes_total > bytes_max {
        return refuse(format!(
            "Records have {bytes_total} bytes with their partition keys, a put takes at most {bytes_max}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, bytes: usize) -> PutRecord {
        PutRecord { partition_key: key.into(), explicit_hash_key: None, data: vec![0; bytes].into() }
    }

    #[test]
    fn the_limits_are_those_of_kinesis() {
        let sizes = Sizes::new(false);
        assert!(sizes.check_put(&[record("k", (1 << 20) - 1)]).is_ok());
        assert!(sizes.check_put(&vec![record("k", 9); 500]).is_ok());
        assert!(sizes.check_put(&[record(&"ü".repeat(256), 0)]).is_ok());
        for refused in [
            vec![],
            vec![record("k", 9); 501],
            vec![record("k", 1 << 20)],
            vec![record("", 1)],
            vec![record(&"k".repeat(257), 1)],
            vec![record("k", 1_000_000); 6],
        ] {
            assert_eq!(sizes.check_put(&refused).unwrap_err().code(), "InvalidArgumentException");
        }
        assert!(Sizes::new(true).check_put(&[record("k", (10 << 20) - 1)]).is_ok());
        assert!(Sizes::new(true).check_put(&[record("k", 11 << 20)]).is_err());
    }
}
