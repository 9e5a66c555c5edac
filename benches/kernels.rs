//! Products and quantisers at every SIMD level: `cargo bench --bench kernels`.
//!
//! Throughput is in multiply-accumulates or elements per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::float32::{self, Shapes, Values};
use hwmodel::number::accumulator::InnerAccumulator;
use hwmodel::number::quantise::quantise;
use hwmodel::random::{self, RandomAddress, Role};
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use std::hint::black_box;
use std::num::NonZeroU32;

/// AlexNet's second and ResNet-20's last kind of layer, at batch 32.
fn layers() -> [(&'static str, [usize; 4], [usize; 4], Convolution2d); 2] {
    [
        ("alexnet conv2", [32, 4, 4, 64], [192, 5, 5, 64], Convolution2d::square(5, 1, 2)),
        ("resnet stage 3", [32, 8, 8, 64], [64, 3, 3, 64], Convolution2d::square(3, 1, 1)),
    ]
}

/// Raw integers of small magnitude, as trained weights and activations have them.
fn tensor(shape: &[usize], wl: u32, seed: u64) -> FixedTensor {
    let format = Format::new(wl, 4).expect("a word length of the list below");
    let mut generator = random::generator(seed, &[]);
    let limit = (format.max_raw() / 16).max(1);
    let raw: Vec<i64> = (0..shape.iter().product())
        .map(|_| i64::from(random::below(&mut generator, 2 * limit as u32)) - limit)
        .collect();
    FixedTensor::from_raw(shape, format, &raw).expect("in range")
}

fn products(criterion: &mut Criterion) {
    for (name, input, weights, geometry) in layers() {
        let mut group = criterion.benchmark_group(format!("convolution, {name}"));
        let shapes = Shapes::new(&input, &weights, geometry).expect("shapes fit");
        group.throughput(Throughput::Elements(shapes.macs()));
        for simd in SimdLevel::available() {
            for wl in [8, 16, 24] {
                let (x, w) = (tensor(&input, wl, 1), tensor(&weights, wl, 2));
                let array = MacArray { simd, accumulator: Accumulator::default() };
                group.bench_function(BenchmarkId::new(format!("{simd}, WL"), wl), |bencher| {
                    bencher.iter(|| array.convolve(black_box(&x), &w, geometry));
                });
            }
            let (x, w) = (tensor(&input, 8, 1), tensor(&weights, 8, 2));
            let (x, w) = (x.to_f32(simd), w.to_f32(simd));
            group.bench_function(BenchmarkId::new(simd.name(), "float32"), |bencher| {
                let (x, w) = (Values::Float(&x), Values::Float(&w));
                bencher.iter(|| float32::forward(simd, &shapes, black_box(x), w).unwrap());
            });
        }
        group.finish();
    }
}

/// Accumulators of ResNet-20's last kind of layer in 8 bits, whose products are at most 64: levels that a bound clears, levels
/// whose outputs are all stepped, and one level, cleared and stepped, to compare with.
fn accumulators(criterion: &mut Criterion) {
    let bits = |bits: u32| AccumulatorWidth::bits(bits).expect("1 to 64 bits");
    let one = |width| Accumulator::new(bits(width), Overflow::Saturate);
    let two = |inner: u32, outer: u32| {
        let terms = NonZeroU32::new(8).expect("not 0");
        let inner = InnerAccumulator { terms, width: bits(inner), overflow: Overflow::Saturate };
        Accumulator { inner: Some(inner), ..one(outer) }
    };
    let rounded = Accumulator { fl: Some(4), rounding: Some(Rounding::NearestEven), ..one(16) };
    let cases = [
        ("exact", Accumulator::default()),
        ("one level, cleared", one(32)),
        ("two levels, cleared", two(16, 32)),
        ("one level, stepped", one(8)),
        ("two levels, stepped", two(6, 8)),
        ("own fraction, stepped", rounded),
    ];
    let (_, input, weights, geometry) = layers()[1];
    let mut group = criterion.benchmark_group("accumulators, resnet stage 3");
    let shapes = Shapes::new(&input, &weights, geometry).expect("shapes fit");
    group.throughput(Throughput::Elements(shapes.macs()));
    let (x, w) = (tensor(&input, 8, 1), tensor(&weights, 8, 2));
    for simd in SimdLevel::available() {
        for (name, accumulator) in cases {
            let array = MacArray { simd, accumulator };
            group.bench_function(BenchmarkId::new(simd.name(), name), |bencher| {
                bencher.iter(|| array.convolve(black_box(&x), &w, geometry));
            });
        }
    }
    group.finish();
}

fn quantisers(criterion: &mut Criterion) {
    const ELEMENTS: usize = 1 << 20;
    let x: Vec<f32> = (0..ELEMENTS).map(|i| (i as f32 * 0.37).sin()).collect();
    let format = Format::new(8, 4).expect("a format");
    let address = RandomAddress::new(1, 0, 0, Role::Weight);
    let mut group = criterion.benchmark_group("quantise to ⟨8, 4⟩");
    group.throughput(Throughput::Elements(ELEMENTS as u64));
    for simd in SimdLevel::available() {
        for rounding in [Rounding::NearestEven, Rounding::Stochastic] {
            group.bench_function(BenchmarkId::new(simd.name(), rounding), |bencher| {
                bencher.iter(|| quantise(simd, black_box(&x), format, rounding, address));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, products, accumulators, quantisers);
criterion_main!(benches);
