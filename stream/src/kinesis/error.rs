//! Refusals, as the API words them.

use super::wire::{Encoder, Format};
use crate::api::StreamError;
use http::StatusCode;
use std::borrow::Cow;

/// The account that all streams belong to.
pub(super) const ACCOUNT: &str = "000000000000";

/// An error of the API: its name, its message and its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// Such as `ResourceNotFoundException`.
    pub(super) code: &'static str,
    /// Some errors of the API have none.
    pub(super) message: Option<Cow<'static, str>>,
    /// 400 unless said otherwise.
    pub(super) status: StatusCode,
}

impl ApiError {
    /// An error with status 400.
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: Some(message.into()), status: StatusCode::BAD_REQUEST }
    }

    /// An argument out of its range.
    pub(super) fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    /// A body that can't be decoded.
    pub(super) fn serialization(message: Option<String>) -> Self {
        Self {
            code: "SerializationException",
            message: message.map(Cow::Owned),
            status: StatusCode::BAD_REQUEST,
        }
    }

    /// The service can't take more at the moment.
    pub(super) fn throughput_exceeded(message: &'static str) -> Self {
        Self::new("ProvisionedThroughputExceededException", message)
    }

    /// The shard is not, or no longer, one of the stream's.
    pub(super) fn shard_not_found(shard: &str, stream: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("Shard {shard} in stream {stream} under account {ACCOUNT} does not exist"),
        )
    }

    /// The body of the response.
    pub(super) fn encode(&self, format: Format) -> Vec<u8> {
        let mut encoder = Encoder::new(format, 256);
        encoder.structure(|error| {
            error.key("__type").plain(self.code);
            if let Some(message) = &self.message {
                error.key("message").text(message);
            }
        });
        encoder.finish()
    }
}

impl From<StreamError> for ApiError {
    fn from(error: StreamError) -> Self {
        let status = match error {
            StreamError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code: error.code(), message: Some(error.to_string().into()), status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_its_type_and_message_in_both_encodings() {
        let error = ApiError::invalid_argument("Not \"so\".");
        assert_eq!(
            String::from_utf8(error.encode(Format::Json)).unwrap(),
            r#"{"__type":"InvalidArgumentException","message":"Not \"so\"."}"#
        );
        let cbor: ciborium::Value = ciborium::from_reader(&*error.encode(Format::Cbor)).unwrap();
        let text = |text: &str| ciborium::Value::Text(text.to_owned());
        assert_eq!(
            cbor,
            ciborium::Value::Map(vec![
                (text("__type"), text("InvalidArgumentException")),
                (text("message"), text("Not \"so\".")),
            ])
        );
    }

    #[test]
    fn a_failure_inside_is_the_servers_fault() {
        let error = ApiError::from(StreamError::Internal("the disk is full".to_owned()));
        assert_eq!((error.code, error.status), ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR));
        let error = ApiError::from(StreamError::LimitExceeded("too many shards".to_owned()));
        assert_eq!((error.code, error.status), ("LimitExceededException", StatusCode::BAD_REQUEST));
    }
}
