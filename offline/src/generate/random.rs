//! Random numbers from a seed.

use std::f64::consts::TAU;

/// A generator of random numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// The second number of a pair of the Box-Muller transform.
    spare: Option<f64>,
}

impl Random {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds would else give sequences that are one another's, shifted by a number.
        let mut random = Self { state: seed, spare: None };
        random.state = random.bits();
        random
    }

    /// 64 random bits, a seed for another generator.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Uniform in the open interval (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Uniform in (`from`, `to`).
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }

    /// Of a logarithm that is uniform between those of `from` and `to`, which are positive.
    pub fn magnitude(&mut self, from: f64, to: f64) -> f64 {
        libm::exp(self.between(libm::log(from), libm::log(to)))
    }

    /// One of 0 to `count` − 1; `count` is positive.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count - 1)
    }

    /// True in a share of `probability`.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Puts items in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).rev().for_each(|last| items.swap(last, self.below(last + 1)));
    }

    /// The next state of an autoregressive process of first order and variance 1.
    pub(super) fn autoregressive(&mut self, state: f64, coefficient: f64) -> f64 {
        coefficient * state + (1.0 - coefficient * coefficient).sqrt() * self.normal()
    }

    /// −1 or 1.
    pub fn sign(&mut self) -> f64 {
        if self.chance(0.5) { -1.0 } else { 1.0 }
    }

    /// Gaussian of mean 0 and variance 1, by the Box-Muller transform.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        let (sine, cosine) = libm::sincos(TAU * self.uniform());
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Student's t of three degrees of freedom, whose variance is 3 and whose fourth moment is infinite.
    pub fn student_3(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal()).map(|x| x * x).sum();
        self.normal() / libm::sqrt(squares / 3.0)
    }

    /// Length of a run that ends with each element at a probability of 1 / `mean`: 1 or more.
    pub fn run(&mut self, mean: f64) -> u64 {
        if mean <= 1.0 {
            return 1;
        }
        1 + (libm::log(self.uniform()) / libm::log1p(-1.0 / mean)) as u64
    }

    /// A Poisson count of a mean: by multiplication (Knuth) where it is small, and else by transformed rejection
    /// (Hörmann, "The transformed rejection method for generating Poisson random variables", 1993).
    pub fn poisson(&mut self, mean: f64) -> f64 {
        if mean < 10.0 {
            let (mut count, mut product, limit) = (0.0, self.uniform(), libm::exp(-mean));
            while product > limit {
                product *= self.uniform();
                count += 1.0;
            }
            return count;
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let squeeze = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let (u, v) = (self.uniform() - 0.5, self.uniform());
            let edge = 0.5 - u.abs();
            let count = libm::floor((2.0 * a / edge + b) * u + mean + 0.43);
            if edge >= 0.07 && v <= squeeze {
                return count;
            }
            if count < 0.0 || (edge < 0.013 && v > edge) {
                continue;
            }
            let proposal = libm::log(v * inverse_alpha / (a / (edge * edge) + b));
            if proposal <= count * libm::log(mean) - mean - libm::lgamma(count + 1.0) {
                return count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many numbers.
    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(7);
        let numbers: Vec<f64> = (0..200_000).map(|_| draw(&mut random)).collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / numbers.len() as f64;
        (mean, variance)
    }

    #[track_caller]
    fn assert_moments((mean, variance): (f64, f64), expected: (f64, f64)) {
        let within = 0.02 * (1.0 + expected.1);
        assert!((mean - expected.0).abs() < within, "a mean of {mean}");
        assert!((variance - expected.1).abs() < within, "a variance of {variance}");
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_its_neighbour_others() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [(); 20].map(|()| random.bits())
        };
        assert_eq!(numbers(3), numbers(3));
        let others = numbers(4);
        assert!(numbers(3).iter().all(|number| !others.contains(number)));
    }

    #[test]
    fn moments_are_those_of_theory() {
        assert_moments(moments(Random::uniform), (0.5, 1.0 / 12.0));
        assert_moments(moments(Random::normal), (0.0, 1.0));
        for mean in [0.3, 5.0, 10.0, 40.0] {
            assert_moments(moments(|random| random.poisson(mean)), (mean, mean));
        }
        assert_moments(moments(|random| random.run(5.0) as f64), (5.0, 20.0));
    }

    #[test]
    fn a_student_number_exceeds_its_quantiles_as_often_as_the_table_says() {
        for (quantile, share) in [(2.353, 0.1), (5.841, 0.01)] {
            let (beyond, _) = moments(|random| f64::from(random.student_3().abs() > quantile));
            assert!((beyond / share - 1.0).abs() < 0.05, "{beyond} beyond {quantile}");
        }
    }

    #[test]
    fn a_large_poisson_count_has_the_tail_of_the_distribution() {
        // P(N >= 130) of a mean of 100 is 0.00228.
        let (beyond, _) = moments(|random| f64::from(random.poisson(100.0) >= 130.0));
        assert!((beyond / 0.00228 - 1.0).abs() < 0.2, "{beyond}");
    }
}
