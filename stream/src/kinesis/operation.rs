//! The operations, and what they have in common.

use super::{
    body::{Memory, Reserved},
    error::{ACCOUNT, ApiError},
    operations::{describe, put, read, retention, shards, streams},
    options::Options,
    request::Call,
    token::Tokens,
    validation::Validation,
    wire::{Format, scalar::Text},
};
use crate::api::{Stream, StreamDescription};
use serde::Deserialize;
use std::sync::Arc;

/// Declares the operations and the function that runs each.
macro_rules! operations {
    ($($name:ident => $run:path,)*) => {
        /// What may be asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation {
            $($name,)*
        }

        impl Operation {
            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The operation of a name.
            pub(super) fn of_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name.
            #[cfg(test)]
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }

        impl Endpoint {
            /// Runs an operation. `reserved` is the memory that `body` takes.
            pub(super) async fn run(
                &self,
                call: &Call,
                body: Vec<u8>,
                reserved: Reserved,
            ) -> Result<Answer, ApiError> {
                let invocation = Invocation { endpoint: self, call, body, _reserved: reserved };
                match call.operation {
                    $(Operation::$name => $run(invocation).await,)*
                }
            }
        }
    };
}

operations! {
    CreateStream => streams::create,
    DeleteStream => streams::delete,
    ListStreams => streams::list,
    DescribeStream => describe::describe,
    DescribeStreamSummary => describe::summarize,
    ListShards => shards::list,
    PutRecord => put::put_record,
    PutRecords => put::put_records,
    GetShardIterator => read::get_shard_iterator,
    GetRecords => read::get_records,
    IncreaseStreamRetentionPeriod => retention::increase,
    DecreaseStreamRetentionPeriod => retention::decrease,
}

/// What the operations work on.
pub(super) struct Endpoint {
    /// The streams.
    pub(super) streams: Arc<dyn Stream>,
    /// Issues iterators.
    pub(super) tokens: Tokens,
    /// Bounds what is in memory.
    pub(super) memory: Memory,
    /// The bounds and the clock.
    pub(super) options: Options,
}

/// One request to one operation.
pub(super) struct Invocation<'a> {
    /// What it works on.
    pub(super) endpoint: &'a Endpoint,
    /// Its head.
    pub(super) call: &'a Call,
    /// Its body.
    pub(super) body: Vec<u8>,
    /// Held while the request is in memory.
    _reserved: Reserved,
}

/// A response with status 200.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Its body; empty for operations that answer nothing.
    pub(super) content: Vec<u8>,
    /// The memory reserved for it, where it may be large.
    pub(super) reserved: Option<Reserved>,
}

impl From<Vec<u8>> for Answer {
    fn from(content: Vec<u8>) -> Self {
        Self { content, reserved: None }
    }
}

impl Invocation<'_> {
    /// Decodes the body.
    pub(super) fn decode<'b, T: Deserialize<'b>>(&'b self) -> Result<T, ApiError> {
        self.call.format.decode(&self.body)
    }

    /// The encoding of the response.
    pub(super) fn format(&self) -> Format {
        self.call.format
    }

    /// The streams.
    pub(super) fn streams(&self) -> &dyn Stream {
        &*self.endpoint.streams
    }

    /// Describes a stream.
    pub(super) async fn described(&self, stream: &str) -> Result<StreamDescription, ApiError> {
        let described = self.streams().describe_stream(stream).await;
        described.map_err(|error| ApiError::of_stream(error, stream))
    }

    /// The clock, Unix milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.endpoint.options.clock.now_ms()
    }

    /// The ARN of a stream, in the region that the request was signed for.
    pub(super) fn arn(&self, stream: &str) -> String {
        format!("arn:aws:kinesis:{}:{ACCOUNT}:stream/{stream}", self.call.region)
    }
}

/// Checks the members that name a stream.
pub(super) fn validate_stream(validation: &mut Validation, name: &Option<Text<'_>>, arn: &Option<Text<'_>>) {
    if let Some(name) = name {
        validation.name(name, "streamName");
    }
    if let Some(arn) = arn {
        if name_of_arn(arn).is_none() {
            validation.pattern(arn, "streamARN", "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+");
        }
        validation.length(arn, "streamARN", 1, 2048);
    }
}

/// The name of the stream that a validated request names by name, by ARN, or by both alike.
pub(super) fn stream_of<'a>(
    name: &'a Option<Text<'_>>,
    arn: &'a Option<Text<'_>>,
) -> Result<&'a str, ApiError> {
    let of_arn = arn.as_deref().and_then(name_of_arn);
    match (name.as_deref(), of_arn) {
        (Some(name), Some(of_arn)) if name != of_arn => {
            Err(ApiError::invalid_argument("StreamName and StreamARN are of different streams."))
        }
        (Some(name), _) => Ok(name),
        (None, Some(of_arn)) => Ok(of_arn),
        (None, None) => Err(ApiError::invalid_argument("Either StreamName or StreamARN should be provided.")),
    }
}

/// As [`stream_of`], for operations that change a stream: those whose name begins with `.` are changed by the
/// service alone.
pub(super) fn own_stream_of<'a>(
    name: &'a Option<Text<'_>>,
    arn: &'a Option<Text<'_>>,
) -> Result<&'a str, ApiError> {
    let stream = stream_of(name, arn)?;
    if stream.starts_with('.') {
        return Err(ApiError::invalid_argument(format!(
            "Stream {stream} under account {ACCOUNT} is internal: it can be read but not changed. Names of other \
             streams do not begin with '.'."
        )));
    }
    Ok(stream)
}

/// `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`
fn name_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("stream/")?;
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let name_fits = !name.is_empty() && !name.contains(char::is_whitespace);
    let fits = scheme == "arn" && partition.starts_with("aws") && service == "kinesis";
    (fits && account_fits && name_fits).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_from_an_arn() {
        assert_eq!(name_of_arn("arn:aws:kinesis:us-east-1:000000000000:stream/events"), Some("events"));
        assert_eq!(name_of_arn("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b"), Some("a.b"));
        for wrong in [
            "events",
            "arn:aws:s3:us-east-1:000000000000:stream/events",
            "arn:aws:kinesis:us-east-1:1:stream/events",
            "arn:aws:kinesis:us-east-1:000000000000:stream/",
            "arn:aws:kinesis:us-east-1:000000000000:consumer/x",
        ] {
            assert_eq!(name_of_arn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_operation_is_found_by_its_name() {
        for operation in Operation::ALL {
            assert_eq!(Operation::of_name(operation.name()), Some(*operation));
        }
        assert_eq!(Operation::of_name("MergeShards"), None);
    }
}
