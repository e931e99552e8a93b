//! How a column writes its times, found out from a sample of it.

use super::month_name;
use kizashi_models::time::{parse_epoch, parse_timestamp};

/// Numbers that are taken for times without being asked: from 1990 to 2100.
const EPOCH_MS_USUAL: std::ops::Range<i64> = 631_152_000_000..4_102_444_800_000;

/// Which of day and month comes first where the year comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// `31/01/2014`.
    DayFirst,
    /// `01/31/2014`.
    MonthFirst,
}

/// How times are written. What has no zone is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFormat {
    /// RFC 3339 and its like, or a number since 1970: seconds below 1e11, else milliseconds; from 2.5e14 on
    /// microseconds, from 1e17 on nanoseconds. A column may hold both.
    Standard,
    /// `20140131`, or `20140131093000`, with a `T` or without.
    Compact,
    /// `2014/01/31 9:30`.
    YearFirst,
    /// `31.01.2014 9:30` or `1/31/2014 9:30 AM`.
    YearLast(DateOrder),
    /// `Thu, 26 Nov 2026 21:52:03 +0000`, and as `git log` and the logs of web servers have it.
    MonthName,
}

/// Why a column's format can't be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It holds something that is no time.
    NoTime,
    /// Day and month could stand either way.
    Order,
}

impl TimeFormat {
    /// The first format under which every cell of a sample is a time.
    pub(super) fn find<'a>(
        cells: impl Iterator<Item = &'a [u8]> + Clone,
        order: Option<DateOrder>,
    ) -> Result<Self, Unknown> {
        if cells.clone().next().is_none() {
            return Err(Unknown::NoTime);
        }
        let times = |format: Self| cells.clone().map(move |cell| format.parse(cell));
        let fits = |format: &Self| times(*format).all(|time_ms| time_ms.is_some());
        if let Some(format) =
            [Self::Compact, Self::Standard, Self::YearFirst, Self::MonthName].into_iter().find(fits)
        {
            return Ok(format);
        }
        let mut fitting = [DateOrder::DayFirst, DateOrder::MonthFirst].map(Self::YearLast).to_vec();
        fitting.retain(|format| order.is_none_or(|order| *format == Self::YearLast(order)) && fits(format));
        if fitting.len() > 1 {
            // Times that never fall speak for an order; dots are how those write who begin with the day.
            let rises: Vec<bool> = fitting.iter().map(|format| times(*format).is_sorted()).collect();
            if let [day_first, month_first] = rises[..]
                && day_first != month_first
            {
                return Ok(fitting[usize::from(month_first)]);
            }
            if !cells.clone().all(|cell| cell.contains(&b'.') && !cell.contains(&b'/')) {
                return Err(Unknown::Order);
            }
        }
        fitting.first().copied().ok_or(Unknown::NoTime)
    }

    /// Unix milliseconds.
    pub(super) fn parse(self, cell: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(cell).ok()?.trim();
        match self {
            Self::Standard => parse_timestamp(text)
                .map(|timestamp| timestamp.unix_ms)
                .or_else(|| parse_epoch(text))
                .or_else(|| parse_fine_epoch(text)),
            Self::Compact => parse_compact(text),
            Self::YearFirst | Self::YearLast(_) => self.parse_civil(text),
            Self::MonthName => month_name::parse(text),
        }
    }

    fn parse_civil(self, text: &str) -> Option<i64> {
        let separator =
            text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '/' | '.' | '-'))?;
        let (first, rest) = text.split_once(separator)?;
        let (second, rest) = rest.split_once(separator)?;
        let (third, clock) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (year, month, day) = match self {
            Self::YearLast(DateOrder::DayFirst) => (third, second, first),
            Self::YearLast(DateOrder::MonthFirst) => (third, first, second),
            _ => (first, second, third),
        };
        let is_number =
            |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || !is_number(month) || !is_number(day) {
            return None;
        }
        let clock = clock_24(clock)?;
        parse_timestamp(&format!("{year}-{month:0>2}-{day:0>2}{clock}")).map(|timestamp| timestamp.unix_ms)
    }
}

/// A time of day with hours of two digits from 0 to 23: `" 9:30 PM"` is `" 21:30"`.
fn clock_24(clock: &str) -> Option<String> {
    let Some((hour, rest)) = clock.split_once(':') else { return clock.is_empty().then(String::new) };
    let hour: u32 = hour.trim_start_matches([' ', 'T', ',']).parse().ok()?;
    let half = rest.len().checked_sub(2).and_then(|at| rest.get(at..)).map(str::to_ascii_lowercase);
    let (hour, rest) = match (half.as_deref(), hour) {
        (Some("am" | "pm"), 0 | 13..) => return None,
        (Some("am"), _) => (hour % 12, rest[..rest.len() - 2].trim_end()),
        (Some("pm"), _) => (hour % 12 + 12, rest[..rest.len() - 2].trim_end()),
        _ => (hour, rest),
    };
    Some(format!(" {hour:02}:{rest}"))
}

fn parse_compact(text: &str) -> Option<i64> {
    let (date, clock) = text.split_at_checked(8)?;
    if !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    if clock.is_empty() {
        return parse_timestamp(&date).map(|timestamp| timestamp.unix_ms);
    }
    let clock = clock.strip_prefix(['T', ' ', '_', '-']).unwrap_or(clock);
    let (clock, rest) = clock.split_at_checked(6)?;
    if !clock.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hour, minute, second) = (&clock[..2], &clock[2..4], &clock[4..]);
    parse_timestamp(&format!("{date}T{hour}:{minute}:{second}{rest}")).map(|timestamp| timestamp.unix_ms)
}

/// Microseconds or nanoseconds since 1970.
fn parse_fine_epoch(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    let a_ms = if number.unsigned_abs() < 100_000_000_000_000_000 { 1000 } else { 1_000_000 };
    Some(number.div_euclid(a_ms))
}

/// Whether a cell is a number that is taken for a time without being asked.
pub(super) fn is_usual_epoch(cell: &[u8]) -> bool {
    is_number(cell)
        && TimeFormat::Standard.parse(cell).is_some_and(|time_ms| EPOCH_MS_USUAL.contains(&time_ms))
}

/// Whether a cell is a number as far as its characters go.
pub(super) fn is_number(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| text.trim().parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use DateOrder::{DayFirst, MonthFirst};

    fn find(cells: &[&str]) -> Result<TimeFormat, Unknown> {
        TimeFormat::find(cells.iter().map(|cell| cell.as_bytes()), None)
    }

    #[test]
    fn usual_ways_to_write_a_time_are_read() {
        let moment = 1_396_344_600_000;
        for text in [
            "2014-04-01T09:30:00Z",
            "2014-04-01 11:30:00+02:00",
            "1396344600",
            "1396344600.0",
            "1396344600000",
            "1396344600000000",
            "1396344600000000000",
            "20140401T093000",
            "20140401093000",
            "20140401-093000Z",
            "2014/04/01 09:30",
            "2014/4/1 9:30:00.000",
            "1.4.2014 9:30",
            "01.04.2014, 09:30:00",
            "Tue Apr 1 09:30:00 2014 +0000",
            "Tue, 01 Apr 2014 11:30:00 +0200",
            "[01/Apr/2014:09:30:00 +0000]",
        ] {
            let format = find(&[text]).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(format.parse(text.as_bytes()), Some(moment), "{text}");
        }
        let american = TimeFormat::YearLast(MonthFirst);
        for (text, hour) in
            [("4/1/2014 9:30 PM", 21), ("4/1/2014 12:30am", 0), ("04/01/2014 12:30:00 PM", 12)]
        {
            let midnight = 1_396_310_400_000;
            assert_eq!(
                american.parse(text.as_bytes()),
                Some(midnight + hour * 3_600_000 + 1_800_000),
                "{text}"
            );
        }
        assert_eq!(american.parse(b"4/1/2014 13:30 PM"), None);
        assert_eq!(american.parse(b"13/1/2014"), None);
    }

    #[test]
    fn day_and_month_are_told_apart_by_what_can_be() {
        assert_eq!(find(&["13/04/2014 10:00"]), Ok(TimeFormat::YearLast(DayFirst)));
        assert_eq!(find(&["04/13/2014 10:00"]), Ok(TimeFormat::YearLast(MonthFirst)));
        assert_eq!(find(&["11/04/2014", "12/04/2014", "01/05/2014"]), Ok(TimeFormat::YearLast(DayFirst)));
        assert_eq!(find(&["01/04/2014", "02/04/2014"]), Err(Unknown::Order), "both rise");
        let cells = ["01/04/2014".as_bytes()];
        assert_eq!(
            TimeFormat::find(cells.into_iter(), Some(MonthFirst)),
            Ok(TimeFormat::YearLast(MonthFirst))
        );
        assert_eq!(find(&["01/04/14"]), Err(Unknown::NoTime));
    }

    #[test]
    fn what_is_no_time_is_told_as_such() {
        for text in ["", "noon", "1.5.2", "2014-13-01", "31.02.2014", "a/b/c", "99999999", "é0140401"] {
            let found = find(&[text]).map(|format| format.parse(text.as_bytes()));
            assert!(found == Err(Unknown::NoTime) || !is_usual_epoch(text.as_bytes()), "{text}: {found:?}");
        }
        assert!(!is_usual_epoch(b"20140401000000") && is_usual_epoch(b"1396344600"));
    }
}
