//! DescribeStream and DescribeStreamSummary.

use super::shards::encode_shard;
use crate::{
    api::StreamDescription,
    kinesis::{
        error::ApiError,
        operation::{Answer, Invocation, stream_of, validate_stream},
        validation::Validation,
        wire::{
            Encoder,
            scalar::{Integer, Text},
            structure,
        },
    },
};

/// Shards described where no limit is given.
const LIMIT_DEFAULT: i64 = 100;

structure! {
    DescribeStreamRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "Limit" => limit: Integer,
        "ExclusiveStartShardId" => after: Text<'a>,
    }
}

/// Describes a stream and its shards, a page at a time.
pub(in crate::kinesis) async fn describe(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: DescribeStreamRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    let Integer(limit) = request.limit.unwrap_or(Integer(LIMIT_DEFAULT));
    validation.range(limit, "limit", 1, 10_000);
    if let Some(after) = &request.after {
        validation.name(after, "exclusiveStartShardId");
    }
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;
    let name = stream_of(&request.stream_name, &request.stream_arn)?;
    let stream = invocation.described(name).await?;

    let after = request.after.as_deref().unwrap_or_default();
    let limit = usize::try_from(limit).expect("it was validated");
    let behind = stream.shards.iter().filter(|shard| *shard.id > *after);
    let more = behind.clone().count() > limit;
    let mut encoder = Encoder::new(invocation.format(), 512 + 320 * stream.shards.len());
    encoder.structure(|answer| {
        answer.key("StreamDescription").structure(|description| {
            encode_stream(description, &invocation, &stream);
            description.key("HasMoreShards").boolean(more);
            description.key("Shards").list(|list| {
                behind.take(limit).for_each(|shard| encode_shard(list, shard));
            });
        });
    });
    Ok(encoder.finish().into())
}

structure! {
    DescribeStreamSummaryRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
    }
}

/// Describes a stream without its shards.
pub(in crate::kinesis) async fn summarize(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: DescribeStreamSummaryRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;
    let name = stream_of(&request.stream_name, &request.stream_arn)?;
    let stream = invocation.described(name).await?;
    let open = stream.shards.iter().filter(|shard| shard.ending_sequence.is_none()).count();
    let mut encoder = Encoder::new(invocation.format(), 512);
    encoder.structure(|answer| {
        answer.key("StreamDescriptionSummary").structure(|summary| {
            encode_stream(summary, &invocation, &stream);
            summary.key("OpenShardCount").integer(open as i64);
            summary.key("ConsumerCount").integer(0);
        });
    });
    Ok(encoder.finish().into())
}

/// The members that both descriptions have.
fn encode_stream(description: &mut Encoder, invocation: &Invocation<'_>, stream: &StreamDescription) {
    description.key("StreamName").plain(&stream.name);
    description.key("StreamARN").plain(&invocation.arn(&stream.name));
    description.key("StreamStatus").plain("ACTIVE");
    description.key("StreamModeDetails").structure(|mode| mode.key("StreamMode").plain("PROVISIONED"));
    description.key("RetentionPeriodHours").integer(stream.retention_hours.into());
    description.key("StreamCreationTimestamp").timestamp(stream.created_ms);
    description
        .key("EnhancedMonitoring")
        .list(|list| list.structure(|metrics| metrics.key("ShardLevelMetrics").list(|_| {})));
    description.key("EncryptionType").plain("NONE");
}
