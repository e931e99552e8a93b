//! A rhythm that is no clock's: the lags at which a field does what it did before.

use super::codec::{Decoder, Encoder, within};
use crate::detector::StateError;
use std::hint::black_box;

/// Values that are kept: two turns of a rhythm and a window.
const LENGTH: usize = 1024;
/// The last so many are compared with those before them. Where a field stays at one level for longer, as between batches, all
/// lags are alike, and such a rhythm is not heard.
const WINDOW: usize = 32;
/// Those before are to be so many earlier at least: the last few of a smooth series are always alike.
const SHORTEST: usize = 8;
/// Lags at most; two are at least [`SHORTEST`] apart.
const LAGS: usize = 8;
/// Lags of which the mean is expected: two turns, so that what was odd about one is not all of it.
const EXPECTED: usize = 2;
/// Lags that are tried with each value, and as many that are next to one that is kept: a rhythm need not be exact.
const TRIED: usize = 2;
/// The distance, in mean errors, that is coded as half of a distance without end: near 0 codes are a 32nd of a mean error
/// apart, at 4 an eighth.
const HALF: f64 = 4.0;
/// The code of a distance without end.
const ENDLESS: f64 = 127.0;
/// A distance beyond is coded as this, by one less than `ENDLESS`.
const DISTANCE_MAX: f64 = 504.0;

/// The last values of a field as codes of one byte, and the lags at which they were most like what came last. What follows is
/// expected to be what followed then: a nearest neighbour's forecast (Lorenz, "Atmospheric Predictability as Revealed by
/// Naturally Occurring Analogues", J. Atmos. Sci. 26, 1969). Lags are found a few at a time, since one that fits goes on
/// fitting (as of patches in Barnes et al., "PatchMatch", SIGGRAPH 2009).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rhythm {
    /// Values taken in, up to [`LENGTH`].
    seen: u16,
    /// Where the next one goes.
    next: u16,
    /// The lag that was tried last of all, and the turn of those next to one that is kept.
    tried: u16,
    turn: u8,
    /// Lags that are kept, 0 for none,
    lags: [u16; LAGS],
    /// and the sum of squared differences of codes over the window at each.
    distances: [u32; LAGS],
    codes: Codes,
}

/// The last codes, in a ring. Its first ones stand behind its end once more, so that each window lies in one piece.
#[derive(Clone, Debug, PartialEq)]
struct Codes([i8; LENGTH + WINDOW - 1]);

impl Codes {
    fn at(&self, index: usize) -> i8 {
        self.0[index]
    }

    fn set(&mut self, index: usize, code: i8) {
        self.0[index] = code;
        if index < WINDOW - 1 {
            self.0[LENGTH + index] = code;
        }
    }

    /// Those from `start` on.
    fn window(&self, start: usize) -> &[i8; WINDOW] {
        self.0[start..].first_chunk().expect("the first ones follow the last")
    }
}

impl Rhythm {
    pub(super) fn new() -> Self {
        Rhythm {
            seen: 0,
            next: 0,
            tried: 0,
            turn: 0,
            lags: [0; LAGS],
            distances: [u32::MAX; LAGS],
            codes: Codes([0; LENGTH + WINDOW - 1]),
        }
    }

    /// Reads a code of each cache line, for all to be at hand: lags lie anywhere.
    pub(super) fn fetch(&self) {
        (0..usize::from(self.seen)).step_by(64).for_each(|at| {
            black_box(self.codes.at(at));
        });
    }

    /// The distance from the level that is expected of the next value, in mean errors; none before two turns are known.
    pub(super) fn expected(&self) -> Option<f64> {
        let mut best = [(u32::MAX, 0); EXPECTED];
        for (distance, lag) in self.distances.iter().zip(self.lags) {
            let mut held = (*distance, lag);
            for place in &mut best {
                if held.0 < place.0 {
                    std::mem::swap(&mut held, place);
                }
            }
        }
        if best.iter().any(|(_, lag)| *lag == 0) {
            return None;
        }
        let sum: i32 =
            best.iter().map(|(_, lag)| i32::from(self.codes.at(self.back(usize::from(*lag))))).sum();
        Some(decoded(f64::from(sum) / EXPECTED as f64))
    }

    /// Takes in a distance from the level, in mean errors.
    pub(super) fn learn(&mut self, distance: f64) {
        let code = coded(distance);
        let left = self.codes.at(self.back(WINDOW));
        for i in 0..LAGS {
            let lag = usize::from(self.lags[i]);
            if lag > 0 {
                let comes = squared(code, self.codes.at(self.back(lag)));
                let goes = squared(left, self.codes.at(self.back(WINDOW + lag)));
                self.distances[i] = self.distances[i] + comes - goes;
            }
        }
        self.codes.set(usize::from(self.next), code);
        self.next = (self.next + 1) % LENGTH as u16;
        self.seen = (self.seen + 1).min(LENGTH as u16);
        self.seek();
    }

    /// Index of the value so many before the next.
    fn back(&self, by: usize) -> usize {
        (usize::from(self.next) + LENGTH - by) % LENGTH
    }

    /// The longest lag whose window is known.
    fn longest(&self) -> usize {
        usize::from(self.seen).saturating_sub(WINDOW)
    }

    /// Tries a few lags: the next ones in turn, and those beside one that is kept.
    fn seek(&mut self) {
        let longest = self.longest();
        if longest < SHORTEST {
            return;
        }
        let last = *self.window(0);
        for _ in 0..TRIED {
            let next = usize::from(self.tried) + 1;
            self.tried = if (SHORTEST..=longest).contains(&next) { next } else { SHORTEST } as u16;
            self.try_lag(usize::from(self.tried), &last);
            self.turn = (self.turn + 1) % (2 * LAGS as u8);
            let lag = usize::from(self.lags[usize::from(self.turn / 2)]);
            let beside = if self.turn.is_multiple_of(2) { lag + 1 } else { lag.saturating_sub(1) };
            if (SHORTEST..=longest).contains(&beside) {
                self.try_lag(beside, &last);
            }
        }
    }

    /// The window of codes that ends `lag` values before the last.
    fn window(&self, lag: usize) -> &[i8; WINDOW] {
        self.codes.window(self.back(WINDOW + lag))
    }

    /// Keeps `lag` where it is better than one so near that it is the same, or else than the worst that is kept.
    fn try_lag(&mut self, lag: usize, last: &[i8; WINDOW]) {
        let distance = distance(last, self.window(lag));
        let lag = lag as u16;
        let near = self.lags.map(|other| other.abs_diff(lag) < SHORTEST as u16);
        if (0..LAGS).any(|i| near[i] && self.distances[i] <= distance) {
            return;
        }
        let mut place = 0;
        for (i, is_near) in near.into_iter().enumerate() {
            if is_near {
                (self.lags[i], self.distances[i]) = (0, u32::MAX);
            }
            if self.distances[i] > self.distances[place] {
                place = i;
            }
        }
        if distance < self.distances[place] {
            (self.lags[place], self.distances[place]) = (lag, distance);
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u16(self.seen);
        out.u16(self.next);
        out.u16(self.tried);
        out.bytes(&[self.turn]);
        self.lags.iter().for_each(|lag| out.u16(*lag));
        (0..usize::from(self.seen)).for_each(|at| out.bytes(&self.codes.at(at).to_le_bytes()));
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Rhythm::new();
        let length = LENGTH as u16;
        read.seen = from.u16()?;
        read.next = from.u16()?;
        read.tried = from.u16()?;
        within(read.seen, read.seen <= length)?;
        // Before all places are taken, the next one is behind the last that is.
        within(read.next, read.next < length && (read.seen == length || read.next == read.seen))?;
        within(read.tried, read.tried < length)?;
        read.turn = from.u8_to(2 * LAGS as u8 - 1)?;
        for lag in &mut read.lags {
            *lag = from.u16()?;
        }
        for at in 0..usize::from(read.seen) {
            let code = from.u8_to(u8::MAX)? as i8;
            read.codes.set(at, within(code, f64::from(code.unsigned_abs()) < ENDLESS)?);
        }
        let last = *read.window(0);
        for i in 0..LAGS {
            let lag = usize::from(read.lags[i]);
            if lag > 0 {
                within(lag, (SHORTEST..=read.longest()).contains(&lag))?;
                read.distances[i] = distance(&last, read.window(lag));
            }
        }
        Ok(read)
    }
}

fn coded(distance: f64) -> i8 {
    // An infinite one, too, has a code.
    let distance = distance.clamp(-DISTANCE_MAX, DISTANCE_MAX);
    let code = ENDLESS * distance / (distance.abs() + HALF);
    (code + 0.5_f64.copysign(code)) as i8
}

fn decoded(code: f64) -> f64 {
    HALF * code / (ENDLESS - code.abs())
}

fn squared(a: i8, b: i8) -> u32 {
    // Of 16 bits, whose products vector instructions add in pairs.
    let difference = i16::from(a) - i16::from(b);
    (i32::from(difference) * i32::from(difference)) as u32
}

fn distance(a: &[i8; WINDOW], b: &[i8; WINDOW]) -> u32 {
    a.iter().zip(b).map(|(a, b)| squared(*a, *b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A pulse and a slope, each turn.
    fn waveform(turns: f64) -> f64 {
        let within = turns - turns.floor();
        if within < 0.1 { 5.0 } else { within - 0.5 }
    }

    /// The mean error of what is expected over the last so many of `values`, as a share of their mean distance from 0.
    fn error(values: &[f64], last: usize) -> f64 {
        let mut rhythm = Rhythm::new();
        let mut errors = Vec::new();
        for value in values {
            errors.push(rhythm.expected().map_or(f64::INFINITY, |expected| (expected - value).abs()));
            rhythm.learn(*value);
        }
        let size = values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64;
        errors[values.len() - last..].iter().sum::<f64>() / last as f64 / size
    }

    #[test]
    fn what_followed_one_and_two_turns_ago_is_expected() {
        for period in [11, 37, 100, 300] {
            let values: Vec<_> =
                (0..8 * period).map(|row| waveform(f64::from(row) / f64::from(period))).collect();
            // On the slope, neighbouring lags have the same codes: which of them fits is known by the pulse.
            let error = error(&values, 2 * period as usize);
            assert!(error < 0.1, "{error} of a period of {period}");
        }
    }

    #[test]
    fn a_rhythm_may_change_its_pace() {
        let (mut turns, mut values) = (0.0, Vec::new());
        for row in 0..2000 {
            values.push(waveform(turns));
            // Between 52 and 68 rows a turn, slowly.
            turns += 1.0 / (60.0 + 8.0 * libm::sin(f64::from(row) / 150.0));
        }
        let error = error(&values, 500);
        assert!(error < 0.35, "{error}");
    }

    #[test]
    fn nothing_is_expected_before_two_turns_could_be_known() {
        let mut rhythm = Rhythm::new();
        for row in 0..WINDOW + 2 * SHORTEST {
            assert_eq!(rhythm.expected(), None, "after {row}");
            rhythm.learn(waveform(row as f64 / 10.0));
        }
        (0..10).for_each(|row| rhythm.learn(waveform(row as f64 / 10.0)));
        assert!(rhythm.expected().is_some());
    }

    #[test]
    fn lags_that_are_kept_are_apart() {
        let mut rhythm = Rhythm::new();
        for row in 0..3000 {
            // So smooth that next to a lag that fits there are others that nearly do.
            rhythm.learn(3.0 * libm::sin(f64::from(row) / 20.0));
            let mut lags: Vec<_> = rhythm.lags.into_iter().filter(|lag| *lag > 0).collect();
            lags.sort_unstable();
            assert!(lags.windows(2).all(|two| two[1] - two[0] >= SHORTEST as u16), "{lags:?} in row {row}");
        }
    }

    proptest! {
        /// Distances are kept as values come and go, and are what they are anew from the codes alone.
        #[test]
        fn distances_are_those_of_the_codes(
            values in prop::collection::vec(-10.0..10.0_f64, 0..1500),
            period in 1..200_usize,
        ) {
            let mut rhythm = Rhythm::new();
            for (row, value) in values.iter().enumerate() {
                // Half of it repeats itself.
                rhythm.learn(if row % 2 == 0 { values[row % period.min(values.len())] } else { *value });
            }
            let mut bytes = Vec::new();
            rhythm.encode(&mut Encoder(&mut bytes));
            let mut from = Decoder(&bytes);
            prop_assert_eq!(Rhythm::decode(&mut from).unwrap(), rhythm);
            prop_assert!(from.0.is_empty());
        }

        #[test]
        fn a_code_is_near_what_it_is_of(distance in -20.0..20.0_f64) {
            let again = decoded(f64::from(coded(distance)));
            prop_assert!((again - distance).abs() < 0.02 + 0.05 * distance.abs(), "{}", again);
        }
    }

    #[test]
    fn the_largest_distances_have_codes_and_a_lag_beyond_what_was_seen_is_refused() {
        for (distance, code) in [(504.0, 126), (1e302, 126), (f64::INFINITY, 126), (f64::NEG_INFINITY, -126)]
        {
            assert_eq!(coded(distance), code, "{distance}");
        }
        let mut rhythm = Rhythm::new();
        (0..100).for_each(|row| rhythm.learn(waveform(f64::from(row) / 20.0)));
        rhythm.lags[0] = (100 - WINDOW) as u16 + 1;
        let mut bytes = Vec::new();
        rhythm.encode(&mut Encoder(&mut bytes));
        let refused = Rhythm::decode(&mut Decoder(&bytes)).unwrap_err();
        assert_eq!(refused.0, "69 is out of bounds");
    }
}
