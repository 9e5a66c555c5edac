//! exp, the logistic function and tanh of whole tensors: hwsim's own loops and `libm`, by turns, at the SIMD level of the
//! machine.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use hwmodel::SimdLevel;
use hwsim::network::vector::elementary;
use std::hint::black_box;

fn case(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, function: impl Fn(f64) -> f64) {
    let x: Vec<f64> = (0..1 << 16).map(|i| f64::from(i) * 0.0006 - 20.0).collect();
    let mut y = vec![0.0; x.len()];
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            SimdLevel::best().run(
                #[inline(always)]
                || y.iter_mut().zip(&x).for_each(|(y, &x)| *y = function(x)),
            );
            black_box(&mut y);
        });
    });
}

fn elementary_functions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("elementary");
    case(&mut group, "exp/own", elementary::exp);
    case(&mut group, "exp/libm", libm::exp);
    case(&mut group, "logistic/own", elementary::logistic);
    case(&mut group, "logistic/libm", |x| 1.0 / (1.0 + libm::exp(-x)));
    case(&mut group, "tanh/own", elementary::tanh);
    case(&mut group, "tanh/libm", libm::tanh);
    group.finish();
}

criterion_group!(benches, elementary_functions);
criterion_main!(benches);
