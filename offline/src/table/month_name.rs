//! Times whose month is a name, as mails, logs of web servers and `git log` write them.

use kizashi_models::time::parse_timestamp;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Unix milliseconds of `26 Nov 2026 21:52:03 +0000` (RFC 2822), `[26/Nov/2026:21:52:03 +0000]` (the Common Log
/// Format), or `Nov 26 21:52:03 2026 +0000` (`ctime`).
///
/// A weekday may stand before, and is not compared with the date; the brackets, the zone, and where the day comes
/// first the time of day may be missing.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = match text.strip_prefix('[') {
        Some(text) => text.strip_suffix(']')?,
        None => text,
    };
    let text = without_weekday(text);
    if text.starts_with(|c: char| c.is_ascii_digit()) { day_first(text) } else { month_first(text) }
}

/// Whether a line begins with a time and a bracket behind it.
pub(super) fn begins(line: &[u8]) -> bool {
    let end = line.iter().position(|byte| *byte == b']').unwrap_or_default();
    std::str::from_utf8(&line[..end]).is_ok_and(|text| parse(text).is_some())
}

fn without_weekday(text: &str) -> &str {
    match text.split_at_checked(3) {
        Some((day, rest)) if WEEKDAYS.iter().any(|weekday| weekday.eq_ignore_ascii_case(day)) => {
            rest.strip_prefix(',').unwrap_or(rest).trim_start()
        }
        _ => text,
    }
}

fn day_first(text: &str) -> Option<i64> {
    let separator = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, ' ' | '/' | '-'))?;
    let (day, rest) = text.split_once(separator)?;
    let (month, rest) = rest.split_once(separator)?;
    let (year, rest) = rest.split_at_checked(4)?;
    if rest.is_empty() {
        return time(year, month, day, "");
    }
    let clock = rest.strip_prefix([' ', ':'])?;
    let (clock, zone) = clock.split_once(' ').unwrap_or((clock, ""));
    time(year, month, day, &format!("T{clock}{}", as_offset(zone)))
}

fn month_first(text: &str) -> Option<i64> {
    let mut parts = text.split_ascii_whitespace();
    let [month, day, clock, year] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let zone = parts.next().unwrap_or_default();
    if parts.next().is_some() {
        return None;
    }
    time(year, month, day, &format!("T{clock}{}", as_offset(zone)))
}

/// A zone as RFC 3339 has it.
fn as_offset(zone: &str) -> &str {
    if ["GMT", "UTC", "UT"].contains(&zone) { "Z" } else { zone }
}

fn time(year: &str, month: &str, day: &str, clock: &str) -> Option<i64> {
    let month = 1 + MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    parse_timestamp(&format!("{year}-{month:02}-{day:0>2}{clock}")).map(|timestamp| timestamp.unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_models::time::civil_date;

    const MOMENT: i64 = 1_795_729_923_000;

    #[test]
    fn mails_logs_and_commits_write_the_same_moment() {
        for text in [
            "Thu Nov 26 21:52:03 2026 +0000",
            "Thu Nov 26 21:52:03 2026",
            "Thu Nov 26 23:52:03 2026 +0200",
            "Nov 26 21:52:03 2026",
            "Thu, 26 Nov 2026 21:52:03 +0000",
            "Thu, 26 Nov 2026 21:52:03 GMT",
            "26 Nov 2026 14:52:03 -0700",
            "THU, 26 NOV 2026 21:52:03.000 UTC",
            "26/Nov/2026:21:52:03 +0000",
            "[26/Nov/2026:21:52:03 +0000]",
            "[26/Nov/2026:22:52:03 +0100]",
            "26-Nov-2026 21:52:03",
        ] {
            assert_eq!(parse(text), Some(MOMENT), "{text}");
        }
        assert_eq!(parse("Sun Mar  1 00:00:00 2026"), parse("1 Mar 2026"));
        assert_eq!(parse("01-Mar-2026"), Some(1_772_323_200_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Thu",
            "Nov",
            "26 Nov",
            "26 Nov 26",
            "26 Nov 20266",
            "31 Nov 2026",
            "126 Nov 2026",
            "26 Nob 2026",
            "26 November 2026",
            "26/Nov 2026",
            "26 Nov 2026 25:00:00",
            "26 Nov 2026 21:52:03 CET",
            "[26/Nov/2026:21:52:03 +0000",
            "26/Nov/2026:21:52:03 +0000]",
            "Thx, 26 Nov 2026",
            "Nov 26 2026",
            "Thu Nov 26 21:52:03 UTC 2026",
            "Nov 26 21:52:03 2026 +0000 x",
            "é26 Nov 2026",
            "26 Nov 202é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_time_is_read_back_and_any_part_of_it_is_read_or_refused() {
        // Steps that are prime to days and hours, over the years 1969 to 2100.
        for step in 0..4000 {
            let unix_ms = -31_536_000_000 + step * 1_033_417 * 1000;
            let (year, month, day) = civil_date(unix_ms);
            let month = MONTHS[month as usize - 1];
            let second = unix_ms.rem_euclid(86_400_000) / 1000;
            let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let weekday = WEEKDAYS[(unix_ms.div_euclid(86_400_000) + 3).rem_euclid(7) as usize];
            for text in [
                format!("{weekday} {month} {day:>2} {clock} {year} +0000"),
                format!("{weekday}, {day} {month} {year} {clock} GMT"),
                format!("[{day:02}/{month}/{year}:{clock} +0000]"),
            ] {
                assert_eq!(parse(&text), Some(unix_ms), "{text}");
                if step % 100 == 0 {
                    (0..text.len()).for_each(|at| {
                        let _ = (parse(&text[at..]), parse(&text[..at]));
                    });
                }
            }
        }
    }
}
