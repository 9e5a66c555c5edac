//! SCALE-Sim's model: parsing files, simulating layers, writing reports. `cargo bench --bench scale_sim`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hwmodel::scale_sim::{Config, Reports, Topology, simulate};
use std::hint::black_box;
use std::path::Path;

/// The runs of AlexNet and LeNet-5 below `golden/scale-sim`.
fn runs(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/scale-sim");
    let mut group = criterion.benchmark_group("scale-sim");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the shipped runs")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("alexnet") || name.starts_with("lenet5"))
        .collect();
    names.sort();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for name in names {
        let read = |file| std::fs::read_to_string(folder.join(&name).join(file)).expect("a run");
        let (config, topology) = (read("config.cfg"), read("topology.csv"));
        group.bench_function(BenchmarkId::from_parameter(&name), |bencher| {
            bencher.iter(|| {
                pool.install(|| {
                    let (config, _) = Config::parse("config", black_box(&config)).expect("valid");
                    let (topology, _) = Topology::parse("topology", &topology).expect("valid");
                    Reports::new(&simulate(&config, &topology).expect("an answer"))
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, runs);
criterion_main!(benches);
