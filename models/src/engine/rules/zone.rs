//! Time zones, from the copy of the IANA database that is built in: the system's may differ from one machine to
//! the next, and reading it would be I/O.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone of the IANA database.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    name: Box<str>,
    rules: TimeZone,
}

impl Zone {
    /// The zone of a name such as `Europe/Berlin`.
    pub(super) fn find(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        Some(Self { name: name.into(), rules })
    }

    /// What local time is ahead of UTC at a time, both in milliseconds.
    pub(super) fn offset_ms(&self, time_ms: i64) -> i64 {
        i64::from(self.rules.to_offset(timestamp(time_ms)).seconds()) * 1000
    }

    /// When the zone's rules next change, as with daylight saving: the first such time behind this one.
    pub(super) fn next_change_ms(&self, time_ms: i64) -> Option<i64> {
        self.rules.following(timestamp(time_ms)).next().map(|change| change.timestamp().as_millisecond())
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Times beyond the years -9999 to 9999 have the offset of those.
fn timestamp(time_ms: i64) -> Timestamp {
    let beyond = if time_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(time_ms).unwrap_or(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    /// 2025-03-30 01:00 UTC: clocks in Berlin go from 02:00 to 03:00.
    const SPRING_MS: i64 = 1_743_296_400_000;

    #[test]
    fn an_offset_changes_with_daylight_saving() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        assert_eq!(berlin.offset_ms(SPRING_MS - 1), HOUR_MS);
        assert_eq!(berlin.offset_ms(SPRING_MS), 2 * HOUR_MS);
        assert_eq!(berlin.next_change_ms(SPRING_MS - 1), Some(SPRING_MS));
        assert_eq!(berlin.next_change_ms(SPRING_MS), Some(1_761_440_400_000), "2025-10-26 01:00 UTC");
    }

    #[test]
    fn a_zone_without_changes_has_no_next_one() {
        let utc = Zone::find("UTC").unwrap();
        assert_eq!((utc.offset_ms(SPRING_MS), utc.next_change_ms(SPRING_MS)), (0, None));
    }

    #[test]
    fn times_beyond_the_calendar_have_an_offset() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        for time_ms in [i64::MIN, i64::MAX] {
            assert!(berlin.offset_ms(time_ms).abs() < 24 * HOUR_MS);
            berlin.next_change_ms(time_ms);
        }
    }

    #[test]
    fn what_is_no_zone_is_not_found() {
        for name in ["", "Europe/Atlantis", "CEST+2", "../etc/passwd"] {
            assert!(Zone::find(name).is_none(), "{name}");
        }
    }
}
