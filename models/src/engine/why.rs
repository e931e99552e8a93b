//! One plain sentence for an alert.

use crate::alert::FieldEvidence;
use crate::time::format_utc;

/// Fields named in a sentence, and the share of the surprise that each must have.
const FIELDS_NAMED_MAX: usize = 3;
const SHARE_MIN: f64 = 0.15;

/// What was unusual: `cpu of web-1 was 97.2, expected 31 to 58 (about 44); unusual since 14:03:10 UTC`.
///
/// `fields` are those of the peak, the one that contributed most first.
pub(super) fn anomaly(series: &str, fields: &[FieldEvidence], opened_ms: i64) -> String {
    let mut parts = Vec::new();
    for (at, field) in fields.iter().take(FIELDS_NAMED_MAX).enumerate() {
        if at > 0 && field.contribution < SHARE_MIN {
            break;
        }
        let subject = match (at, &*field.name) {
            (0, "") => series.to_owned(),
            (0, name) => format!("{name} of {series}"),
            (_, name) => name.to_owned(),
        };
        parts.push(clause(&subject, field));
    }
    let time = format_utc(opened_ms);
    let time_of_day = &time[time.find(' ').map_or(0, |at| at + 1)..];
    format!("{}; unusual since {time_of_day}", parts.join(", and "))
}

fn clause(subject: &str, field: &FieldEvidence) -> String {
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
    if (field.lower..=field.upper).contains(&observed) {
        return format!("{subject} was {was} in an unusual sequence, usual is {band}");
    }
    format!("{subject} was {was}, expected {band}")
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

/// Three significant digits, four where the first is a 1, and more where it takes them to differ from
/// `others`.
fn number(value: f64, others: &[f64]) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "infinite".into() } else { "minus infinite".into() };
    }
    (3..=9)
        .map(|digits| (digits, with_digits(value, digits)))
        .find(|(digits, text)| {
            others.iter().all(|other| *other == value || with_digits(*other, *digits) != *text)
        })
        .map_or_else(|| with_digits(value, 17), |(_, text)| text)
}

fn with_digits(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    if !(-4..9).contains(&magnitude) {
        return format!("{value:.*e}", digits as usize - 1);
    }
    let leading_one = value.abs() < 2.0 * libm::pow(10.0, f64::from(magnitude));
    let digits = digits + i32::from(leading_one);
    let decimals = (digits - 1 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, observed: f64, band: [f64; 3], contribution: f64) -> FieldEvidence {
        let [lower, expected, upper] = band;
        FieldEvidence { name: name.into(), observed, expected, lower, upper, contribution }
    }

    #[test]
    fn a_sentence_tells_what_was_observed_expected_and_since_when() {
        let fields =
            [field("cpu", 97.23, [31.04, 44.4, 58.21], 0.8), field("mem", 3.0, [4.0, 5.0, 6.0], 0.05)];
        assert_eq!(
            anomaly("web-1", &fields, 1_700_000_000_000),
            "cpu of web-1 was 97.2, expected 31 to 58.2 (about 44.4); unusual since 22:13:20 UTC"
        );
    }

    #[test]
    fn up_to_three_fields_are_named() {
        let fields = ["a", "b", "c", "d"].map(|name| field(name, 9.0, [1.0, 2.0, 3.0], 0.25));
        let sentence = anomaly("x", &fields, 0);
        assert!(sentence.starts_with("a of x was 9, expected 1 to 3 (about 2), and b was 9,"), "{sentence}");
        assert!(sentence.contains("and c was") && !sentence.contains("d was"), "{sentence}");
    }

    #[test]
    fn what_is_odd_reads_well_too() {
        let say = |observed, band| anomaly("x", &[field("", observed, band, 1.0)], 0);
        assert!(say(f64::NAN, [1.0, 2.0, 3.0]).starts_with("x was missing; "));
        assert!(say(5.0, [f64::NAN; 3]).starts_with("x was 5, unlike before; "));
        assert!(say(f64::INFINITY, [1.0, 2.0, 3.0]).starts_with("x was infinite, expected 1 to 3 (about 2)"));
        assert!(say(2.5, [1.0, 2.0, 3.0]).starts_with("x was 2.5 in an unusual sequence, usual is 1 to 3"));
        assert!(say(5.0, [-1e-300, 0.0, 1e-300]).starts_with("x was 5, expected 0; "));
        assert!(say(5.0, [7.0; 3]).starts_with("x was 5, expected 7; "));
        assert!(say(100.02, [99.98, 100.0, 100.01]).starts_with("x was 100.02, expected 99.98 to 100.01"));
    }

    #[test]
    fn numbers_have_three_or_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (97.23, "97.2"),
            (1234.5, "1234"),
            (98765.4, "98765"),
            (0.012341, "0.01234"),
            (-0.5, "-0.5"),
            (1.5e12, "1.50e12"),
            (3.2e-9, "3.20e-9"),
            (100.0, "100"),
            (1e8, "100000000"),
        ] {
            assert_eq!(number(value, &[]), text);
        }
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
