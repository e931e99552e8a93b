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

    /// What the stream itself says of a request on `stream`, in the API's words.
    pub(super) fn of_stream(error: StreamError, stream: &str) -> Self {
        let message = match error {
            StreamError::ResourceNotFound(_) => format!("Stream {stream} under account {ACCOUNT} not found."),
            StreamError::ResourceInUse(_) => {
                format!("Stream {stream} under account {ACCOUNT} already exists.")
            }
            _ => error.to_string(),
        };
        let status = match error {
            StreamError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code: error.code(), message: Some(message.into()), status }
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
    fn what_a_stream_says_is_said_as_the_api_does() {
        let told = |error: StreamError| {
            let error = ApiError::of_stream(error, "s");
            (error.code, error.status.as_u16(), error.message.unwrap().into_owned())
        };
        assert_eq!(
            told(StreamError::ResourceNotFound("no s".to_owned())),
            ("ResourceNotFoundException", 400, "Stream s under account 000000000000 not found.".to_owned())
        );
        assert_eq!(
            told(StreamError::ResourceInUse("s is there".to_owned())),
            ("ResourceInUseException", 400, "Stream s under account 000000000000 already exists.".to_owned())
        );
        let full = "the disk is full".to_owned();
        assert_eq!(told(StreamError::Internal(full.clone())), ("InternalFailure", 500, full));
    }
}
