//! Steps on integers of 16 and 32 bits, channels last, run image by image: what a chain of nodes became.

use super::pair::Pair;
use super::unary::{LANES, Unary};
use crate::graph::window::AxisWindows;
use hwmodel::SimdLevel;
use hwmodel::array::DirectFilters;
use hwmodel::cast::low;
use rayon::prelude::*;

/// A step.
pub(super) enum Step {
    /// A convolution, and a function of its sums.
    Convolve(Box<Convolve>),
    /// A function of every integer.
    Map { input: usize, output: usize, function: Unary },
    /// A function of two integers at the same place.
    Pair { inputs: [usize; 2], output: usize, function: Pair },
    /// Maxima under windows; `lowest` is that of no integer.
    Maximum { input: usize, output: usize, windows: [AxisWindows; 2], lowest: i16 },
    /// Sums under windows.
    Sum { input: usize, output: usize, windows: [AxisWindows; 2] },
}

impl Step {
    /// The buffers that it reads.
    pub(super) fn inputs(&self) -> Vec<usize> {
        match self {
            Self::Convolve(convolve) => vec![convolve.input],
            Self::Map { input, .. } | Self::Maximum { input, .. } | Self::Sum { input, .. } => {
                vec![*input]
            }
            Self::Pair { inputs, .. } => inputs.to_vec(),
        }
    }

    /// The buffer that it writes.
    pub(super) fn output(&self) -> usize {
        match self {
            Self::Convolve(convolve) => convolve.output,
            Self::Map { output, .. }
            | Self::Maximum { output, .. }
            | Self::Sum { output, .. }
            | Self::Pair { output, .. } => *output,
        }
    }
}

/// A convolution, and what becomes of its sums.
pub(super) struct Convolve {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) filters: DirectFilters,
    /// Above the image and left of it.
    pub(super) padding: [usize; 2],
    /// Added to the sums; whole vectors.
    pub(super) bias: Vec<i32>,
    /// What is made of the sums; they are stored if `None`.
    pub(super) function: Option<Unary>,
    /// The node, by its place in the program.
    pub(super) node: usize,
}

/// An image in memory, `[height, width, channels]`: integers of 16 bits, or of 32 with the channels filled up to whole vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) pixels: [usize; 2],
    pub(super) channels: usize,
    pub(super) wide: bool,
    /// The memory that it has; others have it before and after.
    pub(super) slot: usize,
}

impl Buffer {
    fn count(&self) -> usize {
        self.pixels[0] * self.pixels[1]
    }

    fn padded(&self) -> usize {
        self.channels.next_multiple_of(LANES)
    }

    fn len(&self) -> usize {
        self.count() * if self.wide { self.padded() } else { self.channels }
    }
}

/// A tensor that comes from other nodes, or goes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) buffer: usize,
    /// What is subtracted from the integers in memory.
    pub(super) offset: i64,
}

/// Steps that are run one after the other for every image.
pub(super) struct Segment {
    pub(super) simd: SimdLevel,
    pub(super) steps: Vec<Step>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) entries: Vec<Port>,
    pub(super) exits: Vec<Port>,
}

/// Lowest and highest sum of each step that is a convolution.
pub(super) type Extremes = Vec<Option<(i32, i32)>>;

/// Memory of a thread.
struct Memory {
    narrow: Vec<Vec<i16>>,
    wide: Vec<Vec<i32>>,
    /// Padded images, one for each geometry.
    images: Vec<Vec<i16>>,
    /// The one of each step.
    image_of: Vec<usize>,
    sums: Vec<i32>,
}

impl Segment {
    /// The integers of all exits, channels first, for `images` images whose integers the entries have, channels first; and the
    /// extremes of the sums.
    pub(super) fn run(&self, entries: &[&[i64]], images: usize) -> (Vec<Vec<i64>>, Extremes) {
        let tasks = 4 * rayon::current_num_threads();
        let each = images.div_ceil(tasks).max(1);
        let starts: Vec<usize> = (0..images).step_by(each).collect();
        let parts: Vec<(Vec<Vec<i64>>, Extremes)> = starts
            .into_par_iter()
            .map(|start| self.part(entries, start..images.min(start + each)))
            .collect();
        let mut exits = vec![Vec::new(); self.exits.len()];
        let mut extremes: Extremes = vec![None; self.steps.len()];
        for (part, found) in parts {
            exits.iter_mut().zip(part).for_each(|(exit, part)| exit.extend(part));
            for (extreme, found) in extremes.iter_mut().zip(found) {
                *extreme = match (*extreme, found) {
                    (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
                    (one, other) => one.or(other),
                };
            }
        }
        (exits, extremes)
    }

    fn part(
        &self,
        entries: &[&[i64]],
        images: std::ops::Range<usize>,
    ) -> (Vec<Vec<i64>>, Extremes) {
        let mut memory = self.memory();
        let mut exits: Vec<Vec<i64>> = self
            .exits
            .iter()
            .map(|port| {
                let buffer = self.buffers[port.buffer];
                Vec::with_capacity(images.len() * buffer.count() * buffer.channels)
            })
            .collect();
        let mut extremes = vec![None; self.steps.len()];
        for image in images {
            for (port, values) in self.entries.iter().zip(entries) {
                let buffer = self.buffers[port.buffer];
                let size = buffer.count() * buffer.channels;
                let values = &values[image * size..][..size];
                load(&buffer, port.offset, values, &mut memory.narrow[buffer.slot]);
            }
            for (index, step) in self.steps.iter().enumerate() {
                self.step(index, step, &mut memory, &mut extremes[index]);
            }
            for (port, exit) in self.exits.iter().zip(&mut exits) {
                let buffer = self.buffers[port.buffer];
                match buffer.wide {
                    true => {
                        store(
                            &buffer,
                            port.offset,
                            &memory.wide[buffer.slot],
                            buffer.padded(),
                            exit,
                        );
                    }
                    false => {
                        let narrow = &memory.narrow[buffer.slot];
                        store(&buffer, port.offset, narrow, buffer.channels, exit);
                    }
                }
            }
        }
        (exits, extremes)
    }

    fn memory(&self) -> Memory {
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        let entries = self.entries.iter().map(|port| port.buffer);
        for buffer in entries.chain(self.steps.iter().map(Step::output)) {
            let buffer = &self.buffers[buffer];
            if buffer.wide {
                grow(&mut wide, buffer.slot, buffer.len());
            } else {
                // Whole vectors are read.
                grow(&mut narrow, buffer.slot, buffer.len() + LANES);
            }
        }
        let (mut keys, mut images, mut image_of) = (Vec::new(), Vec::new(), Vec::new());
        let mut most = 0;
        for step in &self.steps {
            let Step::Convolve(convolve) = step else {
                image_of.push(0);
                continue;
            };
            let input = self.buffers[convolve.input];
            let shape = convolve.filters.shape();
            let key = (shape.image, convolve.padding, input.pixels, input.channels);
            let place = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key);
                images.push(Vec::new());
                keys.len() - 1
            });
            grow(&mut images, place, convolve.filters.image_len());
            image_of.push(place);
            most = most.max(convolve.filters.sums_len());
        }
        Memory { narrow, wide, images, image_of, sums: vec![0; most] }
    }

    fn step(&self, index: usize, step: &Step, memory: &mut Memory, sums: &mut Option<(i32, i32)>) {
        match step {
            Step::Convolve(convolve) => self.convolve(index, convolve, memory, sums),
            Step::Map { input, output, function } => {
                let (from, to) = (self.buffers[*input], self.buffers[*output]);
                let mut out = std::mem::take(&mut memory.narrow[to.slot]);
                if from.wide {
                    let x = &memory.wide[from.slot][..from.len()];
                    self.simd.run(
                        #[inline(always)]
                        || function.each_pixel(x, from.padded(), &mut out[..to.len()], |_, _| ()),
                    );
                } else {
                    let x = &memory.narrow[from.slot];
                    let (padded, channels) = (from.padded(), from.channels);
                    let scratch = &mut memory.sums;
                    scratch.resize(scratch.len().max(from.count() * padded), 0);
                    self.simd.run(
                        #[inline(always)]
                        || {
                            let rows = scratch.chunks_exact_mut(padded).take(from.count());
                            for (row, x) in rows.zip(x.chunks_exact(channels)) {
                                row.iter_mut().zip(x).for_each(|(row, &x)| *row = x.into());
                            }
                            let x = &scratch[..from.count() * padded];
                            function.each_pixel(x, padded, &mut out[..to.len()], |_, _| ());
                        },
                    );
                }
                memory.narrow[to.slot] = out;
            }
            Step::Pair { inputs, output, function } => {
                let [a, b] = inputs.map(|input| self.buffers[input]);
                let to = self.buffers[*output];
                let mut out = std::mem::take(&mut memory.narrow[to.slot]);
                let of = |buffer: Buffer| &memory.narrow[buffer.slot][..buffer.len()];
                self.simd.run(
                    #[inline(always)]
                    || function.each(of(a), of(b), &mut out[..to.len()]),
                );
                memory.narrow[to.slot] = out;
            }
            Step::Maximum { input, output, windows, lowest } => {
                let (from, to) = (self.buffers[*input], self.buffers[*output]);
                let mut out = std::mem::take(&mut memory.narrow[to.slot]);
                let x = &memory.narrow[from.slot];
                self.simd.run(
                    #[inline(always)]
                    || {
                        each_window(
                            windows,
                            from.channels,
                            #[inline(always)]
                            |pixel, place| {
                                let out = &mut out[pixel * to.channels..][..to.channels];
                                match place {
                                    None => out.fill(*lowest),
                                    Some(place) => largest(out, &x[place..][..from.channels]),
                                }
                            },
                        );
                    },
                );
                memory.narrow[to.slot] = out;
            }
            Step::Sum { input, output, windows } => {
                let (from, to) = (self.buffers[*input], self.buffers[*output]);
                let x = &memory.narrow[from.slot];
                let out = &mut memory.wide[to.slot];
                self.simd.run(
                    #[inline(always)]
                    || {
                        each_window(
                            windows,
                            from.channels,
                            #[inline(always)]
                            |pixel, place| {
                                let out = &mut out[pixel * to.padded()..][..to.padded()];
                                match place {
                                    None => out.fill(0),
                                    Some(place) => summed(out, &x[place..][..from.channels]),
                                }
                            },
                        );
                    },
                );
            }
        }
    }

    fn convolve(
        &self,
        index: usize,
        convolve: &Convolve,
        memory: &mut Memory,
        extremes: &mut Option<(i32, i32)>,
    ) {
        let (from, to) = (self.buffers[convolve.input], self.buffers[convolve.output]);
        let filters = &convolve.filters;
        let shape = filters.shape();
        let image = &mut memory.images[memory.image_of[index]];
        let [top, left] = convolve.padding;
        let row = from.pixels[1] * from.channels;
        for (y, source) in
            memory.narrow[from.slot].chunks_exact(row).take(from.pixels[0]).enumerate()
        {
            let at = ((y + top) * shape.image[1] + left) * from.channels;
            image[at..at + row].copy_from_slice(source);
        }
        let [height, width] = shape.output;
        let stride = filters.place(0, 1);
        let mut found = [[i32::MAX; LANES], [i32::MIN; LANES]];
        let sums = &mut memory.sums;
        let mut narrow = match to.wide {
            true => Vec::new(),
            false => std::mem::take(&mut memory.narrow[to.slot]),
        };
        for first in (0..height).step_by(filters.block_rows()) {
            let rows = first..height.min(first + filters.block_rows());
            filters.rows(image, rows.clone(), sums);
            for y in rows {
                let sums = &sums[filters.place(y - first, 0)..][..width * stride];
                let bias = &convolve.bias;
                let channels = to.channels;
                self.simd.run(
                    #[inline(always)]
                    || match &convolve.function {
                        Some(function) => {
                            let out = &mut narrow[y * width * channels..][..width * channels];
                            function.each_pixel(
                                sums,
                                stride,
                                out,
                                #[inline(always)]
                                |first, x| {
                                    biased(x, &bias[first..], channels - first, &mut found);
                                },
                            );
                        }
                        None => {
                            let padded = to.padded();
                            let out = &mut memory.wide[to.slot][y * width * padded..];
                            kept(
                                sums,
                                stride,
                                &mut out[..width * padded],
                                padded,
                                #[inline(always)]
                                |first, x| {
                                    biased(x, &bias[first..], channels - first, &mut found);
                                },
                            );
                        }
                    },
                );
            }
        }
        if !to.wide {
            memory.narrow[to.slot] = narrow;
        }
        let low = found[0].into_iter().min().unwrap_or(0);
        let high = found[1].into_iter().max().unwrap_or(0);
        let (least, most) = extremes.unwrap_or((low, high));
        *extremes = Some((least.min(low), most.max(high)));
    }
}

fn grow<T: Default + Clone>(all: &mut Vec<Vec<T>>, place: usize, len: usize) {
    if all.len() <= place {
        all.resize(place + 1, Vec::new());
    }
    if all[place].len() < len {
        all[place].resize(len, T::default());
    }
}

/// Adds the bias of the channels of one vector, and notes the lowest and highest sum; `left` of its lanes have a channel.
#[inline(always)]
fn biased(x: &mut [i32; LANES], bias: &[i32], left: usize, found: &mut [[i32; LANES]; 2]) {
    let bias: &[i32; LANES] = bias.first_chunk().expect("a bias has whole vectors");
    for lane in 0..LANES {
        x[lane] = x[lane].wrapping_add(bias[lane]);
    }
    if left < LANES {
        let first = x[0];
        x[left..].fill(first);
    }
    for lane in 0..LANES {
        found[0][lane] = found[0][lane].min(x[lane]);
        found[1][lane] = found[1][lane].max(x[lane]);
    }
}

/// Stores sums as they are.
#[inline(always)]
fn kept(
    sums: &[i32],
    stride: usize,
    out: &mut [i32],
    padded: usize,
    mut before: impl FnMut(usize, &mut [i32; LANES]),
) {
    for (sums, out) in sums.chunks(stride).zip(out.chunks_exact_mut(padded)) {
        let (sums, _) = sums.as_chunks::<LANES>();
        let (out, _) = out.as_chunks_mut::<LANES>();
        for (index, (out, sums)) in out.iter_mut().zip(sums).enumerate() {
            *out = *sums;
            before(index * LANES, out);
        }
    }
}

/// The larger of the elements at each place.
#[inline(always)]
fn largest(out: &mut [i16], x: &[i16]) {
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    let (x, x_rest) = x.as_chunks::<LANES>();
    for (out, x) in out.iter_mut().zip(x) {
        for lane in 0..LANES {
            out[lane] = out[lane].max(x[lane]);
        }
    }
    out_rest.iter_mut().zip(x_rest).for_each(|(out, &x)| *out = (*out).max(x));
}

/// Adds the elements at each place.
#[inline(always)]
fn summed(out: &mut [i32], x: &[i16]) {
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (out, out_rest) = out.split_at_mut(x.len() * LANES);
    let (out, _) = out.as_chunks_mut::<LANES>();
    for (out, x) in out.iter_mut().zip(x) {
        for lane in 0..LANES {
            out[lane] += i32::from(x[lane]);
        }
    }
    out_rest.iter_mut().zip(x_rest).for_each(|(out, &x)| *out += i32::from(x));
}

/// For each output pixel calls `work` with its number and nothing, then with where each pixel under its window begins that is not
/// in the padding.
#[inline(always)]
fn each_window(
    [height, width]: &[AxisWindows; 2],
    channels: usize,
    mut work: impl FnMut(usize, Option<usize>),
) {
    for y in 0..height.output {
        for x in 0..width.output {
            let pixel = y * width.output + x;
            work(pixel, None);
            for row in (0..height.kernel).filter_map(|tap| height.source(y, tap)) {
                for column in (0..width.kernel).filter_map(|tap| width.source(x, tap)) {
                    work(pixel, Some((row * width.size + column) * channels));
                }
            }
        }
    }
}

/// An image `[c, pixels]` of integers as `[pixels, c]`.
fn load(buffer: &Buffer, offset: i64, values: &[i64], out: &mut [i16]) {
    let (count, channels) = (buffer.count(), buffer.channels);
    for (channel, plane) in values.chunks_exact(count.max(1)).enumerate() {
        let out = out[channel..].iter_mut().step_by(channels);
        out.zip(plane).for_each(|(out, &value)| *out = low(value.wrapping_sub(offset)));
    }
}

/// Appends an image `[pixels, c]` as `[c, pixels]`.
fn store<T: Copy + Into<i64>>(
    buffer: &Buffer,
    offset: i64,
    values: &[T],
    stride: usize,
    exit: &mut Vec<i64>,
) {
    for channel in 0..buffer.channels {
        let plane = values[channel..].iter().step_by(stride).take(buffer.count());
        exit.extend(plane.map(|&value| value.into() + offset));
    }
}
