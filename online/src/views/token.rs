//! Opaque tokens: page tokens and the positions of a watch. See docs/FORMATS.md.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kizashi_models::fnv::fnv1a;

const VERSION: u8 = 1;
/// Version, hash of the scope, checksum.
const FRAME_BYTES: usize = 1 + 8 + 4;
/// Longest token that is looked at, characters: that of a watch of 40,000 shards.
const TOKEN_CHARS_MAX: usize = 1 << 20;

/// A token that this request can't take.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not a token of this service, or altered.
    #[error("it is not a token that this service gave")]
    Malformed,
    /// Given for a request with another filter, order or method.
    #[error("it belongs to a request with another filter or order")]
    OtherScope,
}

/// Packs `payload` into a token that opens under the same `scope` alone.
pub fn seal(scope: &str, payload: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(FRAME_BYTES + payload.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&fnv1a(scope.bytes()).to_le_bytes());
    bytes.extend_from_slice(payload);
    let checksum = fnv1a(bytes.iter().copied()) as u32;
    bytes.extend_from_slice(&checksum.to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Gives back the payload that [`seal`] packed.
pub fn open(scope: &str, token: &str) -> Result<Vec<u8>, TokenError> {
    if token.len() > TOKEN_CHARS_MAX {
        return Err(TokenError::Malformed);
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Malformed)?;
    if bytes.len() < FRAME_BYTES || bytes[0] != VERSION {
        return Err(TokenError::Malformed);
    }
    let checksum = bytes.split_off(bytes.len() - 4);
    if checksum != (fnv1a(bytes.iter().copied()) as u32).to_le_bytes() {
        return Err(TokenError::Malformed);
    }
    if bytes[1..9] != fnv1a(scope.bytes()).to_le_bytes() {
        return Err(TokenError::OtherScope);
    }
    Ok(bytes.split_off(9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_opens_in_its_scope_alone(payload: Vec<u8>, scope: String, other: String) {
            let token = seal(&scope, &payload);
            prop_assert_eq!(open(&scope, &token), Ok(payload));
            if other != scope {
                prop_assert_eq!(open(&other, &token), Err(TokenError::OtherScope));
            }
        }

        #[test]
        fn an_altered_token_is_refused(payload: Vec<u8>, at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
            let token = seal("scope", &payload);
            let at = at.index(token.len());
            let altered = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            if altered != token {
                prop_assert_eq!(open("scope", &altered), Err(TokenError::Malformed));
            }
            prop_assert_eq!(open("scope", &token[..at]), Err(TokenError::Malformed));
        }

        #[test]
        fn any_text_is_refused(text: String) {
            prop_assert_eq!(open("scope", &text), Err(TokenError::Malformed));
        }
    }
}
