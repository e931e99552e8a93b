//! Quiet hours: windows of the local week in which alerts wait.
//!
//! A time is in a window if the wall clock says so. So where clocks go forward, a window that contains the
//! hour left out is shorter by it, and one that begins or ends in it does so as it passes; where they go back, what
//! lies in the hour that comes twice is quiet twice.

use super::zone::Zone;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1440;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;
/// From the Monday before it to the Unix epoch, a Thursday.
const EPOCH_MINUTES: i64 = 3 * DAY_MINUTES;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Texts of windows; what is no list of them is told with an example of one.
struct WindowTexts(Vec<Box<str>>);

impl<'de> Deserialize<'de> for WindowTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = WindowTexts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a list of windows, such as ["22:00-06:00", "Sat,Sun 00:00-24:00"]"#)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<WindowTexts, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(WindowTexts)
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

/// Reads the windows of a table; whether they are windows is seen when the table is validated.
pub(super) fn deserialize_windows<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Box<str>>>, D::Error> {
    Ok(Option::<WindowTexts>::deserialize(deserializer)?.map(|windows| windows.0))
}

/// Windows of the local week.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct QuietHours {
    /// First minute and the one behind the last, in minutes from Monday 00:00: rising, apart from each other, none
    /// beyond the week.
    windows: Vec<(i64, i64)>,
}

impl QuietHours {
    /// Reads windows such as `22:00-06:00`, `Mon-Fri 18:00-08:00` or `Sat,Sun 00:00-24:00`: days (every day
    /// where none are named), and from when to when. A window that ends before it begins goes on into
    /// the next day; the days are those on which it begins.
    ///
    /// # Errors
    /// The first text that is no window.
    pub(super) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut parts = Vec::new();
        for text in texts {
            let windows = parse_window(text).ok_or(text)?;
            for (from, until) in windows {
                // Behind the end of the week it goes on at its beginning.
                parts.push((from, until.min(WEEK_MINUTES)));
                if until > WEEK_MINUTES {
                    parts.push((0, until - WEEK_MINUTES));
                }
            }
        }
        parts.sort_unstable();
        let mut windows: Vec<(i64, i64)> = Vec::new();
        for (from, until) in parts {
            match windows.last_mut() {
                Some((_, end)) if from <= *end => *end = until.max(*end),
                _ => windows.push((from, until)),
            }
        }
        Ok(Self { windows })
    }

    /// The first time from `time_ms` on that lies in no window; `i64::MAX` if none does.
    pub(super) fn end_ms(&self, mut time_ms: i64, zone: Option<&Zone>) -> i64 {
        if self.windows == [(0, WEEK_MINUTES)] {
            return i64::MAX;
        }
        while let Some(left_ms) = self.left_ms(time_ms.saturating_add(offset_ms(zone, time_ms))) {
            let end_ms = time_ms.saturating_add(left_ms);
            if end_ms == i64::MAX {
                return end_ms;
            }
            // What the wall clock says is known up to the next change of the zone.
            let change_ms = zone.and_then(|zone| zone.next_change_ms(time_ms));
            time_ms = change_ms.map_or(end_ms, |change_ms| change_ms.min(end_ms));
        }
        time_ms
    }

    /// How much is left of the window that contains a local time.
    fn left_ms(&self, local_ms: i64) -> Option<i64> {
        let within_ms = local_ms.wrapping_add(EPOCH_MINUTES * MINUTE_MS).rem_euclid(WEEK_MINUTES * MINUTE_MS);
        let until = |(from, until): &(i64, i64)| {
            (from * MINUTE_MS <= within_ms && within_ms < until * MINUTE_MS)
                .then(|| until * MINUTE_MS - within_ms)
        };
        self.windows.iter().find_map(until)
    }
}

fn offset_ms(zone: Option<&Zone>, time_ms: i64) -> i64 {
    zone.map_or(0, |zone| zone.offset_ms(time_ms))
}

/// The windows of a text, in minutes of the week; the end may lie beyond it.
fn parse_window(text: &str) -> Option<Vec<(i64, i64)>> {
    let (days, times) = match text.trim().rsplit_once(' ') {
        Some((days, times)) => (parse_days(days)?, times),
        None => ([true; 7], text.trim()),
    };
    let (from, until) = times.split_once('-')?;
    let (from, mut until) = (parse_minute(from)?, parse_minute(until)?);
    if from == until || from == DAY_MINUTES {
        return None;
    }
    if until < from {
        until += DAY_MINUTES;
    }
    let day = |day: i64| (day * DAY_MINUTES + from, day * DAY_MINUTES + until);
    Some((0..7).zip(days).filter(|(_, is_named)| *is_named).map(|(at, _)| day(at)).collect())
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let find = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name.trim()));
    let mut named = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (find(first)?, find(last)?);
        named[day] = true;
        while day != last {
            day = (day + 1) % 7;
            named[day] = true;
        }
    }
    Some(named)
}

/// Minutes since midnight of `HH:MM`, up to `24:00`.
fn parse_minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i64>().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR_MS: i64 = 60 * MINUTE_MS;
    const DAY_MS: i64 = 24 * HOUR_MS;
    /// 2025-03-24, a Monday, 00:00 UTC.
    const MONDAY_MS: i64 = 1_742_774_400_000;

    impl QuietHours {
        fn contain(&self, time_ms: i64, zone: Option<&Zone>) -> bool {
            self.left_ms(time_ms + offset_ms(zone, time_ms)).is_some()
        }
    }

    fn hours(texts: &[&str]) -> QuietHours {
        QuietHours::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn windows_are_read_and_joined() {
        assert_eq!(
            hours(&["Sat 00:00-24:00", "fri 22:00-06:00", "Sun 00:00-01:30"]).windows,
            [(4 * 1440 + 1320, 6 * 1440 + 90)]
        );
        assert_eq!(hours(&["Sun 22:00-06:00"]).windows, [(0, 360), (6 * 1440 + 1320, 7 * 1440)]);
        assert_eq!(hours(&["Sat-Mon,Wed 12:00-13:00"]).windows.len(), 4);
        assert_eq!(hours(&["00:00-24:00"]).windows, [(0, WEEK_MINUTES)]);
        assert_eq!(hours(&[]), QuietHours::default());
    }

    #[test]
    fn what_is_no_window_is_told() {
        for text in [
            "",
            "22:00",
            "22-06",
            "9:00-10:00",
            "22:00-22:00",
            "24:00-06:00",
            "00:00-24:01",
            "10:60-11:00",
            "Caturday 00:00-24:00",
            "Mon 10:00 - 11:00",
            "Mon,  10:00-11:00",
            "+1:00-02:00",
        ] {
            assert_eq!(QuietHours::parse(["01:00-02:00", text]), Err(text));
        }
    }

    #[test]
    fn a_night_ends_in_the_morning() {
        let nights = hours(&["22:00-06:00", "Sat 00:00-24:00"]);
        let end = |time_ms| (nights.contain(time_ms, None), nights.end_ms(time_ms, None) - MONDAY_MS);
        assert_eq!(end(MONDAY_MS), (true, 6 * HOUR_MS));
        assert_eq!(end(MONDAY_MS + 6 * HOUR_MS - 1), (true, 6 * HOUR_MS));
        assert_eq!(end(MONDAY_MS + 6 * HOUR_MS), (false, 6 * HOUR_MS));
        assert_eq!(end(MONDAY_MS + 22 * HOUR_MS), (true, DAY_MS + 6 * HOUR_MS));
        assert_eq!(
            end(MONDAY_MS + 4 * DAY_MS + 23 * HOUR_MS),
            (true, 6 * DAY_MS + 6 * HOUR_MS),
            "over Saturday"
        );
        assert_eq!(
            end(MONDAY_MS + 6 * DAY_MS + 23 * HOUR_MS),
            (true, 7 * DAY_MS + 6 * HOUR_MS),
            "over the week"
        );
        assert_eq!(hours(&["Mon-Sun 00:00-24:00"]).end_ms(0, None), i64::MAX);
        assert_eq!(nights.end_ms(i64::MAX, None), i64::MAX);
    }

    #[test]
    fn where_clocks_go_forward_the_wall_clock_holds() {
        let berlin = Zone::find("Europe/Berlin");
        // Sunday 2025-03-30, 01:00 UTC: 02:00 is 03:00.
        let change_ms = MONDAY_MS + 6 * DAY_MS + HOUR_MS;
        let end_ms = |texts: &[&str], time_ms| hours(texts).end_ms(time_ms, berlin.as_ref()) - change_ms;
        assert_eq!(end_ms(&["22:00-06:00"], change_ms - 4 * HOUR_MS), 3 * HOUR_MS, "a night of seven hours");
        assert_eq!(end_ms(&["22:00-02:30"], change_ms - 1), 0, "02:30 passes as the clock leaps");
        assert_eq!(end_ms(&["02:00-03:00"], change_ms), 0, "this hour is not");
        assert!(!hours(&["02:00-03:00"]).contain(change_ms, berlin.as_ref()));
        assert_eq!(end_ms(&["02:30-04:00"], change_ms), HOUR_MS, "03:00 is behind 02:30");
    }

    #[test]
    fn where_clocks_go_back_the_wall_clock_holds() {
        let berlin = Zone::find("Europe/Berlin");
        // Sunday 2025-10-26, 01:00 UTC: 03:00 is 02:00.
        let change_ms = 1_761_440_400_000;
        let end_ms = |texts: &[&str], time_ms| hours(texts).end_ms(time_ms, berlin.as_ref()) - change_ms;
        assert_eq!(end_ms(&["22:00-06:00"], change_ms - 5 * HOUR_MS), 4 * HOUR_MS, "a night of nine hours");
        assert_eq!(end_ms(&["02:00-03:00"], change_ms - HOUR_MS), HOUR_MS, "it comes twice");
        let half = ["01:00-02:30"];
        assert_eq!(end_ms(&half, change_ms - HOUR_MS), -HOUR_MS / 2);
        assert_eq!(end_ms(&half, change_ms - HOUR_MS / 2), -HOUR_MS / 2);
        assert_eq!(end_ms(&half, change_ms), HOUR_MS / 2, "02:00 to 02:30 again");
    }

    proptest! {
        #[test]
        fn an_end_is_the_first_time_in_no_window(
            from in 0..1440i64, length in 1..1440i64, day in 0..7usize, at in 0..(2 * WEEK_MINUTES), autumn: bool,
        ) {
            let until = (from + length) % DAY_MINUTES;
            let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let night = format!("{} {}-{}", DAYS[day], clock(from), clock(until));
            let quiet = hours(&[&night, "12:00-13:00"]);
            let zone = Zone::find("Europe/Berlin");
            let start_ms = if autumn { 1_760_918_400_000 } else { MONDAY_MS };
            let time_ms = start_ms + at * MINUTE_MS;
            let end_ms = quiet.end_ms(time_ms, zone.as_ref());
            prop_assert!(!quiet.contain(end_ms, zone.as_ref()));
            for minute_ms in (time_ms..end_ms).step_by(MINUTE_MS as usize) {
                prop_assert!(quiet.contain(minute_ms, zone.as_ref()), "{night} {minute_ms}");
            }
        }
    }
}
