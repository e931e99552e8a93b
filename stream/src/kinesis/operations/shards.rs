//! ListShards.

use crate::{
    api::{ShardDescription, StreamDescription},
    kinesis::{
        error::ApiError,
        operation::{Answer, Invocation, stream_of, validate_stream},
        token::PageToken,
        validation::Validation,
        wire::{
            Encoder,
            scalar::{Integer, Text, Timestamp},
            structure,
        },
    },
};

/// Shards listed where no limit is given.
const LIMIT_DEFAULT: i64 = 1000;

const FILTERS: &[&str] = &[
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
];

structure! {
    ListShardsRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "NextToken" => next_token: Text<'a>,
        "ExclusiveStartShardId" => after: Text<'a>,
        "MaxResults" => max_results: Integer,
        "StreamCreationTimestamp" => created: Timestamp,
        "ShardFilter" => filter: ShardFilter<'a>,
    }
}

structure! {
    ShardFilter<'a> {
        "Type" => kind: Text<'a>,
        "ShardId" => shard: Text<'a>,
        "Timestamp" => timestamp: Timestamp,
    }
}

/// Lists the shards of a stream, a page at a time.
pub(in crate::kinesis) async fn list(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: ListShardsRequest<'_> = invocation.decode()?;
    let limit = validate(&request)?;
    let (stream, after) = match &request.next_token {
        Some(token) => {
            let page = invocation.endpoint.tokens.open_page(token, invocation.now_ms());
            let page = page.map_err(|error| error.of_page())?;
            let stream = invocation.described(&page.stream).await?;
            if stream.created_ms != page.created_ms {
                return Err(ApiError::invalid_argument("Invalid NextToken."));
            }
            (stream, page.after)
        }
        None => {
            let name = stream_of(&request.stream_name, &request.stream_arn)?;
            let stream = invocation.described(name).await?;
            if request.created.is_some_and(|Timestamp(ms)| ms / 1000 != stream.created_ms / 1000) {
                return Err(ApiError::new(
                    "ResourceNotFoundException",
                    format!("Stream {name} was not created at StreamCreationTimestamp."),
                ));
            }
            (stream, request.after.map(|after| after.to_string()).unwrap_or_default())
        }
    };

    let filter = request.filter.unwrap_or_default();
    let chosen: Vec<&ShardDescription> = stream
        .shards
        .iter()
        .filter(|shard| *shard.id > *after && filter.takes(shard, &stream))
        .take(limit + 1)
        .collect();
    let mut encoder = Encoder::new(invocation.format(), 64 + 320 * chosen.len());
    encoder.structure(|answer| {
        let page = &chosen[..chosen.len().min(limit)];
        answer.key("Shards").list(|list| page.iter().for_each(|shard| encode_shard(list, shard)));
        if let Some(last) = page.last().filter(|_| chosen.len() > limit) {
            let page = PageToken {
                stream: stream.name.to_string(),
                created_ms: stream.created_ms,
                after: last.id.to_string(),
            };
            let token = invocation.endpoint.tokens.issue_page(&page, invocation.now_ms());
            answer.key("NextToken").plain(&token);
        }
    });
    Ok(encoder.finish().into())
}

/// Checks a request and gives its limit.
fn validate(request: &ListShardsRequest<'_>) -> Result<usize, ApiError> {
    let mut validation = Validation::new();
    let Integer(limit) = request.max_results.unwrap_or(Integer(LIMIT_DEFAULT));
    validation.range(limit, "maxResults", 1, 10_000);
    if let Some(token) = &request.next_token {
        validation.length(token, "nextToken", 1, 1 << 20);
    }
    if let Some(after) = &request.after {
        validation.name(after, "exclusiveStartShardId");
    }
    if let Some(filter) = &request.filter {
        validation.present(&filter.kind, "shardFilter.type");
        if let Some(kind) = &filter.kind {
            validation.one_of(kind, "shardFilter.type", FILTERS);
        }
        if let Some(shard) = &filter.shard {
            validation.name(shard, "shardFilter.shardId");
        }
    }
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;

    let named = request.stream_name.is_some() || request.stream_arn.is_some();
    match (&request.next_token, named) {
        (None, false) => {
            return Err(ApiError::invalid_argument("Either NextToken or StreamName should be provided."));
        }
        (Some(_), true) => {
            return Err(ApiError::invalid_argument("NextToken and StreamName cannot be provided together."));
        }
        (Some(_), false) if request.after.is_some() || request.created.is_some() => {
            return Err(ApiError::invalid_argument(
                "NextToken and ExclusiveStartShardId or StreamCreationTimestamp cannot be provided together.",
            ));
        }
        _ => {}
    }
    if let Some(filter) = &request.filter {
        match filter.kind.as_deref() {
            Some("AFTER_SHARD_ID") if filter.shard.is_none() => {
                return Err(ApiError::invalid_argument(
                    "ShardFilter of type AFTER_SHARD_ID requires ShardId.",
                ));
            }
            Some(kind @ ("AT_TIMESTAMP" | "FROM_TIMESTAMP")) if filter.timestamp.is_none() => {
                return Err(ApiError::invalid_argument(format!(
                    "ShardFilter of type {kind} requires Timestamp."
                )));
            }
            _ => {}
        }
    }
    Ok(usize::try_from(limit).expect("it was validated"))
}

impl ShardFilter<'_> {
    /// Whether the filter lets a shard through. What is known of a shard is whether it is closed, not since when: the
    /// filters by time let through every shard that may have been open then.
    fn takes(&self, shard: &ShardDescription, stream: &StreamDescription) -> bool {
        match self.kind.as_deref() {
            Some("AFTER_SHARD_ID") => *shard.id > *self.shard.as_deref().unwrap_or_default(),
            Some("AT_LATEST") => shard.ending_sequence.is_none(),
            Some("AT_TRIM_HORIZON") => {
                let kept = |id: &str| stream.shards.iter().any(|other| *other.id == *id);
                !shard.parents.iter().any(|parent| kept(parent))
            }
            _ => true,
        }
    }
}

/// Writes a shard.
pub(super) fn encode_shard(list: &mut Encoder, shard: &ShardDescription) {
    list.structure(|encoder| {
        encoder.key("ShardId").plain(&shard.id);
        if let Some(parent) = shard.parents.first() {
            encoder.key("ParentShardId").plain(parent);
        }
        if let Some(parent) = shard.parents.get(1) {
            encoder.key("AdjacentParentShardId").plain(parent);
        }
        encode_hash_range(encoder, shard);
        encoder.key("SequenceNumberRange").structure(|range| {
            range.key("StartingSequenceNumber").plain(&shard.starting_sequence.to_string());
            if let Some(ending) = shard.ending_sequence {
                range.key("EndingSequenceNumber").plain(&ending.to_string());
            }
        });
    });
}

/// Writes the hash keys of a shard.
pub(super) fn encode_hash_range(encoder: &mut Encoder, shard: &ShardDescription) {
    encoder.key("HashKeyRange").structure(|range| {
        range.key("StartingHashKey").plain(&shard.hash_range.0.to_string());
        range.key("EndingHashKey").plain(&shard.hash_range.1.to_string());
    });
}
