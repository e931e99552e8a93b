//! One plain sentence for an alert.

mod number;

use crate::alert::{FieldEvidence, NearestEpisode};
use crate::time::{civil_date, format_utc};
use number::number;

const DAY_MS: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Fields named in a sentence, and the share of the surprise that each must have.
const FIELDS_NAMED_MAX: usize = 3;
const SHARE_MIN: f64 = 0.15;

/// From this similarity on a past episode is named.
const ALIKE_MIN: f64 = 0.8;
/// Characters of a name that are shown of one that is longer: so many of its beginning and of its end.
const NAME_PART: usize = 40;

/// What was unusual: `cpu of web-1 was 97.2, expected 31 to 58 (about 44); unusual since 14:03:10 UTC, as on
/// 3 March 14:05`.
///
/// `fields` are those of the peak, the one that contributed most first, and `still` says of each whether it has stood
/// still for too long. The times are those of the opening and of the peak.
pub(super) fn anomaly(
    series: &str,
    fields: &[FieldEvidence],
    still: &[bool],
    nearest: Option<&NearestEpisode>,
    [opened_ms, peak_ms]: [i64; 2],
) -> String {
    let named = |(at, field): &(usize, &FieldEvidence)| *at == 0 || field.contribution >= SHARE_MIN;
    let is_vector = fields.len() > 1;
    let fields: Vec<_> = fields.iter().take(FIELDS_NAMED_MAX).enumerate().take_while(named).collect();
    // Fields that are each as usual are unusual together, and one that is alone is so beside the others.
    let together = is_vector && fields.iter().all(|(at, field)| is_in_band(field) && !still[*at]);
    let clauses = fields.iter().map(|(at, field)| {
        let subject = match (at, &*field.name) {
            (0, "") => name(series),
            (0, field) => format!("{} of {}", name(field), name(series)),
            (_, "") => "the value without a name".into(),
            (_, field) => name(field),
        };
        clause(&subject, field, still[*at], together)
    });
    let mut sentence = clauses.collect::<Vec<_>>().join(", and ");
    if together {
        let alone = ", unlike what its other fields say";
        sentence.push_str(if fields.len() > 1 { ", an unusual combination" } else { alone });
    }
    sentence.push_str("; unusual since ");
    sentence.push_str(&since(opened_ms, peak_ms));
    if let Some(nearest) = nearest.filter(|nearest| nearest.similarity >= ALIKE_MIN) {
        sentence.push_str(", as on ");
        sentence.push_str(&day_and_minute(nearest.opened_ms, peak_ms));
    }
    sentence
}

/// A name on one line and of a bounded length, whatever producers call their series.
fn name(text: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let count = text.chars().count();
    if count <= 2 * NAME_PART + 1 {
        return text.chars().map(plain).collect();
    }
    let (head, tail) = (text.chars().take(NAME_PART), text.chars().skip(count - NAME_PART));
    head.map(plain).chain(['…']).chain(tail.map(plain)).collect()
}

/// The time of day, with the date where the peak came on another one.
fn since(opened_ms: i64, peak_ms: i64) -> String {
    let (opened, peak) = (format_utc(opened_ms), format_utc(peak_ms));
    match (opened.split_once(' '), peak.split_once(' ')) {
        (Some((date, time)), Some((peak_date, _))) if date == peak_date => time.into(),
        _ => opened,
    }
}

/// `3 March 14:05`, with the year where `now_ms` is in another one; UTC.
fn day_and_minute(time_ms: i64, now_ms: i64) -> String {
    let (year, month, day) = civil_date(time_ms);
    let month = MONTHS[month as usize - 1];
    let minute = time_ms.rem_euclid(DAY_MS) / 60_000;
    let clock = format!("{:02}:{:02}", minute / 60, minute % 60);
    if year == civil_date(now_ms).0 {
        format!("{day} {month} {clock}")
    } else {
        format!("{day} {month} {year} {clock}")
    }
}

fn is_in_band(field: &FieldEvidence) -> bool {
    (field.lower..=field.upper).contains(&field.observed)
}

fn clause(subject: &str, field: &FieldEvidence, still: bool, together: bool) -> String {
    let FieldEvidence { observed, expected, lower, upper, .. } = *field;
    if observed.is_nan() {
        return format!("{subject} was missing");
    }
    if !(lower.is_finite() && upper.is_finite() && expected.is_finite()) {
        return format!("{subject} was {}, unlike before", number(observed, &[]));
    }
    // As many digits as tell what was observed from the band.
    let apart = [lower, upper];
    let was = number(observed, &apart);
    // Beside what was observed, a billionth of it is nothing.
    let nothing = if observed.is_finite() { 1e-9 * observed.abs() } else { 0.0 };
    let visible = |value: f64| if value.abs() < nothing { 0.0 } else { value };
    let [expected, lower, upper] = [expected, lower, upper].map(|value| number(visible(value), &[observed]));
    let band = if lower == upper { lower } else { format!("{lower} to {upper} (about {expected})") };
    if still {
        return format!("{subject} has stood still at {was} for longer than before, usual is {band}");
    }
    match (is_in_band(field), together) {
        (true, true) => format!("{subject} was {was}, usual is {band}"),
        (true, false) => format!("{subject} was {was} in an unusual sequence, usual is {band}"),
        (false, _) => format!("{subject} was {was}, expected {band}"),
    }
}

/// What is missing: `no record for 5 min, usually one every 10 s`.
pub(super) fn silence(pause_ms: i64, usual_ms: f64) -> String {
    format!("no record for {}, usually one every {}", duration(pause_ms as f64), duration(usual_ms))
}

fn duration(ms: f64) -> String {
    let units = [("d", 86_400_000.0), ("h", 3_600_000.0), ("min", 60_000.0)];
    // 90 s say more than 1.5 min, but 60 s are 1 min.
    for (unit, length) in units {
        let amount = ms / length;
        if amount >= 2.0 || (0.98..1.02).contains(&amount) {
            return format!("{} {unit}", number((amount * 10.0).round() / 10.0, &[]));
        }
    }
    if ms >= 950.0 {
        return format!("{} s", number((ms / 100.0).round() / 10.0, &[]));
    }
    format!("{} ms", number(ms.round().max(1.0), &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertId;

    fn field(name: &str, observed: f64, band: [f64; 3], contribution: f64) -> FieldEvidence {
        let [lower, expected, upper] = band;
        FieldEvidence { name: name.into(), observed, expected, lower, upper, contribution }
    }

    fn say(series: &str, fields: &[FieldEvidence], opened_ms: i64) -> String {
        anomaly(series, fields, &vec![false; fields.len()], None, [opened_ms; 2])
    }

    #[test]
    fn a_sentence_tells_what_was_observed_expected_and_since_when() {
        let fields =
            [field("cpu", 97.23, [31.04, 44.4, 58.21], 0.8), field("mem", 3.0, [4.0, 5.0, 6.0], 0.05)];
        assert_eq!(
            say("web-1", &fields, 1_700_000_000_000),
            "cpu of web-1 was 97.2, expected 31 to 58.2 (about 44.4); unusual since 22:13:20 UTC"
        );
    }

    #[test]
    fn up_to_three_fields_are_named() {
        let fields = ["a", "b", "c", "d"].map(|name| field(name, 9.0, [1.0, 2.0, 3.0], 0.25));
        let sentence = say("x", &fields, 0);
        assert!(sentence.starts_with("a of x was 9, expected 1 to 3 (about 2), and b was 9,"), "{sentence}");
        assert!(sentence.contains("and c was") && !sentence.contains("d was"), "{sentence}");
    }

    #[test]
    fn fields_that_are_each_as_usual_are_unusual_together() {
        let fields =
            [field("cpu", 40.0, [31.0, 44.0, 58.0], 0.5), field("mem", 20.0, [10.0, 20.0, 30.0], 0.5)];
        assert!(say("web-1", &fields, 0).starts_with(
            "cpu of web-1 was 40, usual is 31 to 58 (about 44), and mem was 20, usual is 10 to 30 (about 20), an \
             unusual combination; unusual since "
        ));
        assert!(say("web-1", &fields[..1], 0).contains("was 40 in an unusual sequence, usual is 31 to 58"));
        let one = [field("cpu", 40.0, [31.0, 44.0, 58.0], 0.9), field("mem", 20.0, [10.0, 20.0, 30.0], 0.1)];
        assert!(say("web-1", &one, 0).starts_with(
            "cpu of web-1 was 40, usual is 31 to 58 (about 44), unlike what its other fields say; unusual since "
        ));
        let fields = [field("cpu", 99.0, [31.0, 44.0, 58.0], 0.5), fields[1].clone()];
        let sentence = say("web-1", &fields, 0);
        assert!(
            sentence.contains("expected 31 to 58 (about 44), and mem was 20 in an unusual sequence"),
            "{sentence}"
        );
    }

    #[test]
    fn what_stands_still_is_said_to() {
        let fields = [field("flow", 3.1, [2.0, 3.0, 4.0], 0.7), field("pressure", 0.8, [0.5, 0.9, 1.3], 0.3)];
        let sentence = anomaly("pump-7", &fields, &[true, false], None, [0; 2]);
        assert_eq!(
            sentence,
            "flow of pump-7 has stood still at 3.1 for longer than before, usual is 2 to 4 (about 3), and pressure was \
             0.8 in an unusual sequence, usual is 0.5 to 1.3 (about 0.9); unusual since 00:00:00 UTC"
        );
    }

    #[test]
    fn a_past_episode_is_named_where_it_is_alike() {
        let fields = [field("", 9.0, [1.0, 2.0, 3.0], 1.0)];
        let opened_ms = 1_700_000_000_000;
        let like = |past_ms: i64, similarity: f64| {
            let nearest =
                NearestEpisode { id: AlertId([0; 16]), opened_ms: past_ms, duration_ms: 0, similarity };
            let sentence = anomaly("x", &fields, &[false], Some(&nearest), [opened_ms; 2]);
            sentence.split_once("since ").unwrap().1.to_owned()
        };
        assert_eq!(like(opened_ms - 255 * DAY_MS, 0.9), "22:13:20 UTC, as on 4 March 22:13");
        assert_eq!(like(opened_ms - 365 * DAY_MS, 0.9), "22:13:20 UTC, as on 14 November 2022 22:13");
        assert_eq!(like(opened_ms - DAY_MS, 0.7), "22:13:20 UTC");
    }

    #[test]
    fn an_episode_that_goes_on_for_days_names_the_day_it_began() {
        let fields = [field("", 9.0, [1.0, 2.0, 3.0], 1.0)];
        let sentence = anomaly("x", &fields, &[false], None, [1_700_000_000_000, 1_700_000_000_000 + DAY_MS]);
        assert!(sentence.ends_with("; unusual since 2023-11-14 22:13:20 UTC"), "{sentence}");
    }

    #[test]
    fn names_stay_on_one_line_and_short() {
        let long = "ab".repeat(500);
        let sentence = say(&long, &[field("a\nb\u{1b}[31m", 9.0, [1.0, 2.0, 3.0], 1.0)], 0);
        assert!(sentence.starts_with("a\u{fffd}b\u{fffd}[31m of abab"), "{sentence}");
        assert!(sentence.contains("ab…ab") && sentence.chars().count() < 200, "{sentence}");
    }

    #[test]
    fn magnitudes_of_all_kinds_read_well() {
        let say = |observed, band| say("x", &[field("", observed, band, 1.0)], 0);
        assert!(
            say(2.5e15, [1e15, 1.1e15, 1.2e15])
                .starts_with("x was 2.50e15, expected 1.00e15 to 1.20e15 (about")
        );
        assert!(
            say(3e-12, [1e-12, 1.1e-12, 1.2e-12])
                .starts_with("x was 3.00e-12, expected 1.00e-12 to 1.20e-12")
        );
        assert!(
            say(1e15 + 2.0, [1e15, 1e15, 1e15]).starts_with("x was 1.0000000000000020e15, expected 1.00")
        );
        assert!(say(f64::NEG_INFINITY, [0.0; 3]).starts_with("x was minus infinity, expected 0; "));
        assert!(say(1.0, [0.0; 3]).starts_with("x was 1, expected 0; "));
    }

    #[test]
    fn what_is_odd_reads_well_too() {
        let say = |observed, band| say("x", &[field("", observed, band, 1.0)], 0);
        assert!(say(f64::NAN, [1.0, 2.0, 3.0]).starts_with("x was missing; "));
        assert!(say(5.0, [f64::NAN; 3]).starts_with("x was 5, unlike before; "));
        assert!(say(f64::INFINITY, [1.0, 2.0, 3.0]).starts_with("x was infinity, expected 1 to 3 (about 2)"));
        assert!(say(2.5, [1.0, 2.0, 3.0]).starts_with("x was 2.5 in an unusual sequence, usual is 1 to 3"));
        assert!(say(5.0, [-1e-300, 0.0, 1e-300]).starts_with("x was 5, expected 0; "));
        assert!(say(5.0, [7.0; 3]).starts_with("x was 5, expected 7; "));
        assert!(say(100.02, [99.98, 100.0, 100.01]).starts_with("x was 100.02, expected 99.98 to 100.01"));
    }

    #[test]
    fn silence_speaks_of_durations() {
        assert_eq!(silence(300_000, 10_000.0), "no record for 5 min, usually one every 10 s");
        assert_eq!(silence(60_000, 2000.0), "no record for 1 min, usually one every 2 s");
        assert_eq!(silence(90_000, 1500.0), "no record for 90 s, usually one every 1.5 s");
        assert_eq!(silence(10_000, 249.6), "no record for 10 s, usually one every 250 ms");
        assert_eq!(silence(10_400, 1040.0), "no record for 10.4 s, usually one every 1 s");
        assert_eq!(silence(3 * 86_400_000, 3_600_000.0), "no record for 3 d, usually one every 1 h");
    }
}
