//! GetShardIterator and GetRecords.

use super::shards::encode_hash_range;
use crate::{
    api::{ReadBatch, Record, StartingPosition, StreamDescription, StreamError},
    kinesis::{
        error::{ACCOUNT, ApiError},
        operation::{Answer, Invocation, stream_of, validate_stream},
        token::ShardIterator,
        validation::Validation,
        wire::{
            Encoder,
            scalar::{Integer, Text, Timestamp},
            structure,
        },
    },
    sequence::SequenceNumber,
};

/// Bytes of data in one answer of GetRecords, about.
const READ_BYTES_MAX: usize = 10 << 20;
/// Memory reserved for such an answer: base64 makes four bytes of three, and each record has its frame.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of an encoded record beside its data and partition key.
const RECORD_FRAME: usize = 180;

const ITERATOR_TYPES: &[&str] =
    &["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"];

structure! {
    GetShardIteratorRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "ShardId" => shard: Text<'a>,
        "ShardIteratorType" => kind: Text<'a>,
        "StartingSequenceNumber" => sequence: Text<'a>,
        "Timestamp" => timestamp: Timestamp,
    }
}

/// Resolves a place in a shard and gives a token of it. `LATEST` is what is the latest now.
pub(in crate::kinesis) async fn get_shard_iterator(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: GetShardIteratorRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    validation.present(&request.shard, "shardId");
    if let Some(shard) = &request.shard {
        validation.name(shard, "shardId");
    }
    validation.present(&request.kind, "shardIteratorType");
    if let Some(kind) = &request.kind {
        validation.one_of(kind, "shardIteratorType", ITERATOR_TYPES);
    }
    if let Some(sequence) = &request.sequence {
        validation.decimal(sequence, "startingSequenceNumber", 129);
    }
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;
    let (Some(shard), Some(kind)) = (&request.shard, &request.kind) else {
        unreachable!("both were validated");
    };
    let name = stream_of(&request.stream_name, &request.stream_arn)?;

    let stream = invocation.described(name).await?;
    if !stream.shards.iter().any(|known| *known.id == **shard) {
        return Err(ApiError::shard_not_found(shard, name));
    }
    let from = starting_position(
        kind,
        request.sequence.as_deref(),
        request.timestamp,
        invocation.now_ms(),
        format_args!("GetShardIterator on shard {} in stream {name} under account {ACCOUNT}", &**shard),
    )?;
    let cursor = invocation.streams().cursor(name, shard, from).await;
    let cursor = cursor.map_err(|error| ApiError::of_stream(error, name))?;
    let iterator = ShardIterator {
        stream: name.to_owned(),
        created_ms: stream.created_ms,
        shard: shard.to_string(),
        cursor,
    };
    let token = invocation.endpoint.tokens.issue_iterator(&iterator, invocation.now_ms());
    let mut encoder = Encoder::new(invocation.format(), 64 + token.len());
    encoder.structure(|answer| answer.key("ShardIterator").plain(&token));
    Ok(encoder.finish().into())
}

/// The position that a validated request asks for. `place` says where, for messages.
fn starting_position(
    kind: &str,
    sequence: Option<&str>,
    timestamp: Option<Timestamp>,
    now_ms: i64,
    place: std::fmt::Arguments<'_>,
) -> Result<StartingPosition, ApiError> {
    let misfit = |given: &str| {
        ApiError::invalid_argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {given} \
             StartingSequenceNumber."
        ))
    };
    let number = || {
        let text = sequence.ok_or_else(|| misfit("no"))?;
        text.parse::<SequenceNumber>().map_err(|_| {
            ApiError::invalid_argument(format!("StartingSequenceNumber {text} used in {place} is invalid."))
        })
    };
    match kind {
        "AT_SEQUENCE_NUMBER" => Ok(StartingPosition::AtSequenceNumber(number()?)),
        "AFTER_SEQUENCE_NUMBER" => Ok(StartingPosition::AfterSequenceNumber(number()?)),
        _ if sequence.is_some() => Err(misfit("also a")),
        "TRIM_HORIZON" => Ok(StartingPosition::TrimHorizon),
        "LATEST" => Ok(StartingPosition::Latest),
        _ => match timestamp {
            None => Err(ApiError::invalid_argument(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                 timestamp parameter.",
            )),
            Some(Timestamp(ms)) if ms > now_ms => Err(ApiError::invalid_argument(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {ms}, currentTimestampInMillis: {now_ms}"
            ))),
            Some(Timestamp(ms)) => Ok(StartingPosition::AtTimestamp(ms)),
        },
    }
}

structure! {
    GetRecordsRequest<'a> {
        "ShardIterator" => iterator: Text<'a>,
        "Limit" => limit: Integer,
        "StreamARN" => stream_arn: Text<'a>,
    }
}

/// Reads on from an iterator.
pub(in crate::kinesis) async fn get_records(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: GetRecordsRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    let Integer(limit) = request.limit.unwrap_or(Integer(10_000));
    validation.range(limit, "limit", 1, 10_000);
    validation.present(&request.iterator, "shardIterator");
    if let Some(iterator) = &request.iterator {
        validation.length(iterator, "shardIterator", 1, 512);
    }
    validate_stream(&mut validation, &None, &request.stream_arn);
    validation.finish()?;
    let token = request.iterator.as_deref().expect("it was validated");

    let tokens = &invocation.endpoint.tokens;
    let opened = tokens.open_iterator(token, invocation.now_ms());
    let iterator = opened.map_err(|error| error.of_iterator(invocation.now_ms()))?;
    if request.stream_arn.is_some() && stream_of(&None, &request.stream_arn)? != iterator.stream {
        return Err(ApiError::invalid_argument(
            "Invalid ShardIterator. It is of another stream than StreamARN.",
        ));
    }
    let not_found = |error: StreamError| match error {
        StreamError::ResourceNotFound(_) => ApiError::shard_not_found(&iterator.shard, &iterator.stream),
        other => ApiError::of_stream(other, &iterator.stream),
    };
    let described = invocation.streams().describe_stream(&iterator.stream).await;
    let stream = described.map_err(not_found)?;
    if stream.created_ms != iterator.created_ms {
        return Err(ApiError::invalid_argument(format!(
            "Invalid ShardIterator. Stream {} was deleted and created again since it was issued.",
            iterator.stream
        )));
    }

    let endpoint = invocation.endpoint;
    let mut reserved = endpoint.memory.reserve(ANSWER_BYTES_MAX, &endpoint.options).await?;
    let limit = usize::try_from(limit).expect("it was validated");
    let read =
        invocation.streams().read(&iterator.stream, &iterator.shard, iterator.cursor, limit, READ_BYTES_MAX);
    let batch = read.await.map_err(not_found)?;
    let next = batch.next.map(|cursor| {
        tokens.issue_iterator(&ShardIterator { cursor, ..iterator.clone() }, invocation.now_ms())
    });
    let content = encode_batch(&invocation, &batch, next.as_deref(), &iterator.shard, &stream);
    reserved.shrink(content.capacity());
    Ok(Answer { content, reserved: Some(reserved) })
}

/// `next` is the iterator of the next read; at the end of a closed shard there is none, and its children are told.
fn encode_batch(
    invocation: &Invocation<'_>,
    batch: &ReadBatch,
    next: Option<&str>,
    shard: &str,
    stream: &StreamDescription,
) -> Vec<u8> {
    let size =
        |record: &Record| record.data.len().div_ceil(3) * 4 + record.partition_key.len() + RECORD_FRAME;
    let mut encoder = Encoder::new(invocation.format(), 512 + batch.records.iter().map(size).sum::<usize>());
    encoder.structure(|answer| {
        answer.key("Records").list(|list| {
            for record in &batch.records {
                list.structure(|encoder| {
                    encoder.key("SequenceNumber").plain(&record.sequence.to_string());
                    encoder.key("ApproximateArrivalTimestamp").timestamp(record.arrival_ms);
                    encoder.key("Data").blob(&record.data);
                    encoder.key("PartitionKey").text(&record.partition_key);
                });
            }
        });
        answer.key("MillisBehindLatest").integer(batch.behind_latest_ms.max(0));
        if let Some(next) = next {
            answer.key("NextShardIterator").plain(next);
            return;
        }
        let is_child = |parents: &[std::sync::Arc<str>]| parents.iter().any(|parent| **parent == *shard);
        answer.key("ChildShards").list(|list| {
            for child in stream.shards.iter().filter(|child| is_child(&child.parents)) {
                list.structure(|encoder| {
                    encoder.key("ShardId").plain(&child.id);
                    encoder
                        .key("ParentShards")
                        .list(|parents| child.parents.iter().for_each(|parent| parents.plain(parent)));
                    encode_hash_range(encoder, child);
                });
            }
        });
    });
    encoder.finish()
}
