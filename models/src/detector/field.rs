//! One field of a series: forecasts, the error of each, and how new its values are.

use super::codec::{Decoder, Encoder};
use super::novelty::{Novelty, PAIRS, TRIPLES};
use super::parameters::Parameters;
use super::season::Season;
use super::spread::{Spread, YOUNG};
use crate::detector::StateError;

/// Bound of every value: an infinite one, or one beyond, is scored as this.
const VALUE_MAX: f64 = 1e300;
/// What a forecast's error is at least, relative to the level: the noise of arithmetic.
const RESOLUTION: f64 = 1e-9;
const ERROR_MIN: f64 = 1e-300;
/// A forecast is preferred to a simpler one where its error is smaller by this factor.
const PREFERENCE: f64 = 0.95;
/// Mean errors to the end of the band at first: 99 % of Gaussian errors are within 2.58 deviations.
const BAND_FIRST: f32 = 3.2;
const BAND_MAX: f32 = 1000.0;
/// Share of observations outside the band, and the step (in mean errors) of its tracking.
const BAND_OUTSIDE: f64 = 0.01;
const BAND_STEP: f64 = 0.5;

/// Forecasts, the simplest first.
const LEVEL: usize = 0;
const FAST: usize = 1;
const LAST: usize = 2;
const DAILY: usize = 3;
const WEEKLY: usize = 4;
const SEASON: usize = 5;
const FORECASTS: usize = 6;

/// What is kept of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    count: u32,
    level: f64,
    fast: f64,
    last: f64,
    /// Recent mean of what the better season profile left unexplained.
    residual: f64,
    /// Half of the band, in mean errors.
    band: f32,
    errors: [Spread; FORECASTS],
    season: Season,
    by_level: Novelty<PAIRS>,
    by_change: Novelty<PAIRS>,
    by_season: Novelty<TRIPLES>,
}

/// A field's forecasts for one time, before its value is seen.
pub(super) struct Forecast {
    values: [f64; FORECASTS],
    /// The better of the two season profiles.
    season: usize,
    best: usize,
    /// Expected value; NaN while nothing is known.
    pub(super) expected: f64,
    /// Half the width of the band.
    pub(super) half_width: f64,
    error: f64,
}

/// How a value stands to its forecast.
pub(super) struct Judged {
    value: f64,
    /// Levels in the three quantisers.
    levels: [u8; 3],
    /// 0 to 1.
    pub(super) novelty: f64,
    /// The error in mean errors, signed.
    pub(super) error: f64,
    /// Logarithmic size of the error.
    pub(super) magnitude: f64,
}

impl Field {
    pub(super) fn new() -> Self {
        Field {
            count: 0,
            level: 0.0,
            fast: 0.0,
            last: 0.0,
            residual: 0.0,
            band: BAND_FIRST,
            errors: [Spread::default(); FORECASTS],
            season: Season::new(),
            by_level: Novelty::new(),
            by_change: Novelty::new(),
            by_season: Novelty::new(),
        }
    }

    fn error_min(&self) -> f64 {
        (RESOLUTION * self.level.abs()).max(ERROR_MIN)
    }

    /// Goes to `time_ms` and forecasts.
    pub(super) fn forecast(&mut self, time_ms: i64, parameters: &Parameters) -> Forecast {
        self.season.visit(time_ms, parameters);
        let daily = self.season.daily().unwrap_or(self.fast);
        let weekly = self.season.weekly().unwrap_or(daily);
        let season = if self.errors[WEEKLY].mean < self.errors[DAILY].mean { WEEKLY } else { DAILY };
        let profile = if season == WEEKLY { weekly } else { daily };
        let values = [self.level, self.fast, self.last, daily, weekly, profile + self.residual];
        let mut best = LEVEL;
        for i in 1..FORECASTS {
            if self.errors[i].mean < PREFERENCE * self.errors[best].mean {
                best = i;
            }
        }
        let floor = parameters.error_floor * self.errors[LEVEL].mean;
        let error = (self.errors[best].mean + floor).max(self.error_min());
        let expected = if self.count > 0 { values[best] } else { f64::NAN };
        Forecast { values, season, best, expected, half_width: f64::from(self.band) * error, error }
    }

    /// Judges `value`, which is not NaN, by the forecast.
    pub(super) fn judge(&self, value: f64, forecast: &Forecast, parameters: &Parameters) -> Judged {
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        if self.count == 0 {
            let levels = [0.0; 3].map(|distance| Novelty::<PAIRS>::level(distance, 1.0));
            return Judged { value, levels, novelty: 1.0, error: 0.0, magnitude: 0.0 };
        }
        let least = self.error_min();
        let distance = |i: usize| (value - forecast.values[i]) / self.errors[i].mean.max(least);
        let levels = [
            Novelty::<PAIRS>::level(distance(LEVEL), parameters.step_level),
            Novelty::<PAIRS>::level(distance(LAST), parameters.step_change),
            Novelty::<TRIPLES>::level(distance(SEASON), parameters.step_season),
        ];
        let novelty = parameters.weight_level * self.by_level.score(levels[0])
            + parameters.weight_change * self.by_change.score(levels[1])
            + parameters.weight_season * self.by_season.score(levels[2]);
        let error = (value - forecast.values[forecast.best]) / forecast.error;
        let magnitude = parameters.magnitude(error.abs().min(VALUE_MAX));
        Judged { value, levels, novelty, error, magnitude }
    }

    /// Learns a judged value. An infinite one teaches nothing but that it was there.
    pub(super) fn learn(&mut self, judged: &Judged, forecast: &Forecast, parameters: &Parameters) {
        let value = judged.value;
        self.by_level.learn(judged.levels[0]);
        self.by_change.learn(judged.levels[1]);
        self.by_season.learn(judged.levels[2]);
        if value.abs() >= VALUE_MAX {
            return;
        }
        let mut values = forecast.values;
        if self.count == 0 {
            (self.level, self.fast, self.last) = (value, value, value);
            self.season.start(value);
            values = [value; FORECASTS];
        }
        self.count = self.count.saturating_add(1);
        let count = f64::from(self.count);
        let gain = 1.0 / count.min(parameters.memory);
        let gain_fast = 1.0 / count.min(parameters.memory_fast);

        let outside = if judged.error.abs() > f64::from(self.band) { 1.0 } else { 0.0 };
        if count > YOUNG {
            let band = f64::from(self.band) + BAND_STEP * (outside - BAND_OUTSIDE);
            self.band = (band as f32).clamp(1.0, BAND_MAX);
        }
        let least = self.error_min();
        let mut errors = [0.0; FORECASTS];
        for i in 0..FORECASTS {
            errors[i] = self.errors[i].learn(value - values[i], gain, least);
        }
        self.level += gain * errors[LEVEL];
        self.fast += gain_fast * errors[FAST];
        self.residual += gain_fast * errors[SEASON];
        self.last = value;
        self.season.learn(values[forecast.season] + errors[forecast.season]);
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.count);
        for value in [self.level, self.fast, self.last, self.residual] {
            out.f64(value);
        }
        out.f32(self.band);
        self.errors.iter().for_each(|error| error.encode(out));
        self.season.encode(out);
        self.by_level.encode(out);
        self.by_change.encode(out);
        self.by_season.encode(out);
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Field::new();
        read.count = from.u32()?;
        for value in [&mut read.level, &mut read.fast, &mut read.last, &mut read.residual] {
            *value = from.f64_in(-f64::MAX, f64::MAX)?;
        }
        read.band = from.f32_in(1.0, BAND_MAX)?;
        for error in &mut read.errors {
            *error = Spread::decode(from)?;
        }
        read.season = Season::decode(from)?;
        read.by_level = Novelty::decode(from)?;
        read.by_change = Novelty::decode(from)?;
        read.by_season = Novelty::decode(from)?;
        Ok(read)
    }
}
