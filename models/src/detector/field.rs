//! One field of a series: forecasts, the error of each, and how new its values are.

use super::blend::{Blend, Measure, Parts};
use super::codec::{Decoder, Encoder, LEARNT_MAX};
use super::dwell::{Dwell, Stay};
use super::fading::faded;
use super::lattice::Lattice;
use super::network::FEATURES;
use super::novelty::{LEVELS, Novelty, Quantiser};
use super::parameters::Parameters;
use super::recurrence::Recurrence;
use super::rhythm::Rhythm;
use super::season::Season;
use super::spread::{Spread, YOUNG};
use crate::detector::{Range, StateError};
use std::hint::black_box;

/// Bound of every value: an infinite one, or one beyond, is scored as this.
const VALUE_MAX: f64 = 1e300;
/// What a forecast's error is at least, relative to the level: the noise of arithmetic.
const RESOLUTION: f64 = 1e-9;
const ERROR_MIN: f64 = 1e-300;
/// A forecast is preferred to a simpler one where its error is smaller by this factor.
const PREFERENCE: f64 = 0.95;
/// A profile counts as a season where its error is smaller than the fast level's by this factor: the steps of a profile
/// that says nothing, from hour to hour, would be news.
const SEASONAL: f64 = 0.9;
/// A rhythm counts where its error is smaller than those of the fast level, the last value and the season by this factor.
const RHYTHMIC: f64 = 0.9;
/// Mean errors of the season beyond which its residual learns no more from one value.
const RESIDUAL_CUT: f64 = 5.0;
/// Mean errors to the end of the band at first: 99 % of Gaussian errors are within 2.58 deviations.
const BAND_FIRST: f32 = 3.2;
const BAND_MAX: f32 = 1000.0;
/// Share of observations outside the band, and the step (in mean errors) of its tracking.
const BAND_OUTSIDE: f64 = 0.01;
const BAND_STEP: f64 = 0.5;
/// Cells in which any series was seen once: its ends.
const ONCE_USUAL: usize = 2;
/// What a further one takes from the novelty of a value: two halve it.
const ONCE_WEIGHT: f64 = 0.5;
/// What a value itself counts for, where all of it does without, beside a season or a rhythm that says what it should be.
const VALUE_BESIDE: f64 = 0.6;
/// Bound of the standardised error that the sustained one is the mean of.
const SUSTAINED_BOUND: f64 = 10.0;

/// Changes of less than this share of the spread are none.
const STILL: f64 = 0.01;
/// A value stands still where it changes by less than this share of its usual change.
const STILL_CHANGE: f64 = 0.03;
/// It is not known how long a series stays the same before it has been seen for so many times as long.
const STILL_KNOWN: f64 = 16.0;
/// Observations before which it is not known how restless a series is.
const RESTLESS_KNOWN: f64 = 100.0;
/// Least error that the logarithm of the size of changes is measured by.
const RESTLESS_ERROR_MIN: f64 = 0.05;
/// Taken from the magnitude of such an error, so that it speaks only where the values themselves don't.
const RESTLESS_ALLOWANCE: f64 = 1.4;
/// An error whose logarithmic magnitude is less than the allowance, whatever the parameters.
const RESTLESS_ALLOWED: f64 = 3.0;

/// More novelty than all members can have together: as many as there are weights, of at most 10 each.
pub(super) const NOVELTY_MAX: f64 = 90.0;

/// Forecasts, the simplest first.
const LEVEL: usize = 0;
const FAST: usize = 1;
const LAST: usize = 2;
const DAILY: usize = 3;
const WEEKLY: usize = 4;
const SEASON: usize = 5;
const RHYTHM: usize = 6;
const BLEND: usize = 7;
const FORECASTS: usize = 8;

/// What the lattices stand on: the value, its change, its sustained distance from the rhythm, or the season, or the fast level,
/// the logarithm of how restless it is, its distance from the season, and from the rhythm.
const VALUE: usize = 0;
const CHANGE: usize = 1;
const SUSTAINED: usize = 2;
const RESTLESS: usize = 3;
const RESIDUAL: usize = 4;
const OFF_BEAT: usize = 5;
const LATTICES: usize = 6;

/// The forecasts that a value's distances from are told to the network.
const DISTANCES: [usize; 6] = [LEVEL, FAST, LAST, SEASON, RHYTHM, BLEND];
/// News, and the distance from the forecast where that is largest, beyond which the network is asked, which is of about one
/// value in twenty: it has nothing to say of others.
const NEWS_TOLD: f64 = 0.3;
const DISTANCE_TOLD: f64 = 6.0;
/// Bound of how many cells a value lies beyond what was seen.
const BEYOND_BOUND: f64 = 20.0;

/// What is kept of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    count: u32,
    /// Half of the band, in mean errors.
    band: f32,
    level: f64,
    fast: f64,
    last: f64,
    /// Recent mean of what the better season profile left unexplained.
    residual: f64,
    /// Recent mean of the standardised distance from the rhythm, or the season, or the fast level.
    sustained: f64,
    /// Recent mean of the size of changes,
    restless: f64,
    /// the usual logarithm of it, and how far it usually is from that.
    calm: f64,
    calm_error: Spread,
    errors: [Spread; FORECASTS],
    season: Season,
    /// Of distances from the level.
    rhythm: Rhythm,
    blend: Blend,
    /// Levels of distance from the season.
    context: Novelty,
    /// Stays at one level of distance from the slow level,
    dwell: Dwell<LEVELS>,
    /// and at one value.
    still: Dwell<1>,
    /// Recent mean of novelty.
    usual_novelty: f64,
    /// Of what the network was asked of.
    recurrence: Recurrence,
    lattices: [Lattice; LATTICES],
}

/// A field's forecasts for one time, before its value is seen.
pub(super) struct Forecast {
    values: [f64; FORECASTS],
    /// What the blend is made of.
    parts: Parts,
    /// The better profile, corrected by the residual.
    corrected: f64,
    /// The better of the two season profiles,
    season: usize,
    /// and whether it counts as a season.
    is_seasonal: bool,
    /// Whether the rhythm counts as one.
    is_rhythmic: bool,
    best: usize,
    /// Expected value; NaN while nothing is known.
    pub(super) expected: f64,
    /// Half the width of the band.
    pub(super) half_width: f64,
    error: f64,
}

/// The levels that distances are told apart by.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    /// Of the distance from the season,
    season: Quantiser,
    /// and from the slow level.
    dwell: Quantiser,
}

impl Levels {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Levels {
            season: Quantiser::new(parameters.step_season),
            dwell: Quantiser::new(parameters.step_dwell),
        }
    }
}

/// How a value stood to its forecast and its past.
pub(super) struct Judged {
    /// Weighted sum of the members' novelty; 1 is new to most of them.
    pub(super) novelty: f64,
    /// What of that is news: of a field that often shows something new, and of one that is young, less is.
    pub(super) news: f64,
    /// What the network adds to that.
    pub(super) learned: f64,
    /// What the network was told of it.
    pub(super) features: Option<[f32; FEATURES]>,
    /// How far the value has been the same for longer than ever before, 0 to 1.
    pub(super) still: f64,
    /// The error in mean errors, signed.
    pub(super) error: f64,
    /// Logarithmic size of the error.
    pub(super) magnitude: f64,
    /// Recent mean of the standardised distance from the rhythm, the season or the fast level, this value included.
    pub(super) sustained: f64,
    /// Whether the value is another one than that before.
    pub(super) moved: bool,
}

/// What the members make of a value.
#[derive(Default)]
struct Members {
    /// Weighted sum of their novelty.
    novelty: f64,
    /// Novelty of the distance from the season after those before it.
    context: f64,
    stay: Stay,
    /// Cells of the value's lattice in which the series was seen once, more than usual,
    once: usize,
    /// those that are in use,
    in_use: usize,
    /// and how many of them the value lies beyond them.
    beyond: f64,
    /// Novelty on each lattice.
    new: [f64; LATTICES],
}

impl Judged {
    /// The evidence of a field by itself.
    pub(super) fn strangeness(&self, parameters: &Parameters) -> f64 {
        self.novelty / parameters.whole + self.magnitude + parameters.surprise_still * self.still
    }
}

impl Field {
    pub(super) fn new(range: Option<Range>) -> Self {
        let mut lattices = [const { Lattice::new() }; LATTICES];
        if let Some(range) = range {
            // The others find their cells by themselves: with all on the range, no score was better.
            let [min, max] = [range.min, range.max].map(|end| end.clamp(-VALUE_MAX, VALUE_MAX));
            lattices[VALUE] = Lattice::spanning(Range { min, max });
        }
        Field {
            count: 0,
            band: BAND_FIRST,
            level: 0.0,
            fast: 0.0,
            last: 0.0,
            residual: 0.0,
            sustained: 0.0,
            restless: 0.0,
            calm: 0.0,
            calm_error: Spread::default(),
            errors: [Spread::default(); FORECASTS],
            season: Season::new(),
            rhythm: Rhythm::new(),
            blend: Blend::new(),
            context: Novelty::new(),
            dwell: Dwell::new(),
            still: Dwell::new(),
            usual_novelty: 0.0,
            recurrence: Recurrence::new(),
            lattices,
        }
    }

    /// Whether too little was seen of it for a mean error.
    pub(super) fn is_young(&self) -> bool {
        f64::from(self.count) <= YOUNG
    }

    /// Observations since it was young.
    fn grown(&self) -> u32 {
        self.count.saturating_sub(YOUNG as u32)
    }

    /// Reads a little of all that the next value will be judged by, for that to be at hand.
    pub(super) fn fetch(&self) {
        black_box((self.level, self.errors[LEVEL].mean, self.errors[BLEND].mean));
        self.season.fetch();
        self.rhythm.fetch();
        self.context.fetch();
        self.dwell.fetch();
        self.still.fetch();
        self.lattices.iter().for_each(Lattice::fetch);
    }

    fn error_min(&self) -> f64 {
        (RESOLUTION * self.level.abs()).max(ERROR_MIN)
    }

    /// Goes to `time_ms` and forecasts.
    pub(super) fn forecast(&mut self, time_ms: i64, parameters: &Parameters) -> Forecast {
        self.season.visit(time_ms, parameters);
        let daily = self.season.daily().unwrap_or(self.fast);
        let weekly = self.season.weekly().unwrap_or(daily);
        let (season, is_seasonal) = self.better_profile();
        let profile = if season == WEEKLY { weekly } else { daily };
        let corrected = profile + self.residual;
        let seasonal = if is_seasonal { corrected } else { self.fast };
        let at_rhythm = |distance| self.level + distance * self.errors[LEVEL].mean;
        let rhythm = self.rhythm.expected().map_or(self.fast, at_rhythm).clamp(-VALUE_MAX, VALUE_MAX);
        let measure = Measure { level: self.level, error: self.errors[LEVEL].mean.max(self.error_min()) };
        // Before a season is known its profile says now this and now that.
        let of_season = if is_seasonal { profile } else { self.fast };
        let parts = self.blend.parts(self.last, of_season, rhythm, measure);
        let blend = self.blend.expected(&parts, self.grown());
        let blend = blend.map_or(self.fast, |value| value.clamp(-VALUE_MAX, VALUE_MAX));
        let values = [self.level, self.fast, self.last, daily, weekly, seasonal, rhythm, blend];
        let mut best = LEVEL;
        for i in 1..FORECASTS {
            if self.errors[i].mean < PREFERENCE * self.errors[best].mean {
                best = i;
            }
        }
        let floor = parameters.error_floor * self.errors[LEVEL].mean;
        let error = (self.errors[best].mean + floor).max(self.error_min());
        let expected = if self.count > 0 { values[best] } else { f64::NAN };
        Forecast {
            values,
            parts,
            corrected,
            season,
            is_seasonal,
            is_rhythmic: self.is_rhythmic(),
            best,
            expected,
            half_width: f64::from(self.band) * error,
            error,
        }
    }

    /// Judges `value`, which is not NaN, by the forecast and by what came before it, then learns it. An infinite
    /// one teaches nothing but that it was there, so that it is not news for ever.
    pub(super) fn judge(
        &mut self,
        value: f64,
        forecast: &Forecast,
        parameters: &Parameters,
        levels: &Levels,
    ) -> Judged {
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        let judged = if self.count == 0 {
            if value.abs() < VALUE_MAX {
                self.lattices[VALUE].novelty(value, 1.0);
            }
            let news = 1.0 - self.usual_novelty;
            Judged {
                novelty: 1.0,
                news,
                learned: 0.0,
                features: None,
                still: 0.0,
                error: 0.0,
                magnitude: 0.0,
                sustained: 0.0,
                moved: false,
            }
        } else {
            let log_restless = self.log_restless();
            let error = (value - forecast.values[forecast.best]) / forecast.error;
            let magnitude = parameters
                .magnitude(error.abs().min(VALUE_MAX))
                .max(self.restless_magnitude(log_restless, parameters));
            let still = self.still_for(value);
            let members = self.members(value, log_restless, forecast, parameters, levels);
            let mut judged = Judged {
                novelty: members.novelty,
                news: (members.novelty - self.usual_novelty).max(0.0),
                learned: 0.0,
                features: None,
                still,
                error,
                magnitude,
                sustained: self.sustained,
                // Of infinite ones the last finite value is kept.
                moved: value != self.last && value.abs() < VALUE_MAX,
            };
            let is_above = value > forecast.values[FAST];
            judged.features = self.features(value, is_above, log_restless, forecast, &members, &judged);
            self.recurrence.learn(judged.features.is_some().then_some(is_above));
            if let Some(features) = &judged.features {
                judged.learned = parameters.learned(parameters.network.log_odds(features));
            }
            judged
        };
        if value.abs() < VALUE_MAX {
            self.learn(value, &judged, forecast, parameters);
        } else {
            self.usual_novelty += (judged.novelty - self.usual_novelty) / parameters.memory;
        }
        judged
    }

    /// The largest change that counts as none: `size`, and the noise of arithmetic on top.
    fn change_min(&self, size: f64) -> f64 {
        size + RESOLUTION * 1e-3 * self.level.abs() + ERROR_MIN
    }

    /// Logarithm of the size of recent changes.
    fn log_restless(&self) -> f64 {
        libm::log(self.restless + self.change_min(STILL * self.errors[LEVEL].mean))
    }

    /// How far a value that is still the same has been so for longer than ever before.
    fn still_for(&mut self, value: f64) -> f64 {
        // Of a counter that rises by little each time, less than a usual change is still one.
        if (value - self.last).abs() > self.change_min(STILL_CHANGE * self.errors[LAST].mean) {
            self.still.leave();
        }
        let stay = self.still.stay(0);
        let known = f64::from(self.still.length()) * STILL_KNOWN <= f64::from(self.count);
        if known { stay.outlasting } else { 0.0 }
    }

    /// Which of the season's profiles forecasts better, and whether it counts as a season.
    fn better_profile(&self) -> (usize, bool) {
        let profile = if self.errors[WEEKLY].mean < self.errors[DAILY].mean { WEEKLY } else { DAILY };
        (profile, self.errors[profile].mean <= SEASONAL * self.errors[FAST].mean)
    }

    /// Whether a season's profile counts as one, or forecasts better than the fast level with its residual.
    pub(super) fn is_seasonal(&self) -> bool {
        self.better_profile().1 || self.errors[SEASON].mean < PREFERENCE * self.errors[FAST].mean
    }

    /// Whether the rhythm counts as one.
    fn is_rhythmic(&self) -> bool {
        let others = self.errors[FAST].mean.min(self.errors[LAST].mean).min(self.errors[SEASON].mean);
        self.errors[RHYTHM].mean < RHYTHMIC * others
    }

    /// Logarithmic size of how unusually restless, or still, the values before this one were; 0 where it would be less.
    fn restless_magnitude(&self, log_restless: f64, parameters: &Parameters) -> f64 {
        if f64::from(self.count) < RESTLESS_KNOWN {
            return 0.0;
        }
        let stillness = (self.calm - log_restless) / (self.calm_error.mean + RESTLESS_ERROR_MIN);
        if stillness <= RESTLESS_ALLOWED {
            return 0.0;
        }
        parameters.magnitude(stillness) - RESTLESS_ALLOWANCE
    }

    /// What the members make of `value`, which they count.
    fn members(
        &mut self,
        value: f64,
        log_restless: f64,
        forecast: &Forecast,
        parameters: &Parameters,
        levels: &Levels,
    ) -> Members {
        let level = levels.season.level(self.distance(value, forecast, SEASON));
        let context = self.context.score(level);
        self.context.learn(level);
        let mut members =
            Members { novelty: parameters.weight_context * context, context, ..Members::default() };

        let usual = if forecast.is_rhythmic { RHYTHM } else { SEASON };
        let off = self.distance(value, forecast, usual).clamp(-SUSTAINED_BOUND, SUSTAINED_BOUND);
        let sustained = self.sustained + (off - self.sustained) / parameters.memory_sustained;
        // Over a short memory it could round to beyond the bound, which no state may hold.
        self.sustained = faded(sustained.clamp(-SUSTAINED_BOUND, SUSTAINED_BOUND));
        if value.abs() >= VALUE_MAX {
            members.novelty += parameters.weight_value + parameters.weight_change;
            return members;
        }
        let stay = self.dwell.stay(levels.dwell.level(self.distance(value, forecast, LEVEL)));
        members.novelty += parameters.weight_dwell * stay.novelty * stay.novelty
            + parameters.weight_ended * stay.ended * stay.ended;
        members.stay = stay;
        let keep = (1.0 - 1.0 / parameters.memory_lattice) as f32;
        // The chance of something new is the share of what was seen once (Good, "The population frequencies of species and the
        // estimation of population parameters", Biometrika 40, 1953): a series of heavy tails shows it all the time.
        let of_value = &mut self.lattices[VALUE];
        let cell = of_value.cell(value);
        let once = of_value.once_elsewhere(cell).saturating_sub(ONCE_USUAL);
        members.once = once;
        members.in_use = of_value.in_use();
        members.beyond = of_value.beyond(value);
        let new = of_value.novelty_in(cell, value, keep);
        members.new[VALUE] = new;
        let mut weight = parameters.weight_value;
        for says_it in [forecast.is_seasonal, forecast.is_rhythmic] {
            if says_it {
                weight *= VALUE_BESIDE;
            }
        }
        members.novelty += weight / (1.0 + ONCE_WEIGHT * once as f64) * new * new;
        let mut count = |lattice: usize, at: f64, weight: f64| {
            let new = self.lattices[lattice].novelty(at, keep);
            members.new[lattice] = new;
            members.novelty += weight * new * new;
        };
        count(CHANGE, value - self.last, parameters.weight_change);
        count(SUSTAINED, self.sustained, parameters.weight_sustained);
        if f64::from(self.count) + 1.0 > YOUNG {
            count(RESTLESS, log_restless, parameters.weight_restless);
        }
        // Without a season, or a rhythm, its distance says what the others say.
        let weight = if forecast.is_seasonal { parameters.weight_residual } else { 0.0 };
        count(RESIDUAL, value - forecast.values[SEASON], weight);
        let weight = if forecast.is_rhythmic { parameters.weight_rhythm } else { 0.0 };
        count(OFF_BEAT, value - forecast.values[RHYTHM], weight);
        members
    }

    /// How far `value` is from a forecast, in mean errors of that.
    fn distance(&self, value: f64, forecast: &Forecast, of: usize) -> f64 {
        (value - forecast.values[of]) / self.errors[of].mean.max(self.error_min())
    }

    /// What the network is told of a value that is new or far from a forecast; `None` of others, which are nothing.
    fn features(
        &self,
        value: f64,
        is_above: bool,
        log_restless: f64,
        forecast: &Forecast,
        members: &Members,
        judged: &Judged,
    ) -> Option<[f32; FEATURES]> {
        let distances = DISTANCES.map(|of| self.distance(value, forecast, of));
        let sizes = distances.map(f64::abs);
        let farthest = sizes.into_iter().fold(0.0, f64::max);
        if judged.news <= NEWS_TOLD && farthest <= DISTANCE_TOLD {
            return None;
        }
        let level = self.errors[LEVEL].mean.max(self.error_min());
        let flag = |is: bool| f64::from(u8::from(is));
        let mut features = [0.0; FEATURES];
        let mut places = features.iter_mut();
        let mut put = |feature: f64| *places.next().expect("as many as there are") = feature as f32;
        put(libm::log1p(f64::from(self.count)));
        put(members.context);
        put(self.usual_novelty);
        put(flag(forecast.is_seasonal));
        put(flag(forecast.is_rhythmic));
        for of in [FAST, LAST, SEASON, RHYTHM, BLEND] {
            put(libm::log((self.errors[of].mean / level).clamp(1e-3, 1e3)));
        }
        for distance in distances {
            put(libm::copysign(libm::log1p(distance.abs()), distance));
        }
        // Of a young field it is not known how restless it usually is.
        let restless = (log_restless - self.calm) / (self.calm_error.mean + RESTLESS_ERROR_MIN);
        put(if self.is_young() { 0.0 } else { restless });
        put(self.sustained);
        put(members.stay.novelty);
        put(members.stay.ended);
        put(members.in_use as f64);
        put(members.once as f64);
        put(members.new[VALUE]);
        put(members.beyond.clamp(-BEYOND_BOUND, BEYOND_BOUND));
        for lattice in [CHANGE, SUSTAINED, RESTLESS, RESIDUAL, OFF_BEAT] {
            put(members.new[lattice]);
        }
        put(judged.magnitude);
        put(judged.still);
        put(judged.novelty);
        put(libm::log1p(sizes.into_iter().fold(f64::INFINITY, f64::min)));
        put(libm::log1p(farthest));
        put(self.sustained.abs());
        self.recurrence.of(is_above).into_iter().for_each(|count| put(libm::log1p(count)));
        Some(features)
    }

    fn learn(&mut self, value: f64, judged: &Judged, forecast: &Forecast, parameters: &Parameters) {
        let mut values = forecast.values;
        let mut corrected = forecast.corrected;
        if self.count == 0 {
            (self.level, self.fast, self.last) = (value, value, value);
            self.season.start(value);
            values = [value; FORECASTS];
            corrected = value;
        }
        self.count = self.count.saturating_add(1);
        let count = f64::from(self.count);
        let gain = 1.0 / count.min(parameters.memory);
        let gain_fast = 1.0 / count.min(parameters.memory_fast);
        self.usual_novelty = faded(self.usual_novelty + gain * (judged.novelty - self.usual_novelty));

        let outside = if judged.error.abs() > f64::from(self.band) { 1.0 } else { 0.0 };
        if count > YOUNG {
            let band = f64::from(self.band) + BAND_STEP * (outside - BAND_OUTSIDE);
            self.band = (band as f32).clamp(1.0, BAND_MAX);
        }
        let change = (value - self.last).abs().min(VALUE_MAX);
        self.restless =
            faded(self.restless + (change - self.restless) / count.min(parameters.memory_restless));
        if count > YOUNG {
            let now = self.log_restless();
            if count == YOUNG + 1.0 {
                self.calm = now;
            }
            self.calm += gain * self.calm_error.learn(now - self.calm, gain, 0.0);
        }
        let least = self.error_min();
        let mut errors = [0.0; FORECASTS];
        for i in 0..FORECASTS {
            errors[i] = self.errors[i].learn(value - values[i], gain, least);
        }
        self.blend.learn(&forecast.parts, value, self.grown(), parameters.memory);
        self.level = faded(self.level + gain * errors[LEVEL]);
        self.fast = faded(self.fast + gain_fast * errors[FAST]);
        // Cut like an error, also while the season is not believed.
        let limit = errors[SEASON].abs().max(RESIDUAL_CUT * self.errors[SEASON].mean);
        self.residual = faded(self.residual + gain_fast * (value - corrected).clamp(-limit, limit));
        self.last = value;
        if count > YOUNG {
            // As cut: what is odd about one turn is not expected of the next.
            let learnt = values[RHYTHM] + errors[RHYTHM];
            self.rhythm.learn((learnt - self.level) / self.errors[LEVEL].mean.max(least));
        }
        self.season.learn(values[forecast.season] + errors[forecast.season]);
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.u32(self.count);
        out.f32(self.band);
        let means =
            [self.level, self.fast, self.last, self.residual, self.sustained, self.restless, self.calm];
        means.iter().for_each(|mean| out.f64(*mean));
        self.calm_error.encode(out);
        self.errors.iter().for_each(|error| error.encode(out));
        self.season.encode(out);
        self.rhythm.encode(out);
        self.blend.encode(out);
        self.context.encode(out);
        self.dwell.encode(out);
        self.still.encode(out);
        out.f64(self.usual_novelty);
        self.recurrence.encode(out);
        self.lattices.iter().for_each(|lattice| lattice.encode(out));
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, StateError> {
        let mut read = Field::new(None);
        read.count = from.u32()?;
        read.band = from.f32_in(1.0, BAND_MAX)?;
        let means = [&mut read.level, &mut read.fast, &mut read.last, &mut read.residual];
        for mean in means {
            *mean = from.learnt()?;
        }
        read.sustained = from.f64_in(-SUSTAINED_BOUND, SUSTAINED_BOUND)?;
        read.restless = from.f64_in(0.0, LEARNT_MAX)?;
        read.calm = from.f64_in(-1e4, 1e4)?;
        read.calm_error = Spread::decode(from)?;
        for error in &mut read.errors {
            *error = Spread::decode(from)?;
        }
        read.season = Season::decode(from)?;
        read.rhythm = Rhythm::decode(from)?;
        read.blend = Blend::decode(from)?;
        read.context = Novelty::decode(from)?;
        read.dwell = Dwell::decode(from)?;
        read.still = Dwell::decode(from)?;
        read.usual_novelty = from.f64_in(0.0, NOVELTY_MAX)?;
        read.recurrence = Recurrence::decode(from)?;
        for lattice in &mut read.lattices {
            *lattice = Lattice::decode(from)?;
        }
        Ok(read)
    }
}
