//! Fewer points that still show what matters: of each bucket of time the minimum, the maximum and the strangest.

/// What decides whether a point of a field is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// The caller's number of the point.
    pub(super) number: usize,
    /// In ascending order.
    pub(super) time_ms: i64,
    /// Not NaN.
    pub(super) value: f64,
    /// Of the observation.
    pub(super) surprise: f32,
}

/// Numbers of the points that are kept, in order: all where there are at most `points_max` (at least 3), else
/// up to three of each of `points_max / 3` buckets of equal time.
pub(super) fn downsample(points: &[Point], points_max: usize) -> Vec<usize> {
    assert!(points_max >= 3, "a bucket gives up to three points");
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= points_max {
        return points.iter().map(|point| point.number).collect();
    }
    let buckets = (points_max / 3) as u128;
    let start = i128::from(first.time_ms);
    let width = (i128::from(last.time_ms) - start) as u128 + 1;
    let bucket_of = |point: &Point| (i128::from(point.time_ms) - start) as u128 * buckets / width;
    let mut kept = Vec::with_capacity(points_max);
    for bucket in points.chunk_by(|a, b| bucket_of(a) == bucket_of(b)) {
        let (mut minimum, mut maximum, mut strangest) = (0, 0, 0);
        for (at, point) in bucket.iter().enumerate() {
            if point.value < bucket[minimum].value {
                minimum = at;
            }
            if point.value > bucket[maximum].value {
                maximum = at;
            }
            if point.surprise > bucket[strangest].surprise {
                strangest = at;
            }
        }
        let mut chosen = [minimum, maximum, strangest];
        chosen.sort_unstable();
        let mut before = None;
        for at in chosen {
            if before.replace(at) != Some(at) {
                kept.push(bucket[at].number);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn extremes_and_the_strangest_stay_within_the_bound(
            mut seen in prop::collection::vec((any::<i64>(), -9i32..9, 0u8..5), 1..300),
            points_max in 3usize..50,
        ) {
            seen.sort_unstable();
            let points: Vec<Point> = seen.iter().enumerate().map(|(number, (time_ms, value, surprise))| Point {
                number,
                time_ms: *time_ms,
                value: f64::from(*value),
                surprise: f32::from(*surprise),
            }).collect();
            let kept = downsample(&points, points_max);
            prop_assert!(kept.len() <= points_max);
            prop_assert!(kept.is_sorted_by(|a, b| a < b), "in order, each once");
            if points.len() <= points_max {
                prop_assert_eq!(kept.len(), points.len());
            }
            let kept: Vec<_> = kept.iter().map(|number| seen[*number]).collect();
            prop_assert_eq!(kept.iter().map(|point| point.1).min(), seen.iter().map(|point| point.1).min());
            prop_assert_eq!(kept.iter().map(|point| point.1).max(), seen.iter().map(|point| point.1).max());
            prop_assert_eq!(kept.iter().map(|point| point.2).max(), seen.iter().map(|point| point.2).max());
        }
    }
}
