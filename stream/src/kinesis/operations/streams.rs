//! CreateStream, DeleteStream and ListStreams.

use crate::kinesis::{
    error::ApiError,
    operation::{Answer, Invocation, own_stream_of, validate_stream},
    token::PageToken,
    validation::Validation,
    wire::{
        Encoder,
        scalar::{Integer, Text},
        structure,
    },
};

/// Shards of a stream in on-demand mode, as the service begins with.
const SHARDS_ON_DEMAND: u32 = 4;
/// Streams listed where no limit is given.
const LIMIT_DEFAULT: i64 = 100;

structure! {
    CreateStreamRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "ShardCount" => shard_count: Integer,
        "StreamModeDetails" => mode: StreamModeDetails<'a>,
    }
}

structure! {
    StreamModeDetails<'a> {
        "StreamMode" => mode: Text<'a>,
    }
}

/// Creates a stream; it is active when this answers.
pub(in crate::kinesis) async fn create(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: CreateStreamRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    let on_demand = match &request.mode {
        Some(details) => {
            validation.present(&details.mode, "streamModeDetails.streamMode");
            let mode = details.mode.as_deref().unwrap_or("PROVISIONED");
            validation.one_of(mode, "streamModeDetails.streamMode", &["PROVISIONED", "ON_DEMAND"]);
            mode == "ON_DEMAND"
        }
        None => false,
    };
    match request.shard_count {
        Some(Integer(count)) => validation.range(count, "shardCount", 1, 100_000),
        None if on_demand => {}
        None => validation.present(&request.shard_count, "shardCount"),
    }
    validation.present(&request.stream_name, "streamName");
    validate_stream(&mut validation, &request.stream_name, &None);
    validation.finish()?;
    let stream = own_stream_of(&request.stream_name, &None)?;
    let shards = match request.shard_count {
        Some(Integer(count)) if !on_demand => u32::try_from(count).expect("it was validated"),
        _ => SHARDS_ON_DEMAND,
    };
    let created = invocation.streams().create_stream(stream, shards).await;
    created.map_err(|error| ApiError::of_stream(error, stream))?;
    Ok(Answer::default())
}

structure! {
    DeleteStreamRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
    }
}

/// Deletes a stream and all it holds.
pub(in crate::kinesis) async fn delete(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: DeleteStreamRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;
    let stream = own_stream_of(&request.stream_name, &request.stream_arn)?;
    let deleted = invocation.streams().delete_stream(stream).await;
    deleted.map_err(|error| ApiError::of_stream(error, stream))?;
    Ok(Answer::default())
}

structure! {
    ListStreamsRequest<'a> {
        "Limit" => limit: Integer,
        "ExclusiveStartStreamName" => after: Text<'a>,
        "NextToken" => next_token: Text<'a>,
    }
}

/// Lists streams in the order of their names, a page at a time.
pub(in crate::kinesis) async fn list(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    let request: ListStreamsRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    let Integer(limit) = request.limit.unwrap_or(Integer(LIMIT_DEFAULT));
    validation.range(limit, "limit", 1, 10_000);
    if let Some(after) = &request.after {
        validation.name(after, "exclusiveStartStreamName");
    }
    if let Some(token) = &request.next_token {
        validation.length(token, "nextToken", 1, 1 << 20);
    }
    validation.finish()?;
    let after = match (&request.next_token, &request.after) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_argument(
                "NextToken and ExclusiveStartStreamName cannot be provided together.",
            ));
        }
        (Some(token), None) => {
            let page = invocation.endpoint.tokens.open_page(token, invocation.now_ms());
            Some(page.map_err(|error| error.of_page())?.after)
        }
        (None, Some(after)) => Some(after.to_string()),
        (None, None) => None,
    };

    let listed = invocation.streams().list_streams().await;
    let mut names = listed.map_err(|error| ApiError::of_stream(error, "*"))?;
    if let Some(after) = after {
        names.retain(|name| **name > *after);
    }
    let limit = usize::try_from(limit).expect("it was validated");
    let more = names.len() > limit;
    names.truncate(limit);
    let mut summaries = Vec::with_capacity(names.len());
    for name in &names {
        // One that was deleted since is left out of the summaries.
        if let Ok(stream) = invocation.streams().describe_stream(name).await {
            summaries.push(stream);
        }
    }

    let mut encoder = Encoder::new(invocation.format(), 64 + 256 * names.len());
    encoder.structure(|answer| {
        answer.key("StreamNames").list(|list| names.iter().for_each(|name| list.plain(name)));
        answer.key("HasMoreStreams").boolean(more);
        if let Some(last) = names.last().filter(|_| more) {
            let page = PageToken { stream: String::new(), created_ms: 0, after: last.to_string() };
            let token = invocation.endpoint.tokens.issue_page(&page, invocation.now_ms());
            answer.key("NextToken").plain(&token);
        }
        answer.key("StreamSummaries").list(|list| {
            for stream in &summaries {
                list.structure(|summary| {
                    summary.key("StreamName").plain(&stream.name);
                    summary.key("StreamARN").plain(&invocation.arn(&stream.name));
                    summary.key("StreamStatus").plain("ACTIVE");
                    summary.key("StreamModeDetails").structure(|mode| {
                        mode.key("StreamMode").plain("PROVISIONED");
                    });
                    summary.key("StreamCreationTimestamp").timestamp(stream.created_ms);
                });
            }
        });
    });
    Ok(encoder.finish().into())
}
