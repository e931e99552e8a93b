//! Whether a request is signed. Signatures are not verified: on loopback without authentication any key is
//! taken. But a request that no client of AWS would send is refused as the service refuses it.

use super::error::ApiError;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signer {
    /// The region of the credential's scope.
    pub(super) region: String,
}

/// Looks for a Signature Version 4, in the `Authorization` header or in the query of a presigned request.
pub(super) fn check(headers: &HeaderMap, query: &str) -> Result<Signer, ApiError> {
    let presigned = query.split('&').any(|pair| pair.split('=').next() == Some("X-Amz-Algorithm"));
    match (headers.get(header::AUTHORIZATION), presigned) {
        (Some(_), true) => Err(ApiError::new(
            "InvalidSignatureException",
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        )),
        (None, false) => {
            Err(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"))
        }
        (Some(value), false) => check_header(headers, &String::from_utf8_lossy(value.as_bytes())),
        (None, true) => check_query(query),
    }
}

fn check_header(headers: &HeaderMap, authorization: &str) -> Result<Signer, ApiError> {
    let (algorithm, parameters) = authorization.trim().split_once(' ').unwrap_or((authorization, ""));
    if algorithm != ALGORITHM {
        let shown: String = algorithm.chars().take(40).collect();
        return Err(incomplete(format!("Unsupported AWS 'algorithm': '{shown}'.")));
    }
    let parameter = |name: &str| {
        let mut pairs = parameters.split([',', ' ']).filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
    };
    let date = headers.get("x-amz-date").or_else(|| headers.get(header::DATE));
    let found = (parameter("Credential"), parameter("Signature"), parameter("SignedHeaders"), date);
    let (Some(credential), Some(signature), Some(_), Some(_)) = found else {
        let mut message = String::new();
        for (name, present) in [
            ("Credential", found.0.is_some()),
            ("Signature", found.1.is_some()),
            ("SignedHeaders", found.2.is_some()),
        ] {
            if !present {
                message.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
        }
        if date.is_none() {
            message.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
            );
        }
        // Hashed, as the service does it: a signature is not to be repeated where it may be logged.
        let hash = STANDARD.encode(Sha256::digest(authorization.as_bytes()));
        return Err(incomplete(format!(
            "{message}(Hashed with SHA-256 and encoded with Base64) Authorization={hash}"
        )));
    };
    if let Some(date) = headers.get("x-amz-date") {
        check_date(&String::from_utf8_lossy(date.as_bytes()))?;
    }
    check_signature(signature)?;
    check_credential(credential)
}

fn check_query(query: &str) -> Result<Signer, ApiError> {
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
    };
    let names =
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
    let [Some(algorithm), Some(credential), Some(signature), Some(_), Some(date)] = names.map(parameter)
    else {
        let mut message = String::new();
        for name in names.into_iter().filter(|name| parameter(name).is_none()) {
            message.push_str(&format!("AWS query-string parameters must include '{name}'. "));
        }
        return Err(incomplete(format!("{message}Re-examine the query-string parameters.")));
    };
    if algorithm != ALGORITHM {
        let shown: String = algorithm.chars().take(40).collect();
        return Err(incomplete(format!("Unsupported AWS 'algorithm': '{shown}'.")));
    }
    check_date(date)?;
    check_signature(signature)?;
    check_credential(&credential.replace("%2F", "/").replace("%2f", "/"))
}

/// `20260131T235959Z`
fn check_date(date: &str) -> Result<(), ApiError> {
    let fits = date.len() == 16
        && date.bytes().enumerate().all(|(index, byte)| match index {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if fits {
        return Ok(());
    }
    let shown: String = date.chars().take(40).collect();
    Err(incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{shown}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )))
}

/// 64 hexadecimal digits.
fn check_signature(signature: &str) -> Result<(), ApiError> {
    if signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    ))
}

/// `KEY/20260131/REGION/kinesis/aws4_request`
fn check_credential(credential: &str) -> Result<Signer, ApiError> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [key, date, region, service, term] = parts[..] else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got {} of \
             them.",
            parts.len()
        )));
    };
    if term != "aws4_request" || service != "kinesis" {
        return Err(ApiError::new(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'kinesis', and end in 'aws4_request'.",
        ));
    }
    let region_fits =
        region.len() <= 64 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if key.is_empty() || date.len() != 8 || region.is_empty() || !region_fits {
        return Err(ApiError::new(
            "InvalidSignatureException",
            "Credential should be scoped to a key, a date of 8 digits and a region.",
        ));
    }
    Ok(Signer { region: region.to_owned() })
}

fn incomplete(message: String) -> ApiError {
    ApiError::new("IncompleteSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKID/20260131/eu-west-1/kinesis/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=";

    fn signature() -> String {
        "0f".repeat(32)
    }

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        headers.insert("x-amz-date", "20260131T235959Z".parse().unwrap());
        headers
    }

    fn refusal(headers: &HeaderMap, query: &str) -> (&'static str, String) {
        let error = check(headers, query).unwrap_err();
        (error.code, error.message.unwrap().into_owned())
    }

    #[test]
    fn a_signed_request_tells_its_region() {
        let signer = Signer { region: "eu-west-1".to_owned() };
        assert_eq!(check(&headers(&format!("{SIGNED}{}", signature())), ""), Ok(signer.clone()));
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260131%2Feu-west-1%2Fkinesis%2F\
             aws4_request&X-Amz-Date=20260131T235959Z&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            signature()
        );
        assert_eq!(check(&HeaderMap::new(), &query), Ok(signer));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            refusal(&HeaderMap::new(), ""),
            ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
        );
        let (code, message) = refusal(&headers("AWS4-HMAC-SHA256 Credential=a/b/c/d/e"), "");
        assert_eq!(code, "IncompleteSignatureException");
        assert!(message.starts_with(
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
             parameter. (Hashed with SHA-256 and encoded with Base64) Authorization="
        ));
        let mut undated = headers(&format!("{SIGNED}{}", signature()));
        undated.remove("x-amz-date");
        assert!(
            refusal(&undated, "")
                .1
                .starts_with("Authorization header requires existence of either a 'X-Amz-Date'")
        );
        let (code, message) = refusal(&HeaderMap::new(), "X-Amz-Algorithm=AWS4-HMAC-SHA256");
        assert_eq!(code, "IncompleteSignatureException");
        assert!(message.contains(
            "must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Sig"
        ));
    }

    #[test]
    fn a_signature_that_no_client_would_make_is_refused() {
        let signed = format!("{SIGNED}{}", signature());
        let code = |authorization: &str| refusal(&headers(authorization), "").0;
        assert_eq!(code("Bearer abc"), "IncompleteSignatureException");
        assert_eq!(code(&format!("{SIGNED}abc")), "InvalidSignatureException");
        assert_eq!(code(&signed.replace("/kinesis/", "/s3/")), "InvalidSignatureException");
        assert_eq!(code(&signed.replace("/eu-west-1", "")), "IncompleteSignatureException");
        assert_eq!(code(&signed.replace("eu-west-1", "eu\"west")), "InvalidSignatureException");
        assert_eq!(refusal(&headers(&signed), "X-Amz-Algorithm=x").0, "InvalidSignatureException");
        let mut dated = headers(&signed);
        dated.insert("x-amz-date", "yesterday".parse().unwrap());
        assert_eq!(refusal(&dated, "").0, "IncompleteSignatureException");
    }
}
