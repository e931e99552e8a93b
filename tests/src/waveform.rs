//! Series to put: usual noise, and a burst that no detector should miss.

/// A small generator of pseudo-random numbers (xorshift64*), so that a seed names a test.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in 0..bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// About standard normal: the sum of twelve uniforms less six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.bits() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }
}

/// One life of a series: usual, then a burst, then usual again.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// Observations before it.
    pub before: usize,
    /// Its own.
    pub during: usize,
    /// Those behind it, enough for the alert to close.
    pub after: usize,
}

impl Burst {
    /// Observations in all.
    pub fn len(&self) -> usize {
        self.before + self.during + self.after
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `step`: level 50 with a spread of 1, and 40 above that in the burst.
    pub fn value(&self, step: usize, random: &mut Random) -> f64 {
        let burst = (self.before..self.before + self.during).contains(&step);
        50.0 + random.normal() + if burst { 40.0 } else { 0.0 }
    }
}
