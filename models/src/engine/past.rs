//! The past episodes of a series, and which of them a new one is most like.
//!
//! An episode's *shape* is how its leading fields deviate at its peak: in half widths of their bands, compressed by
//! asinh so that ten times as far counts as one step more, and weighted by what each field contributed. Two shapes
//! a and b are alike by 1 - |a - b| / (|a| + |b| + c), where |a| is the sum of the sizes: 1 for the same, 0 or little for
//! opposite ones and for those of other fields.

use crate::alert::{Alert, AlertId, FieldEvidence, NearestEpisode};
use crate::codec::{CodecError, Reader, put_f64, put_i64, put_varint};
use crate::observation::FIELDS_MAX;

/// Episodes kept of a series, the newest ones.
const KEPT_MAX: usize = 8;
/// Leading fields of a shape.
const LEADING_MAX: usize = 4;
/// Bound on a deviation, in half widths of its band; that of a constant has none.
const DEVIATION_MAX: f64 = 1e6;
/// The constant c: a difference of half a half width says little between deviations as small as that.
const INDISTINCT: f64 = 0.5;

/// The last closed episodes of a series, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Past {
    episodes: Vec<PastEpisode>,
}

#[derive(Clone, Debug, PartialEq)]
struct PastEpisode {
    id: AlertId,
    opened_ms: i64,
    duration_ms: i64,
    shape: Shape,
}

/// What a field's deviation comes to, by the place of the field in the series.
#[derive(Clone, Debug, PartialEq)]
struct Shape(Box<[(u16, f64)]>);

impl Past {
    /// Keeps an episode that has closed, of a series with these fields.
    pub(super) fn keep(&mut self, alert: &Alert, closed_ms: i64, fields: &[Box<str>]) {
        if self.episodes.len() == KEPT_MAX {
            self.episodes.remove(0);
        }
        self.episodes.push(PastEpisode {
            id: alert.id,
            opened_ms: alert.opened_ms,
            duration_ms: closed_ms.saturating_sub(alert.opened_ms).max(0),
            shape: Shape::new(&alert.fields, fields),
        });
    }

    /// The episode that is most like what is seen now; of equals the newest.
    pub(super) fn nearest(&self, evidence: &[FieldEvidence], fields: &[Box<str>]) -> Option<NearestEpisode> {
        if self.episodes.is_empty() {
            return None;
        }
        let shape = Shape::new(evidence, fields);
        let alike = self.episodes.iter().map(|episode| NearestEpisode {
            id: episode.id,
            opened_ms: episode.opened_ms,
            duration_ms: episode.duration_ms,
            similarity: shape.similarity(&episode.shape),
        });
        alike.max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.episodes.len() as u64);
        for episode in &self.episodes {
            out.extend_from_slice(&episode.id.0);
            put_i64(out, episode.opened_ms);
            put_i64(out, episode.duration_ms);
            put_varint(out, episode.shape.0.len() as u64);
            for (field, deviation) in &episode.shape.0 {
                put_varint(out, u64::from(*field));
                put_f64(out, *deviation);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = reader.length(33)?;
        if count > KEPT_MAX {
            return Err(CodecError("too many past episodes"));
        }
        let mut episodes = Vec::with_capacity(count);
        for _ in 0..count {
            let id = AlertId(reader.array()?);
            let (opened_ms, duration_ms) = (reader.i64()?, reader.i64()?);
            let leading = reader.length(9)?;
            if leading > LEADING_MAX {
                return Err(CodecError("too many fields of a past episode"));
            }
            let mut shape = Vec::with_capacity(leading);
            for _ in 0..leading {
                let field = reader.varint()?;
                if field >= FIELDS_MAX as u64 {
                    return Err(CodecError("a field that no series has"));
                }
                shape.push((field as u16, reader.f64()?));
            }
            episodes.push(PastEpisode { id, opened_ms, duration_ms, shape: Shape(shape.into()) });
        }
        Ok(Self { episodes })
    }
}

impl Shape {
    /// Of evidence, the field that contributed most first.
    fn new(evidence: &[FieldEvidence], fields: &[Box<str>]) -> Self {
        let leading = &evidence[..evidence.len().min(LEADING_MAX)];
        let nothing_stands_out = leading.iter().all(|field| field.contribution == 0.0);
        let component = |field: &FieldEvidence| {
            let at = fields.iter().position(|name| *name == field.name)?;
            let weight = if nothing_stands_out { 1.0 / leading.len() as f64 } else { field.contribution };
            Some((at as u16, weight * compressed(field)))
        };
        Self(leading.iter().filter_map(component).collect())
    }

    /// Bray and Curtis' similarity, of signed numbers and with a constant.
    fn similarity(&self, other: &Self) -> f64 {
        let length = |shape: &Self| shape.0.iter().map(|(_, deviation)| deviation.abs()).sum::<f64>();
        let shared =
            self.0.iter().map(|(field, deviation)| (deviation - other.of(*field)).abs()).sum::<f64>();
        let others = other.0.iter().filter(|(field, _)| !self.has(*field));
        let apart = shared + others.map(|(_, deviation)| deviation.abs()).sum::<f64>();
        (1.0 - apart / (length(self) + length(other) + INDISTINCT)).clamp(0.0, 1.0)
    }

    fn has(&self, field: u16) -> bool {
        self.0.iter().any(|(own, _)| *own == field)
    }

    /// The deviation of a field, 0 where it is not among the leading ones.
    fn of(&self, field: u16) -> f64 {
        self.0.iter().find(|(own, _)| *own == field).map_or(0.0, |(_, deviation)| *deviation)
    }
}

/// The deviation of a field; 0 where it was missing or nothing was expected.
fn compressed(field: &FieldEvidence) -> f64 {
    let half_width = (field.upper / 2.0 - field.lower / 2.0).max(0.0);
    let deviation = (field.observed - field.expected) / half_width;
    if deviation.is_nan() { 0.0 } else { libm::asinh(deviation.clamp(-DEVIATION_MAX, DEVIATION_MAX)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertKind, Severity};
    use crate::position::{Position, Source};
    use proptest::prelude::*;

    fn field(name: &str, observed: f64, contribution: f64) -> FieldEvidence {
        FieldEvidence { name: name.into(), observed, expected: 0.0, lower: -1.0, upper: 1.0, contribution }
    }

    fn alert(number: u8, fields: Vec<FieldEvidence>) -> Alert {
        Alert {
            id: AlertId([number; 16]),
            series: "x".into(),
            kind: AlertKind::Anomaly,
            severity: Severity::Info,
            opened_ms: i64::from(number) * 1000,
            last_ms: 0,
            closed_ms: None,
            surprise: 5.0,
            anomaly_score: 0.5,
            observations: 1,
            fields,
            why: String::new(),
            nearest: None,
            snapshot: [0; 32],
            source: Source { stream: "s".into(), shard: "0".into(), position: Position::default() },
        }
    }

    /// A past of a series of one value, whose episodes peaked at these values.
    fn past(peaks: &[f64]) -> Past {
        let mut past = Past::default();
        for (peak, number) in peaks.iter().zip(1..) {
            past.keep(&alert(number, vec![field("", *peak, 1.0)]), i64::from(number) * 1500, &["".into()]);
        }
        past
    }

    fn nearest(past: &Past, peak: f64) -> (u8, f64) {
        let found = past.nearest(&[field("", peak, 1.0)], &["".into()]).unwrap();
        (found.id.0[0], found.similarity)
    }

    #[test]
    fn the_nearest_deviates_as_far_to_the_same_side() {
        let past = past(&[10.0, -10.0, 1000.0]);
        assert_eq!(nearest(&past, -10.0), (2, 1.0));
        let (id, similarity) = nearest(&past, 12.0);
        assert!(id == 1 && (0.95..1.0).contains(&similarity), "{id} {similarity}");
        let (id, similarity) = nearest(&past, 400.0);
        assert!(id == 3 && (0.9..0.95).contains(&similarity), "{id} {similarity}");
        assert!(nearest(&self::past(&[10.0]), -10.0).1 < 0.1);
        assert_eq!(Past::default().nearest(&[field("", 9.0, 1.0)], &["".into()]), None);
    }

    #[test]
    fn of_equals_the_newest_is_named_with_how_long_it_was() {
        let past = past(&[9.0, 9.0]);
        let found = past.nearest(&[field("", 9.0, 1.0)], &["".into()]).unwrap();
        assert_eq!((found.id.0[0], found.opened_ms, found.duration_ms), (2, 2000, 1000));
    }

    #[test]
    fn only_so_many_are_kept() {
        let past = past(&[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(past.episodes.len(), KEPT_MAX);
        assert_eq!(nearest(&past, 2.0).0, 2, "the first is gone");
    }

    #[test]
    fn vectors_are_alike_by_the_fields_that_contributed() {
        let names = ["a".into(), "b".into(), "c".into()];
        let mut past = Past::default();
        past.keep(&alert(1, vec![field("a", 20.0, 0.8), field("b", 1.0, 0.2)]), 0, &names);
        past.keep(&alert(2, vec![field("c", 20.0, 0.9), field("a", 1.0, 0.1)]), 0, &names);
        let nearest = |evidence: &[FieldEvidence]| {
            let found = past.nearest(evidence, &names).unwrap();
            (found.id.0[0], found.similarity)
        };
        let (id, similarity) = nearest(&[field("a", 25.0, 0.7), field("c", 1.0, 0.3)]);
        assert!(id == 1 && similarity > 0.8, "{id} {similarity}");
        let (id, similarity) = nearest(&[field("c", 25.0, 1.0)]);
        assert!(id == 2 && similarity > 0.8, "{id} {similarity}");
        let (_, similarity) = nearest(&[field("b", 25.0, 1.0)]);
        assert!(similarity < 0.15, "{similarity}");
    }

    #[test]
    fn what_has_no_band_or_no_value_is_bounded() {
        let odd =
            |observed, lower, upper| compressed(&FieldEvidence { lower, upper, ..field("", observed, 1.0) });
        let most = libm::asinh(DEVIATION_MAX);
        assert_eq!(odd(5.0, 0.0, 0.0), most, "a constant");
        assert_eq!(odd(f64::NEG_INFINITY, -1.0, 1.0), -most);
        assert_eq!(odd(f64::NAN, -1.0, 1.0), 0.0);
        assert_eq!(odd(5.0, f64::NAN, f64::NAN), most);
        assert!(odd(1e308, f64::MIN, f64::MAX) < 1.0);
    }

    proptest! {
        #[test]
        fn similarity_is_of_both_and_within_0_and_1(
            a in prop::collection::vec((0..6u16, -20.0..20.0f64), 0..LEADING_MAX),
            b in prop::collection::vec((0..6u16, -20.0..20.0f64), 0..LEADING_MAX),
        ) {
            let shape = |mut parts: Vec<(u16, f64)>| {
                parts.sort_by_key(|part| part.0);
                parts.dedup_by_key(|part| part.0);
                Shape(parts.into())
            };
            let (a, b) = (shape(a), shape(b));
            let similarity = a.similarity(&b);
            prop_assert!((0.0..=1.0).contains(&similarity));
            prop_assert!((similarity - b.similarity(&a)).abs() < 1e-12);
            prop_assert_eq!(a.similarity(&a), 1.0);
        }

        #[test]
        fn it_comes_back_from_its_bytes(peaks in prop::collection::vec(-1e9..1e9f64, 0..20)) {
            let past = past(&peaks);
            let mut bytes = Vec::new();
            past.encode(&mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(Past::decode(&mut reader), Ok(past));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }
}
