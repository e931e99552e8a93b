//! The two encodings of the API: JSON 1.1 and CBOR 1.1.
//!
//! Requests are decoded through serde into structures of [`scalar`] types, borrowed from the body where the
//! encoding allows it. Responses are written by an [`Encoder`] straight into one buffer.

mod cbor;
mod encoder;
pub(super) mod scalar;
mod structure;

pub(super) use encoder::Encoder;
pub(super) use structure::structure;

use super::error::ApiError;
use serde::Deserialize;

/// How a request is encoded; its response is encoded likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/x-amz-json-1.1`: blobs are base64, timestamps fractional epoch seconds.
    Json,
    /// `application/x-amz-cbor-1.1`: blobs are byte strings, timestamps epoch milliseconds, which is not what
    /// CBOR's tag 1 means but what the service and its Java clients write.
    Cbor,
}

impl Format {
    /// The encoding that a `Content-Type` names.
    pub(super) fn of_content_type(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/x-amz-json-1.1" => Some(Self::Json),
            "application/x-amz-cbor-1.1" => Some(Self::Cbor),
            _ => None,
        }
    }

    /// The `Content-Type` of a response.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// Decodes the body of a request.
    pub(super) fn decode<'a, T: Deserialize<'a>>(self, body: &'a [u8]) -> Result<T, ApiError> {
        match self {
            Self::Json => serde_json::from_slice(body).map_err(|error| {
                if !error.is_data() {
                    return ApiError::serialization(None);
                }
                // The API's message ends before the place that serde_json appends.
                let text = error.to_string();
                let place = format!(" at line {} column {}", error.line(), error.column());
                ApiError::serialization(Some(text.strip_suffix(&place).unwrap_or(&text).to_owned()))
            }),
            Self::Cbor => cbor::from_slice(body).map_err(|error| match error {
                cbor::CborError::Unexpected(message) => ApiError::serialization(Some(message)),
                cbor::CborError::Malformed => ApiError::serialization(None),
            }),
        }
    }
}
