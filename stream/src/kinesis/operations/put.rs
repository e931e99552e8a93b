//! PutRecord and PutRecords.

use crate::{
    api::{self, StreamError},
    kinesis::{
        error::{ACCOUNT, ApiError},
        operation::{Answer, Invocation, own_stream_of, validate_stream},
        validation::Validation,
        wire::{
            Encoder,
            scalar::{Blob, List, Text},
            structure,
        },
    },
    sequence::SequenceNumber,
};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// Records of one request.
const RECORDS_MAX: usize = 500;

structure! {
    PutRecordRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "Data" => data: Blob<'a>,
        "PartitionKey" => partition_key: Text<'a>,
        "ExplicitHashKey" => explicit_hash_key: Text<'a>,
        "SequenceNumberForOrdering" => sequence_number_for_ordering: Text<'a>,
    }
}

/// Puts one record; answers when it is durable.
pub(in crate::kinesis) async fn put_record(mut invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let (stream, record) = {
        let request: PutRecordRequest<'_> = invocation.decode()?;
        let entry = Entry {
            data: request.data,
            partition_key: request.partition_key,
            explicit_hash_key: request.explicit_hash_key,
            ..Entry::default()
        };
        let mut validation = Validation::new();
        if let Some(sequence) = &request.sequence_number_for_ordering {
            validation.decimal(sequence, "sequenceNumberForOrdering", 129);
        }
        entry.validate(&mut validation, &"", invocation.endpoint.options.record_bytes_max);
        validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
        validation.finish().inspect_err(|error| {
            report(&invocation, &request.stream_name, &request.stream_arn, error, 1);
        })?;
        let stream = own_stream_of(&request.stream_name, &request.stream_arn)?.to_owned();
        // Sequence numbers only grow within a shard, so the order that is asked for holds already.
        if let Some(sequence) = &request.sequence_number_for_ordering
            && sequence.parse::<SequenceNumber>().is_err()
        {
            return Err(ApiError::invalid_argument(format!(
                "ExclusiveMinimumSequenceNumber {} used in PutRecord on stream {stream} under account {ACCOUNT} is \
                 invalid.",
                &**sequence
            )));
        }
        (stream, take_records(&[Some(entry)])?)
    };
    invocation.body = Vec::new();
    let put = invocation.streams().put_records(&stream, record).await;
    let outcome = put.and_then(|mut outcomes| outcomes.pop().expect("one outcome a record"));
    let placed = outcome.map_err(|error| ApiError::of_stream(error, &stream))?;
    let mut encoder = Encoder::new(invocation.format(), 160);
    encoder.structure(|answer| encode_placed(answer, &placed));
    Ok(encoder.finish().into())
}

structure! {
    PutRecordsRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "Records" => records: List<Entry<'a>, RECORDS_MAX>,
    }
}

structure! {
    /// A record as it is sent.
    Entry<'a> {
        "Data" => data: Blob<'a>,
        "PartitionKey" => partition_key: Text<'a>,
        "ExplicitHashKey" => explicit_hash_key: Text<'a>,
    }
}

/// Puts up to 500 records; answers when those that were taken are durable, and says of each what became of it.
pub(in crate::kinesis) async fn put_records(mut invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let (stream, records) = {
        let request: PutRecordsRequest<'_> = invocation.decode()?;
        let mut validation = Validation::new();
        validation.present(&request.records, "records");
        let elements = match &request.records {
            Some(records) => {
                validate_count(&mut validation, records.count);
                records.elements.as_slice()
            }
            None => &[],
        };
        let record_bytes_max = invocation.endpoint.options.record_bytes_max;
        for (index, entry) in elements.iter().enumerate() {
            match entry {
                Some(entry) => entry.validate(&mut validation, &Member(index), record_bytes_max),
                None => validation.present(entry, format_args!("records.{}.member", index + 1)),
            }
        }
        validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
        validation.finish().inspect_err(|error| {
            report(&invocation, &request.stream_name, &request.stream_arn, error, elements.len());
        })?;
        let stream = own_stream_of(&request.stream_name, &request.stream_arn)?.to_owned();
        (stream, take_records(elements)?)
    };
    // The records have their own copy now; the wait for the disk need not hold two.
    invocation.body = Vec::new();
    let put = invocation.streams().put_records(&stream, records).await;
    let outcomes = put.map_err(|error| ApiError::of_stream(error, &stream))?;

    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let mut encoder = Encoder::new(invocation.format(), 64 + 136 * outcomes.len());
    encoder.structure(|answer| {
        answer.key("FailedRecordCount").integer(failed as i64);
        answer.key("Records").list(|list| {
            for outcome in &outcomes {
                list.structure(|result| match outcome {
                    Ok(placed) => encode_placed(result, placed),
                    Err(error) => encode_failure(result, error),
                });
            }
        });
    });
    Ok(encoder.finish().into())
}

/// Tells the listener of records that break a constraint.
fn report(
    invocation: &Invocation<'_>,
    name: &Option<Text<'_>>,
    arn: &Option<Text<'_>>,
    error: &ApiError,
    records: usize,
) {
    let stream = own_stream_of(name, arn).unwrap_or_default();
    (invocation.endpoint.options.refused)(stream, error.code, records as u64);
}

fn validate_count(validation: &mut Validation, count: usize) {
    if count == 0 {
        let constraint = "Member must have length greater than or equal to 1";
        validation.broken(Some(&"[]"), "records", constraint);
    } else if count > RECORDS_MAX {
        let constraint = format!("Member must have length less than or equal to {RECORDS_MAX}");
        validation.broken(None, "records", constraint);
    }
}

/// The path of a record's members in a PutRecords.
struct Member(usize);

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records.{}.member.", self.0 + 1)
    }
}

impl Entry<'_> {
    /// Checks a record. `path` stands before the names of its members.
    fn validate(&self, validation: &mut Validation, path: &dyn fmt::Display, record_bytes_max: usize) {
        validation.present(&self.partition_key, format_args!("{path}partitionKey"));
        if let Some(key) = &self.partition_key {
            validation.length(key, format_args!("{path}partitionKey"), 1, 256);
        }
        if let Some(hash_key) = &self.explicit_hash_key {
            validation.decimal(hash_key, format_args!("{path}explicitHashKey"), 39);
        }
        validation.present(&self.data, format_args!("{path}data"));
        if self.data.as_ref().is_some_and(|data| data.len() > record_bytes_max) {
            let constraint = format!("Member must have length less than or equal to {record_bytes_max}");
            validation.broken(None, format_args!("{path}data"), constraint);
        }
    }
}

/// Validated records as the stream takes them. Their data lies in one buffer that they share.
fn take_records(entries: &[Option<Entry<'_>>]) -> Result<Vec<api::PutRecord>, ApiError> {
    let data =
        |entry: &Option<Entry<'_>>| entry.as_ref().and_then(|entry| entry.data.as_ref()).map(Blob::len);
    let mut buffer = vec![0; entries.iter().filter_map(data).sum()];
    let mut ranges = Vec::with_capacity(entries.len());
    let mut end = 0;
    for entry in entries.iter().flatten() {
        let data = entry.data.as_ref().expect("it was validated");
        let start = end;
        end += data.decode_into(&mut buffer[start..]).map_err(|why| ApiError::serialization(Some(why)))?;
        ranges.push(start..end);
    }
    let buffer = Bytes::from(buffer);
    let entries = entries.iter().flatten().zip(ranges);
    entries
        .map(|(entry, range)| {
            let explicit_hash_key = match &entry.explicit_hash_key {
                None => None,
                Some(text) => Some(text.parse().map_err(|_| {
                    ApiError::invalid_argument(format!(
                        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value \
                         was {}",
                        &**text
                    ))
                })?),
            };
            let partition_key = Arc::from(&**entry.partition_key.as_ref().expect("it was validated"));
            Ok(api::PutRecord { partition_key, explicit_hash_key, data: buffer.slice(range) })
        })
        .collect()
}

fn encode_placed(encoder: &mut Encoder, placed: &api::Placed) {
    encoder.key("SequenceNumber").plain(&placed.sequence.to_string());
    encoder.key("ShardId").plain(&placed.shard);
}

fn encode_failure(encoder: &mut Encoder, error: &StreamError) {
    encoder.key("ErrorCode").plain(error.code());
    encoder.key("ErrorMessage").text(&error.to_string());
}
