//! Functions of one integer, one for each channel: from what operators give for all integers, or for all steps of a function that
//! never falls, to a loop of few instructions that gives the same.

use hwmodel::cast::{exact, low, nearest_f32, toward_zero};

/// Integers that are processed together.
pub(super) const LANES: usize = 8;

/// Beyond this the rounding by addition is not exact in float32.
const MOST: i64 = 1 << 21;

/// The most values of a table of one channel, and of all.
const MOST_VALUES: i64 = 1 << 16;
const MOST_VALUES_OF_ALL: usize = 1 << 22;

/// Adding and subtracting these rounds a float of moderate size to the nearest integer, ties to even.
const ROUND_SINGLE: f32 = 12_582_912.0;
const ROUND_DOUBLE: f64 = 6_755_399_441_055_744.0;

/// What is computed of an integer x, before limits.
#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// The nearest integer to x·factor, in float32.
    Single(Vec<f32>),
    /// The same in float64.
    Double(Vec<f64>),
    /// The nearest integer to x·from / to, in float64.
    Quotient(Vec<f64>, Vec<f64>),
    /// The number of steps of the channel that are at most x.
    Steps { first: Vec<usize>, steps: Vec<i32> },
    /// The value at x - lowest; `channels` is 0 if one table is for all.
    Table { lowest: i32, values: Vec<i16>, each: usize, per_channel: bool },
}

/// An integer of 16 bits for an integer of up to 32 bits, by channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unary {
    channels: usize,
    rule: Rule,
    /// Limits before `added` is.
    limits: (i32, i32),
    added: i32,
}

/// What the integers before and after a function stand for: scales and zero points, one or one for each channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    pub(super) scales: Vec<f64>,
    pub(super) zeros: Vec<i64>,
}

impl Meaning {
    /// The only zero point, if there is one.
    pub(super) fn zero(&self) -> Option<i64> {
        let (&first, rest) = self.zeros.split_first()?;
        rest.iter().all(|&zero| zero == first).then_some(first)
    }
}

/// What operators give: for rows of one integer a channel, rows of results.
pub(super) type Truth<'a> = dyn Fn(&[i64]) -> Option<Vec<i64>> + 'a;

/// A function to be made.
pub(super) struct Wanted<'a> {
    pub(super) channels: usize,
    /// Whether channels differ; otherwise `truth` takes and gives one integer a row.
    pub(super) per_channel: bool,
    /// Lowest and highest integer of each channel, or of all.
    pub(super) ranges: Vec<(i64, i64)>,
    /// Whether it is known that the function never falls.
    pub(super) rising: bool,
    pub(super) truth: &'a Truth<'a>,
    /// The factor of each channel if it is a requantisation.
    pub(super) scales: Option<(Vec<f64>, Vec<f64>)>,
    /// What is subtracted from the results in memory.
    pub(super) offset: i64,
    /// The zero point of the results.
    pub(super) zero: i64,
}

impl Wanted<'_> {
    fn columns(&self) -> usize {
        if self.per_channel { self.channels } else { 1 }
    }

    fn range(&self, column: usize) -> (i64, i64) {
        self.ranges[column % self.ranges.len()]
    }

    /// The function; `None` if it has too many values, or they have more than 16 bits.
    pub(super) fn make(&self) -> Option<Unary> {
        let columns = self.columns();
        let span = (0..columns).map(|column| self.range(column)).map(|(low, high)| high - low);
        let widest = span.max()?.checked_add(1)?;
        let values = usize::try_from(widest).ok()?.checked_mul(columns)?;
        if widest <= MOST_VALUES / 16 && values <= MOST_VALUES_OF_ALL {
            return self.of_all(usize::try_from(widest).ok()?);
        }
        if !self.rising {
            return None;
        }
        self.of_steps()
    }

    /// Candidates that are compared with the truth.
    fn candidates(&self, limits: (i64, i64)) -> Vec<Unary> {
        let Some((from, to)) = &self.scales else { return Vec::new() };
        let padded = |values: Vec<f64>| -> Vec<f64> {
            let length = self.channels.next_multiple_of(LANES);
            (0..length).map(|index| values[index.min(self.channels - 1) % values.len()]).collect()
        };
        let (from, to) = (padded(from.clone()), padded(to.clone()));
        let pairs = || from.iter().zip(&to);
        let limits = (limits.0 - self.zero, limits.1 - self.zero);
        let added = self.zero - self.offset;
        let small = |value: i64| value.abs() < MOST;
        if !small(limits.0) || !small(limits.1) || !small(added) {
            return Vec::new();
        }
        let singles = pairs().map(|(&from, &to)| nearest_f32(from) / nearest_f32(to)).collect();
        let nearest = pairs().map(|(from, to)| nearest_f32(from / to)).collect();
        let doubles = pairs().map(|(from, to)| from / to).collect();
        let rules = [
            Rule::Single(singles),
            Rule::Single(nearest),
            Rule::Double(doubles),
            Rule::Quotient(from.clone(), to.clone()),
        ];
        let limits = (low(limits.0), low(limits.1));
        rules
            .into_iter()
            .map(|rule| Unary { channels: self.channels, rule, limits, added: low(added) })
            .collect()
    }

    /// Compares with the results of all integers.
    fn of_all(&self, each: usize) -> Option<Unary> {
        let columns = self.columns();
        let mut samples = Vec::with_capacity(each * columns);
        for row in 0..each {
            for column in 0..columns {
                let (low, high) = self.range(column);
                samples.push((low + exact::<i64>(row)).min(high));
            }
        }
        let truth = (self.truth)(&samples)?;
        let limits = (*truth.iter().min()?, *truth.iter().max()?);
        self.fits(limits)?;
        let found = self.candidates(limits).into_iter().find(|unary| {
            let each = samples.iter().zip(&truth).enumerate();
            each.into_iter().all(|(index, (&x, &result))| {
                unary.scalar(index % columns, low(x)) == result - self.offset
            })
        });
        if found.is_some() {
            return found;
        }
        // One lowest integer for all columns.
        let lowest = (0..columns).map(|column| self.range(column).0).min()?;
        let highest = (0..columns).map(|column| self.range(column).1).max()?;
        let each = usize::try_from(highest - lowest + 1).ok()?;
        let mut samples = Vec::with_capacity(each * columns);
        for row in 0..each {
            for column in 0..columns {
                let (low, high) = self.range(column);
                samples.push((lowest + exact::<i64>(row)).clamp(low, high));
            }
        }
        let truth = (self.truth)(&samples)?;
        let values = truth.iter().map(|&result| low(result - self.offset)).collect();
        let (lowest, per_channel) = (low(lowest), self.per_channel);
        let rule = Rule::Table { lowest, values, each, per_channel };
        Some(Unary { channels: self.channels, rule, limits: (0, 0), added: 0 })
    }

    fn fits(&self, limits: (i64, i64)) -> Option<()> {
        let fits = |value: i64| i16::try_from(value - self.offset).is_ok();
        (fits(limits.0) && fits(limits.1)).then_some(())
    }

    /// Results at the ends of the ranges.
    fn ends(&self) -> Option<[Vec<i64>; 2]> {
        let columns = self.columns();
        let end = |high: bool| -> Vec<i64> {
            let ends = (0..columns).map(|column| self.range(column));
            ends.map(|(low, most)| if high { most } else { low }).collect()
        };
        Some([(self.truth)(&end(false))?, (self.truth)(&end(true))?])
    }

    /// Compares with the results on both sides of every step.
    fn of_steps(&self) -> Option<Unary> {
        let columns = self.columns();
        let [lows, highs] = self.ends()?;
        let limits = (*lows.iter().min()?, *highs.iter().max()?);
        self.fits(limits)?;
        let steps: i64 = lows.iter().zip(&highs).map(|(low, high)| high - low).sum();
        if usize::try_from(steps).ok()? > MOST_VALUES_OF_ALL {
            return None;
        }
        for unary in self.candidates(limits) {
            if self.confirmed(&unary, &lows, &highs)? {
                return Some(unary);
            }
        }
        // The first integer of each step, by halving.
        let most = usize::try_from(limits.1 - limits.0).ok()?;
        let mut first = vec![0];
        let mut all = Vec::new();
        let mut searched: Vec<(usize, i64, i64, i64)> = Vec::new();
        for column in 0..columns {
            let (low, high) = self.range(column);
            for level in limits.0 + 1..=limits.1 {
                searched.push((column, level, low, high + 1));
            }
        }
        while searched.iter().any(|&(_, _, low, high)| low < high) {
            // Rows of one sample a column, as many as the column with the most levels has.
            let mut samples = vec![0; most * columns];
            for (index, &(column, _, low, high)) in searched.iter().enumerate() {
                let range = self.range(column);
                samples[index % most * columns + column] =
                    (low + (high - low) / 2).clamp(range.0, range.1);
            }
            let truth = (self.truth)(&samples)?;
            for (index, (column, level, low, high)) in searched.iter_mut().enumerate() {
                if *low < *high {
                    let middle = *low + (*high - *low) / 2;
                    if truth[index % most * columns + *column] >= *level {
                        *high = middle;
                    } else {
                        *low = middle + 1;
                    }
                }
            }
        }
        for column in 0..self.channels {
            let of = column % columns;
            let places = searched.iter().filter(|search| search.0 == of).map(|search| search.2);
            // A step that no sum reaches lies behind the last one.
            all.extend(places.map(|place| i32::try_from(place).unwrap_or(i32::MAX)));
            first.push(all.len());
        }
        let rule = Rule::Steps { first, steps: all };
        let added = low(limits.0 - self.offset);
        Some(Unary { channels: self.channels, rule, limits: (0, low(limits.1 - limits.0)), added })
    }

    /// Whether a function that never falls has the same ends and steps as the truth.
    fn confirmed(&self, unary: &Unary, lows: &[i64], highs: &[i64]) -> Option<bool> {
        let columns = self.columns();
        let mut sides: Vec<Vec<i64>> = Vec::with_capacity(columns);
        for column in 0..columns {
            let (least, most) = self.range(column);
            let result = |x: i64| unary.scalar(column, low(x)) + self.offset;
            if result(least) != lows[column] || result(most) != highs[column] {
                return Some(false);
            }
            let mut places = Vec::new();
            let mut from = least;
            for level in lows[column] + 1..=highs[column] {
                let (mut low, mut high) = (from, most);
                // The step is near where the factor has it.
                if let Some(guess) = unary.inverse(column, level - self.offset) {
                    let guess = guess.clamp(from, most);
                    if guess - 2 > from && result(guess - 2) < level {
                        low = guess - 2;
                    }
                    if guess + 2 < most && result(guess + 2) >= level {
                        high = guess + 2;
                    }
                }
                while low < high {
                    let middle = low + (high - low) / 2;
                    if result(middle) >= level { high = middle } else { low = middle + 1 }
                }
                // Several steps at one place are seen at the last.
                places.extend([(low - 1).max(least), low]);
                from = low;
            }
            sides.push(places);
        }
        let rows = sides.iter().map(Vec::len).max().unwrap_or(0);
        let mut samples = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for (column, places) in sides.iter().enumerate() {
                samples.push(places.get(row).copied().unwrap_or(self.range(column).0));
            }
        }
        let truth = (self.truth)(&samples)?;
        let mut each = samples.iter().zip(&truth).enumerate();
        Some(each.all(|(index, (&x, &result))| {
            unary.scalar(index % columns, low(x)) + self.offset == result
        }))
    }
}

impl Unary {
    /// Whether every integer of `range` stays what it is.
    pub(super) fn is_identity(&self, (least, most): (i64, i64)) -> bool {
        let columns = 0..self.channels;
        most - least < MOST_VALUES
            && columns
                .into_iter()
                .all(|column| (least..=most).all(|x| self.scalar(column, low(x)) == x))
    }

    /// About where the function reaches `result`.
    fn inverse(&self, channel: usize, result: i64) -> Option<i64> {
        let factor = match &self.rule {
            Rule::Single(factors) => f64::from(factors[channel]),
            Rule::Double(factors) => factors[channel],
            Rule::Quotient(from, to) => from[channel] / to[channel],
            _ => return None,
        };
        let place = ((result - i64::from(self.added)) as f64 - 0.5) / factor;
        Some(toward_zero(place.ceil().clamp(-1e15, 1e15)))
    }

    /// The result for one integer.
    pub(super) fn scalar(&self, channel: usize, x: i32) -> i64 {
        let (first, lane) = (channel / LANES * LANES, channel % LANES);
        let mut integers = [0; LANES];
        integers[lane] = x;
        let mut results = [0i16; LANES];
        let out = &mut results[..LANES.min(self.channels - first)];
        self.each_vector(first, &integers, LANES, out.len(), out, |_, _| ());
        i64::from(results[lane])
    }

    #[inline(always)]
    fn single(&self, factors: &[f32; LANES], x: &[i32; LANES]) -> [i16; LANES] {
        let (least, most) = (self.limits.0 as f32, self.limits.1 as f32);
        let added = self.added.wrapping_sub(low(ROUND_SINGLE.to_bits()));
        let mut out = [0i16; LANES];
        for lane in 0..LANES {
            let y = x[lane] as f32 * factors[lane];
            let y = if y < least { least } else { y };
            let y = if y > most { most } else { y };
            let bits: i32 = low((y + ROUND_SINGLE).to_bits());
            out[lane] = low(bits.wrapping_add(added));
        }
        out
    }

    #[inline(always)]
    fn double(&self, x: &[i32; LANES], scaled: impl Fn(usize, f64) -> f64) -> [i16; LANES] {
        let (least, most) = (f64::from(self.limits.0), f64::from(self.limits.1));
        let mut out = [0i16; LANES];
        for lane in 0..LANES {
            let y = scaled(lane, f64::from(x[lane]));
            let y = if y < least { least } else { y };
            let y = if y > most { most } else { y };
            let bits: i32 = low((y + ROUND_DOUBLE).to_bits());
            out[lane] = low(bits.wrapping_add(self.added));
        }
        out
    }

    /// Results from a list, of each lane that has a channel.
    #[inline(always)]
    fn listed(
        &self,
        first: usize,
        x: &[i32; LANES],
        of: impl Fn(usize, i32) -> i16,
    ) -> [i16; LANES] {
        let mut out = [0i16; LANES];
        let lanes = out.iter_mut().zip(x).take(self.channels - first).enumerate();
        lanes.for_each(|(lane, (out, &x))| *out = of(first + lane, x));
        out
    }

    /// Stores the results for all pixels: `x` has `stride` integers a pixel, which begin with one for each channel and fill whole
    /// vectors. `before` gets the first channel of each vector and its integers, which it may change.
    #[inline(always)]
    pub(super) fn each_pixel(
        &self,
        x: &[i32],
        stride: usize,
        out: &mut [i16],
        before: impl FnMut(usize, &mut [i32; LANES]),
    ) {
        self.each_vector(0, x, stride, self.channels, out, before);
    }

    /// [`each_pixel`](Self::each_pixel) of the `channels` channels from `from` on.
    #[inline(always)]
    fn each_vector(
        &self,
        from: usize,
        x: &[i32],
        stride: usize,
        channels: usize,
        out: &mut [i16],
        before: impl FnMut(usize, &mut [i32; LANES]),
    ) {
        let pixels = (x, stride, channels);
        match &self.rule {
            Rule::Single(factors) => vectors(
                pixels,
                out,
                before,
                #[inline(always)]
                |first, x| self.single(of_lanes(&factors[from + first..]), x),
            ),
            Rule::Double(factors) => vectors(
                pixels,
                out,
                before,
                #[inline(always)]
                |first, x| {
                    let factors = of_lanes(&factors[from + first..]);
                    self.double(
                        x,
                        #[inline(always)]
                        |lane, x| x * factors[lane],
                    )
                },
            ),
            Rule::Quotient(above, below) => vectors(
                pixels,
                out,
                before,
                #[inline(always)]
                |first, x| {
                    let first = from + first;
                    let (above, below) = (of_lanes(&above[first..]), of_lanes(&below[first..]));
                    self.double(
                        x,
                        #[inline(always)]
                        |lane, x| x * above[lane] / below[lane],
                    )
                },
            ),
            Rule::Table { lowest, values, each, per_channel } => vectors(
                pixels,
                out,
                before,
                #[inline(always)]
                |first, x| {
                    self.listed(from + first, x, |channel, x| {
                        let place = usize::try_from(x.saturating_sub(*lowest)).unwrap_or(0);
                        let place = place.min(each - 1);
                        match per_channel {
                            true => values[place * self.channels + channel],
                            false => values[place],
                        }
                    })
                },
            ),
            Rule::Steps { first: places, steps } => vectors(
                pixels,
                out,
                before,
                #[inline(always)]
                |first, x| {
                    self.listed(from + first, x, |channel, x| {
                        let steps = &steps[places[channel]..places[channel + 1]];
                        let count: i32 = low(steps.partition_point(|&step| step <= x));
                        low(count + self.added)
                    })
                },
            ),
        }
    }
}

/// Stores what `block` makes of each vector of `channels` integers of each pixel.
#[inline(always)]
fn vectors(
    (x, stride, channels): (&[i32], usize, usize),
    out: &mut [i16],
    mut before: impl FnMut(usize, &mut [i32; LANES]),
    block: impl Fn(usize, &[i32; LANES]) -> [i16; LANES],
) {
    for (x, out) in x.chunks(stride).zip(out.chunks_exact_mut(channels)) {
        for (index, (x, out)) in x.chunks_exact(LANES).zip(out.chunks_mut(LANES)).enumerate() {
            let mut x = *of_lanes(x);
            before(index * LANES, &mut x);
            let results = block(index * LANES, &x);
            match <&mut [i16; LANES]>::try_from(&mut *out) {
                Ok(out) => *out = results,
                Err(_) => out.copy_from_slice(&results[..out.len()]),
            }
        }
    }
}

/// The first lanes of a slice.
#[inline(always)]
fn of_lanes<T>(values: &[T]) -> &[T; LANES] {
    values.first_chunk().expect("rows are padded to whole vectors")
}
