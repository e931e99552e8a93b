//! An incident as it is shown.

use super::AlertKey;
use super::tokens::{Token, tokens};
use crate::alert::{Alert, AlertId, AlertKind, Severity};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Identifies an incident: a hash of the id of its first alert.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub [u8; 16]);

/// Alerts that belong together. One of a single alert is that alert and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// From its first alert.
    pub id: IncidentId,
    /// Its alerts, in the order in which they opened.
    pub members: Vec<Arc<Alert>>,
    /// How many series they are on.
    pub series: usize,
    /// When the first opened, Unix milliseconds.
    pub opened_ms: i64,
    /// Time of the last unusual observation of any.
    pub last_ms: i64,
    /// When the last closed; `None` while any is open.
    pub closed_ms: Option<i64>,
    /// The highest of the members'.
    pub severity: Severity,
    /// One plain sentence.
    pub title: String,
}

/// Of how many of the series a token has to be part before they are said to be of it.
const THEME_SHARE: f64 = 0.8;

impl IncidentId {
    /// The id of the incident that begins with this alert.
    pub fn new(first: AlertId) -> Self {
        let hash: [u8; 32] = Sha256::new().chain_update(b"incident").chain_update(first.0).finalize().into();
        Self(*hash.first_chunk().expect("16 of 32 bytes"))
    }
}

impl Incident {
    /// The incident of these alerts, which stand in their order.
    pub(super) fn of(members: Vec<Arc<Alert>>) -> Self {
        assert!(!members.is_empty(), "an incident has a member");
        debug_assert!(members.is_sorted_by_key(|alert| AlertKey::of(alert)));
        let mut keys: Vec<(&str, &str)> =
            members.iter().map(|alert| (&*alert.source.stream, &*alert.series)).collect();
        keys.sort_unstable();
        keys.dedup();
        let closed = members.iter().map(|alert| alert.closed_ms).collect::<Option<Vec<i64>>>();
        let title = title(&members, &keys);
        Self {
            id: IncidentId::new(members[0].id),
            series: keys.len(),
            opened_ms: members[0].opened_ms,
            last_ms: members.iter().map(|alert| alert.last_ms).max().expect("a member"),
            closed_ms: closed.and_then(|closed| closed.into_iter().max()),
            severity: members.iter().map(|alert| alert.severity).max().expect("a member"),
            title,
            members,
        }
    }
}

fn title(members: &[Arc<Alert>], keys: &[(&str, &str)]) -> String {
    let first = &members[0];
    let [_, .., last] = members else { return first.why.clone() };
    let within = span(last.opened_ms.saturating_sub(first.opened_ms));
    let silence = members.iter().all(|alert| alert.kind == AlertKind::Silence);
    let did = if silence { "went silent" } else { "broke" };
    if keys.len() == 1 {
        return format!("{} {did} {} times within {within}", first.series, members.len());
    }
    let of = theme(keys).map_or(String::new(), |theme| format!(" of {theme}"));
    format!("{} series{of} {did} within {within}; first {}", keys.len(), first.series)
}

/// The longest part that most of the keys have, and the one that more of them have among those of a length.
fn theme<'a>(keys: &[(&str, &'a str)]) -> Option<&'a str> {
    let mut counts: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for (_, key) in keys {
        for token in tokens(key) {
            let kind = u8::from(matches!(token, Token::Word(_)));
            *counts.entry((kind, token.text())).or_default() += 1;
        }
    }
    let most = counts.into_iter().filter(|(_, count)| *count as f64 >= THEME_SHARE * keys.len() as f64);
    let best = most.max_by_key(|((kind, text), count)| (*count, text.len(), *kind));
    best.map(|((_, text), _)| text)
}

/// A length of time in one unit: `40 s`, `3 min`, `2 h`, rounded up, so that it is never too short.
fn span(ms: i64) -> String {
    let seconds = ms.max(0).div_euclid(1000) + i64::from(ms % 1000 > 0);
    match seconds {
        0..=119 => format!("{} s", seconds.max(1)),
        120..=7_199 => format!("{} min", (seconds + 59) / 60),
        _ => format!("{} h", (seconds + 3_599) / 3_600),
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncidentId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_is_the_longest_part_that_most_keys_have() {
        let theme =
            |keys: &[&'static str]| theme(&keys.iter().map(|key| ("events", *key)).collect::<Vec<_>>());
        assert_eq!(theme(&["eu/web-7/cpu", "eu/web-7/disk"]), Some("eu/web-7"));
        assert_eq!(theme(&["cpu.web-7", "disk.web-7", "disk.sda.web-7"]), Some("web-7"));
        assert_eq!(theme(&["cpu", "memory"]), None);
        let most = ["a/1x", "a/2x", "a/3x", "a/4x", "b/5x"];
        assert_eq!(theme(&most), Some("a"));
    }

    #[test]
    fn a_span_is_never_too_short() {
        let spans = [0, 1, 1_000, 40_001, 119_000, 119_001, 7_200_000, 7_200_001].map(span);
        assert_eq!(spans, ["1 s", "1 s", "1 s", "41 s", "119 s", "2 min", "2 h", "3 h"]);
    }
}
