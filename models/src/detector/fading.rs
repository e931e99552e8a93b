//! What fades without end.
//!
//! A count or a mean that nothing adds to becomes a subnormal number by and by, and stays one, as rounding never makes it 0. A
//! processor takes a hundred times as long for each sum with such a number: after a day of one observation a second, a series
//! that stands still took four times as long. None of them means anything by then.

/// What is left of a count or a weight: nothing where that is too little to matter beside 1.
pub(super) fn faded_f32(left: f32) -> f32 {
    if left.abs() < 1e-30 { 0.0 } else { left }
}

/// What is left of a mean: nothing where that is less than any value's own arithmetic tells apart.
pub(super) fn faded(left: f64) -> f64 {
    if left.abs() < 1e-300 { 0.0 } else { left }
}

/// The largest of late: `now`, or what is left of it over so many observations.
pub(super) fn fading_maximum(maximum: f64, now: f64, memory: f64) -> f64 {
    now.max(faded(maximum * (1.0 - 1.0 / memory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fades_ends_before_it_is_subnormal() {
        let (mut count, mut mean) = (1000.0_f32, -1e12_f64);
        for _ in 0..50_000 {
            count = faded_f32(count * 0.95);
            mean = faded(mean * 0.95);
            assert!(!count.is_subnormal() && !mean.is_subnormal());
        }
        assert_eq!((count, mean), (0.0, 0.0));
        assert_eq!(faded_f32(1e-20), 1e-20);
        assert_eq!(faded(-1e-299), -1e-299);
    }
}
