//! A series of any length in little memory, with its extremes.

/// Buckets of a series: at most four points each are drawn.
const CAPACITY: usize = 256;

/// A value at a place.
type Point = (f64, f64);

/// Neighbouring values.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    first: Point,
    last: Point,
    lowest: Point,
    highest: Point,
    sum: f64,
    count: f64,
}

impl Bucket {
    fn of(point: Point) -> Self {
        let (first, last, lowest, highest) = (point, point, point, point);
        Self { first, last, lowest, highest, sum: point.1, count: 1.0 }
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

/// A series that is read value by value and kept as at most 256 buckets of equally many values. Of each bucket the first, the
/// lowest, the highest and the last value are kept: no extreme is lost, and the same values always give the same points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    buckets: Vec<Bucket>,
    /// Values of a full bucket: a power of two.
    width: u64,
    /// Values of the last bucket.
    filled: u64,
    not_finite: u64,
}

impl Series {
    /// Adds a value. Places ascend. One that is not finite is only counted.
    pub fn push(&mut self, x: f64, y: f64) {
        if !x.is_finite() || !y.is_finite() {
            self.not_finite += 1;
            return;
        }
        let bucket = Bucket::of((x, y));
        self.width = self.width.max(1);
        match self.buckets.last_mut() {
            Some(last) if self.filled < self.width => {
                last.add(&bucket);
                self.filled += 1;
            }
            _ => {
                if self.buckets.len() == CAPACITY {
                    self.halve();
                }
                self.buckets.push(bucket);
                self.filled = 1;
            }
        }
    }

    /// Joins neighbouring buckets, all of which are full.
    fn halve(&mut self) {
        let joined = self.buckets.chunks(2).map(|pair| {
            let mut bucket = pair[0];
            pair[1..].iter().for_each(|next| bucket.add(next));
            bucket
        });
        self.buckets = joined.collect();
        self.width *= 2;
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

    /// The points to draw, at most 1024, ascending in x. Between two equal values others of the same value are left out.
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

    /// The first place and the mean of each bucket.
    pub fn means(&self) -> Vec<(f64, f64)> {
        self.buckets.iter().map(|bucket| (bucket.first.0, bucket.sum / bucket.count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(values: impl IntoIterator<Item = f64>) -> Series {
        let mut series = Series::default();
        values.into_iter().enumerate().for_each(|(x, y)| series.push(x as f64, y));
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
        assert!(points.len() <= 4 * CAPACITY && points.len() > CAPACITY, "{}", points.len());
        assert!(points.contains(&(765_432.0, 1e6)) && points.contains(&(123_456.0, -5.0)));
        let means = peak.means();
        assert!((CAPACITY / 2..=CAPACITY).contains(&means.len()));
    }

    #[test]
    fn what_is_not_finite_is_counted() {
        let odd = series([1.0, f64::NAN, f64::INFINITY, 2.0]);
        assert_eq!((odd.not_finite(), odd.points()), (2, vec![(0.0, 1.0), (3.0, 2.0)]));
    }

    proptest! {
        #[test]
        fn ends_extremes_and_order_are_kept(values in prop::collection::vec(-100i32..100, 1..3000)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let kept = series(values.iter().copied());
            let points = kept.points();
            prop_assert!(points.len() <= 4 * CAPACITY);
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
