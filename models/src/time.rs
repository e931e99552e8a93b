//! Points in time as text: reading timestamps, and writing them for people. Civil dates by Howard
//! Hinnant's algorithms ("chrono-Compatible Low-Level Date Algorithms").

/// A point in time as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Unix milliseconds; what has no zone was taken as UTC.
    pub unix_ms: i64,
    /// Whether the text named a zone.
    pub zoned: bool,
}

/// First and last millisecond of the years 0 to 9999.
pub const UNIX_MS_RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Seconds below which a number is taken as seconds, and from which on as milliseconds.
const SECONDS_BELOW: f64 = 1e11;

const DAY_MS: i64 = 86_400_000;

/// Reads an RFC 3339 timestamp. A space may stand for the `T`; the zone, the seconds, or all of the
/// time of day may be missing.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let date = bytes.get(..10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight_ms = days_from_civil(year, month, day) * DAY_MS;
    let Some((separator, rest)) = bytes[10..].split_first() else {
        return Some(Timestamp { unix_ms: midnight_ms, zoned: false });
    };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (hour, minute, mut rest) = (digits(rest.get(..2)?)?, digits(rest.get(3..5)?)?, &rest[5..]);
    if bytes[13] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let mut time_ms = (hour * 60 + minute) * 60_000;
    if let [b':', tail @ ..] = rest {
        let second = digits(tail.get(..2)?)?;
        // A leap second counts as the second behind it.
        if second > 60 {
            return None;
        }
        time_ms += second * 1000;
        rest = &tail[2..];
        if let [b'.' | b',', tail @ ..] = rest {
            let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return None;
            }
            for (place, unit) in [100, 10, 1].into_iter().enumerate().take(length) {
                time_ms += i64::from(tail[place] - b'0') * unit;
            }
            rest = &tail[length..];
        }
    }
    let offset_ms = parse_zone(rest)?;
    let unix_ms = midnight_ms + time_ms - offset_ms.unwrap_or(0);
    Some(Timestamp { unix_ms, zoned: offset_ms.is_some() })
}

/// The offset of a zone, `None` inside where there is none.
fn parse_zone(bytes: &[u8]) -> Option<Option<i64>> {
    let (sign, hour, minute) = match bytes {
        [] => return Some(None),
        b"Z" | b"z" | b" UTC" => return Some(Some(0)),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        [sign, h1, h2] => (sign, [*h1, *h2], *b"00"),
        _ => return None,
    };
    let (hour, minute) = (digits(&hour)?, digits(&minute)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let offset_ms = (hour * 60 + minute) * 60_000;
    match sign {
        b'+' => Some(Some(offset_ms)),
        b'-' => Some(Some(-offset_ms)),
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Reads a number of seconds (below 1e11) or milliseconds since 1970. `None` for what is no number, and
/// for what lies outside the years 0 to 9999.
pub fn parse_epoch(text: &str) -> Option<i64> {
    let whole = text.len() <= 17
        && digits(text.strip_prefix('-').unwrap_or(text).as_bytes()).is_some()
        && !text.is_empty();
    let unix_ms = if whole {
        let number: i64 = text.parse().ok()?;
        if number.unsigned_abs() < SECONDS_BELOW as u64 { number * 1000 } else { number }
    } else {
        let number: f64 = text.parse().ok()?;
        let unix_ms = if number.abs() < SECONDS_BELOW { number * 1000.0 } else { number };
        // A cast saturates, and takes NaN as 0; the range and the check let neither pass.
        if !unix_ms.is_finite() {
            return None;
        }
        libm::round(unix_ms) as i64
    };
    UNIX_MS_RANGE.contains(&unix_ms).then_some(unix_ms)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of so many days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Year, month (from 1) and day of a time, UTC.
pub fn civil_date(unix_ms: i64) -> (i64, i64, i64) {
    civil_from_days(unix_ms.div_euclid(DAY_MS))
}

/// Date and time of day, such as `2026-11-24 14:03:10 UTC`.
pub fn format_utc(unix_ms: i64) -> String {
    let (year, month, day) = civil_from_days(unix_ms.div_euclid(DAY_MS));
    let second = unix_ms.rem_euclid(DAY_MS) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// RFC 3339 with milliseconds, such as `2026-11-24T14:03:10.250Z`.
pub fn format_rfc3339(unix_ms: i64) -> String {
    let (year, month, day) = civil_from_days(unix_ms.div_euclid(DAY_MS));
    let ms = unix_ms.rem_euclid(DAY_MS);
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(text: &str) -> Option<i64> {
        parse_timestamp(text).map(|timestamp| timestamp.unix_ms)
    }

    #[test]
    fn reads_what_rfc_3339_gives_as_examples() {
        assert_eq!(ms("1985-04-12T23:20:50.52Z"), Some(482_196_050_520));
        assert_eq!(ms("1996-12-19T16:39:57-08:00"), Some(851_042_397_000));
        assert_eq!(ms("1990-12-31T23:59:60Z"), Some(662_688_000_000));
        assert_eq!(ms("1937-01-01T12:00:27.87+00:20"), Some(-1_041_337_172_130));
    }

    #[test]
    fn a_time_without_zone_is_utc_and_says_so() {
        let parsed = parse_timestamp("2014-04-01 00:00:00").unwrap();
        assert_eq!(parsed, Timestamp { unix_ms: 1_396_310_400_000, zoned: false });
        assert_eq!(ms("2014-04-01"), Some(1_396_310_400_000));
        assert_eq!(ms("2014-04-01 00:00"), Some(1_396_310_400_000));
        assert!(parse_timestamp("2014-04-01 00:00:00+0200").unwrap().zoned);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "x",
            "2014",
            "2014-13-01",
            "2014-02-29",
            "2014-02-28T24:00",
            "2014-02-28T23:60",
            "2014-02-28T1:00",
            "2014-02-28T01:00:61",
            "2014-02-28T01:00:00.",
            "2014-02-28T01:00:00+25:00",
            "2014-02-28T01:00:00 x",
            "2014-02-28T01x00",
            "2014-02-28é01:00",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        assert_eq!(parse_epoch("1732400000"), Some(1_732_400_000_000));
        assert_eq!(parse_epoch("1732400000.5"), Some(1_732_400_000_500));
        assert_eq!(parse_epoch("1732400000123"), Some(1_732_400_000_123));
        assert_eq!(parse_epoch("1.7324e12"), Some(1_732_400_000_000));
        assert_eq!(parse_epoch("-1"), Some(-1000));
        for text in ["", "-", "NaN", "inf", "1e300", "1732400000123456", "12 x"] {
            assert_eq!(parse_epoch(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_time_is_read_back(second in *UNIX_MS_RANGE.start() / 1000..=*UNIX_MS_RANGE.end() / 1000) {
            prop_assert_eq!(ms(&format_utc(second * 1000)), Some(second * 1000));
        }

        #[test]
        fn rfc_3339_keeps_the_milliseconds(unix_ms in UNIX_MS_RANGE) {
            prop_assert_eq!(ms(&format_rfc3339(unix_ms)), Some(unix_ms));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9T:. +-]{0,30}|.{0,20}") {
            let _ = parse_timestamp(&text);
            let _ = parse_epoch(&text);
        }
    }
}
