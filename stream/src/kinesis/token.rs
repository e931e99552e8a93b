//! Opaque tokens that the endpoint hands out and takes back: shard iterators and the tokens of paged lists.
//!
//! A token is base64 of: its kind (1 byte), when it was issued (Unix milliseconds, 8), its content, and a keyed
//! checksum over all of it (16). The checksum is there so that a token that was altered, cut or issued by
//! another service is refused instead of read from somewhere. It guards no secret: whoever may ask for an
//! iterator may read the shard.

use super::error::ApiError;
use crate::{api::Cursor, sequence::SequenceNumber};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// How long a token is good for, milliseconds.
pub(super) const TOKEN_LIFETIME_MS: i64 = 300_000;

const CHECKSUM_LENGTH: usize = 16;

/// A place in a shard, named so that it can't be taken for one of another stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardIterator {
    /// Name of the stream.
    pub(super) stream: String,
    /// When that stream was created: one that was deleted and created again is another.
    pub(super) created_ms: i64,
    /// Id of the shard.
    pub(super) shard: String,
    /// Where the next read begins.
    pub(super) cursor: Cursor,
}

/// Where a paged list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageToken {
    /// The stream whose shards are listed; empty for the list of streams.
    pub(super) stream: String,
    /// When that stream was created; 0 for the list of streams.
    pub(super) created_ms: i64,
    /// The last name of the page before.
    pub(super) after: String,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// Not issued here, or altered since.
    Invalid,
    /// Older than [`TOKEN_LIFETIME_MS`].
    Expired {
        /// When it was issued, Unix milliseconds.
        issued_ms: i64,
    },
}

/// Issues and opens tokens under a key.
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// Tokens under `key`, which stays the same over restarts so that iterators outlive them.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A token of an iterator.
    pub(super) fn issue_iterator(&self, iterator: &ShardIterator, now_ms: i64) -> String {
        let mut content = begin(1, now_ms);
        content.extend_from_slice(&iterator.created_ms.to_be_bytes());
        content.extend_from_slice(&iterator.cursor.0.0);
        put_name(&mut content, &iterator.stream);
        put_name(&mut content, &iterator.shard);
        self.seal(content)
    }

    /// The iterator of a token.
    pub(super) fn open_iterator(&self, token: &str, now_ms: i64) -> Result<ShardIterator, TokenError> {
        let content = self.open(1, token, now_ms)?;
        let mut rest = content.as_slice();
        let mut read = || {
            let created_ms = i64::from_be_bytes(take(&mut rest)?);
            let cursor = Cursor(SequenceNumber(take(&mut rest)?));
            let (stream, shard) = (take_name(&mut rest)?, take_name(&mut rest)?);
            rest.is_empty().then_some(ShardIterator { stream, created_ms, shard, cursor })
        };
        read().ok_or(TokenError::Invalid)
    }

    /// A token of a page.
    pub(super) fn issue_page(&self, page: &PageToken, now_ms: i64) -> String {
        let mut content = begin(2, now_ms);
        content.extend_from_slice(&page.created_ms.to_be_bytes());
        put_name(&mut content, &page.stream);
        put_name(&mut content, &page.after);
        self.seal(content)
    }

    /// The page of a token.
    pub(super) fn open_page(&self, token: &str, now_ms: i64) -> Result<PageToken, TokenError> {
        let content = self.open(2, token, now_ms)?;
        let mut rest = content.as_slice();
        let mut read = || {
            let created_ms = i64::from_be_bytes(take(&mut rest)?);
            let (stream, after) = (take_name(&mut rest)?, take_name(&mut rest)?);
            rest.is_empty().then_some(PageToken { stream, created_ms, after })
        };
        read().ok_or(TokenError::Invalid)
    }

    fn seal(&self, mut content: Vec<u8>) -> String {
        let checksum = self.checksum(&content);
        content.extend_from_slice(&checksum);
        STANDARD.encode(content)
    }

    /// Checks a token and gives what stands behind its kind and time.
    fn open(&self, kind: u8, token: &str, now_ms: i64) -> Result<Vec<u8>, TokenError> {
        let mut content = STANDARD.decode(token).map_err(|_| TokenError::Invalid)?;
        let length = content.len().checked_sub(CHECKSUM_LENGTH).ok_or(TokenError::Invalid)?;
        let checksum = content.split_off(length);
        if checksum != self.checksum(&content) || content.first() != Some(&kind) {
            return Err(TokenError::Invalid);
        }
        let mut rest = &content[1..];
        let issued_ms = i64::from_be_bytes(take(&mut rest).ok_or(TokenError::Invalid)?);
        if now_ms.saturating_sub(issued_ms) > TOKEN_LIFETIME_MS {
            return Err(TokenError::Expired { issued_ms });
        }
        Ok(rest.to_vec())
    }

    /// Truncated, SHA-256 over key and content is safe from extension, and so a keyed checksum.
    fn checksum(&self, content: &[u8]) -> [u8; CHECKSUM_LENGTH] {
        let digest = Sha256::new().chain_update(self.key).chain_update(content).finalize();
        std::array::from_fn(|index| digest[index])
    }
}

fn begin(kind: u8, now_ms: i64) -> Vec<u8> {
    let mut content = Vec::with_capacity(128);
    content.push(kind);
    content.extend_from_slice(&now_ms.to_be_bytes());
    content
}

/// Names of streams and shards have at most 128 characters of ASCII.
fn put_name(content: &mut Vec<u8>, name: &str) {
    content.push(u8::try_from(name.len()).expect("a name was checked before it came here"));
    content.extend_from_slice(name.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn take_name(rest: &mut &[u8]) -> Option<String> {
    let [length] = take(rest)?;
    let (name, tail) = rest.split_at_checked(length.into())?;
    *rest = tail;
    String::from_utf8(name.to_vec()).ok()
}

impl TokenError {
    /// As GetRecords says it.
    pub(super) fn of_iterator(self, now_ms: i64) -> ApiError {
        match self {
            Self::Invalid => ApiError::invalid_argument("Invalid ShardIterator."),
            Self::Expired { issued_ms } => ApiError::new(
                "ExpiredIteratorException",
                format!(
                    "Iterator expired. The iterator was created at time {} while right now it is {} which is further \
                     in the future than the tolerated delay of {TOKEN_LIFETIME_MS} milliseconds.",
                    utc(issued_ms),
                    utc(now_ms)
                ),
            ),
        }
    }

    /// As the paged lists say it.
    pub(super) fn of_page(self) -> ApiError {
        match self {
            Self::Invalid => ApiError::invalid_argument("Invalid NextToken."),
            Self::Expired { .. } => ApiError::new(
                "ExpiredNextTokenException",
                format!("NextToken expired. It is valid for {TOKEN_LIFETIME_MS} milliseconds; list anew."),
            ),
        }
    }
}

/// A time as the API shows it: `Thu Jan 22 01:22:02 UTC 2015`. `ms` is Unix milliseconds.
fn utc(ms: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a date, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years begin in March, so
    // that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        WEEKDAYS[days.rem_euclid(7) as usize],
        MONTHS[month as usize],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn iterator() -> ShardIterator {
        ShardIterator {
            stream: "events".to_owned(),
            created_ms: 1_700_000_000_123,
            shard: "shardId-000000000003".to_owned(),
            cursor: Cursor("49590338271490256608559692538361571095921575989136588898".parse().unwrap()),
        }
    }

    #[test]
    fn an_iterator_comes_back_as_it_was_issued_for_five_minutes() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.issue_iterator(&iterator(), 1000);
        assert!(token.len() <= 512);
        assert_eq!(tokens.open_iterator(&token, 1000 + TOKEN_LIFETIME_MS), Ok(iterator()));
        assert_eq!(
            tokens.open_iterator(&token, 1001 + TOKEN_LIFETIME_MS),
            Err(TokenError::Expired { issued_ms: 1000 })
        );
    }

    #[test]
    fn a_page_is_not_an_iterator_and_another_key_opens_neither() {
        let tokens = Tokens::new([7; 32]);
        let page = PageToken { stream: "s".to_owned(), created_ms: 5, after: "shardId-1".to_owned() };
        let token = tokens.issue_page(&page, 0);
        assert_eq!(tokens.open_page(&token, 0), Ok(page));
        assert_eq!(tokens.open_iterator(&token, 0), Err(TokenError::Invalid));
        assert_eq!(Tokens::new([8; 32]).open_page(&token, 0), Err(TokenError::Invalid));
    }

    #[test]
    fn names_of_the_longest_kind_fit_the_longest_iterator() {
        let longest = ShardIterator { stream: "s".repeat(128), shard: "s".repeat(128), ..iterator() };
        assert!(Tokens::new([0; 32]).issue_iterator(&longest, 0).len() <= 512);
    }

    #[test]
    fn times_read_as_the_api_shows_them() {
        assert_eq!(utc(1_421_889_722_000), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(utc(951_782_400_000), "Tue Feb 29 00:00:00 UTC 2000");
        assert_eq!(utc(0), "Thu Jan 01 00:00:00 UTC 1970");
    }

    proptest! {
        #[test]
        fn an_altered_token_is_refused(place in 0usize..300, bit in 0u8..8) {
            let tokens = Tokens::new([7; 32]);
            let mut bytes = STANDARD.decode(tokens.issue_iterator(&iterator(), 0)).unwrap();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(tokens.open_iterator(&STANDARD.encode(bytes), 0), Err(TokenError::Invalid));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,400}") {
            prop_assert!(Tokens::new([7; 32]).open_iterator(&text, 0).is_err());
        }
    }
}
