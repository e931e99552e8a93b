//! The head of a request: what is asked for, in which encoding, by whom.

use super::{authorization, error::ApiError, operation::Operation, wire::Format};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};

const SERVICE: &str = "Kinesis_20131202";

/// A request that may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// What is asked for.
    pub(super) operation: Operation,
    /// How it is encoded.
    pub(super) format: Format,
    /// The region that the request was signed for; the ARNs in its response are of it.
    pub(super) region: String,
}

/// A request that is refused for its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Why.
    pub(super) error: ApiError,
    /// How to say so; XML where the request names no encoding.
    pub(super) format: Option<Format>,
}

/// Reads a head.
pub(super) fn read_head(head: &Parts) -> Result<Call, Refusal> {
    let denied = |message: &'static str| Refusal {
        error: ApiError { status: StatusCode::FORBIDDEN, ..ApiError::new("AccessDeniedException", message) },
        format: None,
    };
    if let Some(origin) = head.headers.get(header::ORIGIN)
        && !is_loopback_origin(&String::from_utf8_lossy(origin.as_bytes()))
    {
        return Err(denied("Requests from web pages of other hosts are not answered"));
    }
    if head.method != Method::POST {
        return Err(denied("Unable to determine service/operation name to be authorized"));
    }
    let target = text(&head.headers, "x-amz-target");
    let (service, name) = target.split_once('.').unwrap_or((target, ""));
    let Some(format) = Format::of_content_type(text(&head.headers, "content-type")) else {
        if service.is_empty() || name.is_empty() {
            return Err(denied("Unable to determine service/operation name to be authorized"));
        }
        let error =
            ApiError { code: "UnknownOperationException", message: None, status: StatusCode::NOT_FOUND };
        return Err(Refusal { error, format: None });
    };
    let refused = |error| Refusal { error, format: Some(format) };
    let operation = Operation::of_name(name).filter(|_| service == SERVICE).ok_or_else(|| {
        refused(ApiError {
            code: "UnknownOperationException",
            message: None,
            status: StatusCode::BAD_REQUEST,
        })
    })?;
    let signer =
        authorization::check(&head.headers, head.uri.query().unwrap_or_default()).map_err(refused)?;
    Ok(Call { operation, format, region: signer.region })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A web page that has its name rebound to loopback could pass for the same origin; its `Origin` still tells the
/// name that it was loaded from.
fn is_loopback_origin(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Refusal {
    /// The body of the response, and its `Content-Type`.
    pub(super) fn encode(&self) -> (Option<&'static str>, Vec<u8>) {
        let code = self.error.code;
        match (self.format, &self.error.message) {
            (Some(format), _) => (Some(format.content_type()), self.error.encode(format)),
            (None, Some(message)) => {
                (None, format!("<{code}>\n  <Message>{message}</Message>\n</{code}>\n").into_bytes())
            }
            (None, None) => (None, format!("<{code}/>\n").into_bytes()),
        }
    }
}
