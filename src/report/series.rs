//! A series of any length in little memory, with its extremes.

use hwmodel::cast::index;

/// Buckets of a series: at most four points each are drawn.
const CAPACITY: u64 = 512;

/// A value at a place.
type Point = (f64, f64);

/// Neighbouring values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    /// Its place is from `index` · width up to `(index + 1)` · width.
    index: u64,
    first: Point,
    last: Point,
    lowest: Point,
    highest: Point,
    sum: f64,
    count: f64,
}

impl Bucket {
    fn of(index: u64, point: Point) -> Self {
        let (first, last, lowest, highest) = (point, point, point, point);
        Self { index, first, last, lowest, highest, sum: point.1, count: 1.0 }
    }

    /// Takes in what comes after it.
    fn add(&mut self, next: &Self) {
        self.last = next.last;
        // The first of equal extremes stays.
        if next.lowest.1 < self.lowest.1 {
            self.lowest = next.lowest;
        }
        if next.highest.1 > self.highest.1 {
            self.highest = next.highest;
        }
        self.sum += next.sum;
        self.count += next.count;
    }
}

/// A series that is read value by value and kept as at most 512 buckets of equal width. Of each bucket the first, the lowest,
/// the highest and the last value are kept: no extreme is lost, and the same values always give the same points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    buckets: Vec<Bucket>,
    /// The width of a bucket is 2 to the power of this.
    doublings: u32,
    not_finite: u64,
}

impl Series {
    /// A series without values.
    pub const fn new() -> Self {
        Self { buckets: Vec::new(), doublings: 0, not_finite: 0 }
    }

    /// Adds a value at the whole number `x`. Places ascend. A value that is not finite is only counted.
    pub fn push(&mut self, x: u64, y: f64) {
        if !y.is_finite() {
            self.not_finite += 1;
            return;
        }
        while x >> self.doublings >= CAPACITY {
            self.double();
        }
        let bucket = Bucket::of(x >> self.doublings, (x as f64, y));
        match self.buckets.last_mut() {
            // A place before the last one, in a trace that is out of order, stays with the last.
            Some(last) if last.index >= bucket.index => last.add(&bucket),
            _ => self.buckets.push(bucket),
        }
    }

    /// Doubles the width of all buckets.
    fn double(&mut self) {
        self.doublings += 1;
        let mut joined: Vec<Bucket> = Vec::with_capacity(self.buckets.len());
        for bucket in &self.buckets {
            let bucket = Bucket { index: bucket.index / 2, ..*bucket };
            match joined.last_mut() {
                Some(last) if last.index == bucket.index => last.add(&bucket),
                _ => joined.push(bucket),
            }
        }
        self.buckets = joined;
    }

    /// Values that were not finite.
    pub fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The lowest and the highest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        let low = self.buckets.iter().map(|bucket| bucket.lowest.1).reduce(f64::min)?;
        let high = self.buckets.iter().map(|bucket| bucket.highest.1).reduce(f64::max)?;
        Some((low, high))
    }

    /// The mean of all values; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        let count: f64 = self.buckets.iter().map(|bucket| bucket.count).sum();
        let sum: f64 = self.buckets.iter().map(|bucket| bucket.sum).sum();
        (count > 0.0).then(|| sum / count)
    }

    /// The last value.
    pub fn last(&self) -> Option<f64> {
        self.buckets.last().map(|bucket| bucket.last.1)
    }

    /// The points to draw, at most 2048, ascending in x. Between two equal values others of the same value are left out.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<Point> = Vec::new();
        for bucket in &self.buckets {
            let mut of_bucket = [bucket.first, bucket.lowest, bucket.highest, bucket.last];
            of_bucket.sort_by(|a, b| a.0.total_cmp(&b.0));
            for point in of_bucket {
                let same = |other: &Point| other.1.to_bits() == point.1.to_bits();
                match points.as_slice() {
                    [.., last] if *last == point => {}
                    [.., before, last] if same(before) && same(last) => {
                        let last = points.len() - 1;
                        points[last] = point;
                    }
                    _ => points.push(point),
                }
            }
        }
        points
    }

    /// The mean of each bucket up to the last, NaN in those without a value, and the width of a bucket.
    pub fn means(&self) -> (Vec<f64>, f64) {
        let columns = self.buckets.last().map_or(0, |last| last.index + 1);
        let mut means = vec![f64::NAN; index(columns)];
        for bucket in &self.buckets {
            means[index(bucket.index)] = bucket.sum / bucket.count;
        }
        (means, 2_f64.powi(self.doublings as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(values: impl IntoIterator<Item = f64>) -> Series {
        let mut series = Series::default();
        values.into_iter().enumerate().for_each(|(x, y)| series.push(x as u64, y));
        series
    }

    #[test]
    fn short_series_are_kept_whole() {
        let short = series([3.0, 1.0, 2.0]);
        assert_eq!(short.points(), [(0.0, 3.0), (1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(
            (short.range(), short.mean(), short.last()),
            (Some((1.0, 3.0)), Some(2.0), Some(2.0))
        );
        assert_eq!(Series::default().points(), []);
        assert_eq!((Series::default().mean(), Series::default().range()), (None, None));
    }

    #[test]
    fn a_level_is_its_two_ends() {
        let steps = series((0..100_000).map(|x| if x < 60_000 { 8.0 } else { 16.0 }));
        let points = steps.points();
        assert_eq!(points.first(), Some(&(0.0, 8.0)));
        assert!(points.contains(&(60_000.0, 16.0)), "{points:?}");
        assert_eq!(points.last(), Some(&(99_999.0, 16.0)));
        assert!(points.len() <= 6, "{points:?}");
    }

    #[test]
    fn a_single_peak_survives_a_million_values() {
        let peak = series((0..1_000_000).map(|x| match x {
            765_432 => 1e6,
            123_456 => -5.0,
            x => f64::from(x % 7),
        }));
        let points = peak.points();
        assert!((512..=2048).contains(&points.len()), "{}", points.len());
        assert!(points.contains(&(765_432.0, 1e6)) && points.contains(&(123_456.0, -5.0)));
        let (means, width) = peak.means();
        assert_eq!((means.len(), width), (489, 2048.0));
    }

    #[test]
    fn what_is_not_finite_is_counted() {
        let odd = series([1.0, f64::NAN, f64::INFINITY, 2.0]);
        assert_eq!((odd.not_finite(), odd.points()), (2, vec![(0.0, 1.0), (3.0, 2.0)]));
    }

    #[test]
    fn places_count_and_not_values() {
        let mut uneven = Series::default();
        (0..1000).step_by(10).for_each(|x| uneven.push(x, 1.0));
        (1000..3000).for_each(|x| uneven.push(x, 2.0));
        let (means, width) = uneven.means();
        assert_eq!((means.len(), width), (375, 8.0));
        assert!(
            means[3].is_finite() && means[4].is_nan(),
            "steps 30 and 40 are traced, 32 to 39 not"
        );
        assert_eq!(uneven.points(), [(0.0, 1.0), (990.0, 1.0), (1000.0, 2.0), (2999.0, 2.0)]);
        let mut huge = Series::default();
        [0, u64::MAX, 5].into_iter().for_each(|x| huge.push(x, 1.0));
        assert_eq!(huge.means().0.len(), 512);
    }

    proptest! {
        #[test]
        fn ends_extremes_and_order_are_kept(values in prop::collection::vec(-100i32..100, 1..3000)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let kept = series(values.iter().copied());
            let points = kept.points();
            prop_assert!(points.len() <= 4 * CAPACITY as usize);
            prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert_eq!(points[0], (0.0, values[0]));
            let last = values.len() - 1;
            prop_assert_eq!(points[points.len() - 1], (last as f64, values[last]));
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(kept.range(), Some((low, high)));
            prop_assert!(points.iter().any(|point| point.1 == low));
            prop_assert!(points.iter().any(|point| point.1 == high));
            // Every point is a value of the series.
            prop_assert!(points.iter().all(|point| values[point.0 as usize] == point.1));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!((kept.mean().unwrap() - mean).abs() < 1e-9);
        }
    }
}
