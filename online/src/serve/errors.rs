//! Errors as gRPC has them: canonical codes, with details that a program can read.

use kizashi_stream::api::StreamError;
use std::{collections::HashMap, fmt::Display, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Domain of the reasons in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "kizashi";

/// How long a client is told to wait where the service can't take more.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// `field` held what is not allowed: INVALID_ARGUMENT with a `google.rpc.BadRequest`.
pub fn invalid(field: &str, held: impl Display, allowed: impl Display) -> Status {
    let held = shortened(held);
    let message = format!("`{field}` holds {held}; allowed: {allowed}");
    let metadata = HashMap::from([("field".to_owned(), field.to_owned()), ("value".to_owned(), held)]);
    let mut details = ErrorDetails::with_bad_request_violation(field, &message);
    details.set_error_info("INVALID_FIELD", DOMAIN, metadata);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// What is named does not exist: NOT_FOUND with a `google.rpc.ResourceInfo`.
pub fn not_found(kind: &str, name: &str, message: impl Into<String>) -> Status {
    let message = message.into();
    let mut details = ErrorDetails::with_resource_info(kind, shortened(name), "", &message);
    details.set_error_info(
        format!("{}_NOT_FOUND", kind.to_uppercase().replace(' ', "_")),
        DOMAIN,
        HashMap::new(),
    );
    Status::with_error_details(Code::NotFound, message, details)
}

/// A bound is reached: RESOURCE_EXHAUSTED with a `google.rpc.RetryInfo`.
pub fn exhausted(reason: &str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
    details.set_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Any other error, with its reason in a `google.rpc.ErrorInfo`.
pub fn other(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}

/// What a stream said of a put as a whole.
pub fn of_stream(error: &StreamError, stream: &str) -> Status {
    let message = error.to_string();
    match error {
        StreamError::ResourceNotFound(_) => not_found("stream", stream, message),
        StreamError::InvalidArgument(_) => {
            let mut details = ErrorDetails::with_bad_request_violation("records", &message);
            details.set_error_info("INVALID_FIELD", DOMAIN, HashMap::new());
            Status::with_error_details(Code::InvalidArgument, message, details)
        }
        StreamError::ThroughputExceeded(_) | StreamError::LimitExceeded(_) => {
            exhausted(error.code(), message)
        }
        StreamError::ResourceInUse(_) => other(Code::FailedPrecondition, error.code(), message),
        _ => other(Code::Internal, error.code(), message),
    }
}

/// A value in quotes, cut where it is long.
fn shortened(held: impl Display) -> String {
    const CHARS_MAX: usize = 80;
    let held = held.to_string();
    if held.chars().count() <= CHARS_MAX {
        return format!("`{held}`");
    }
    let start: String = held.chars().take(CHARS_MAX).collect();
    format!("`{start}…`")
}
