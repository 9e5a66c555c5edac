//! Whole training steps on the embedded slice: `cargo bench --bench steps`.
//!
//! Throughput is in images per second. Steps continue one run, so formats change under AdaPT as they do in training.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hwmodel::SimdLevel;
use hwmodel::machine::Machine;
use hwsim::cli::settings::TrainArguments;
use hwsim::data::{self, SearchPath};
use hwsim::train::Trainer;
use std::path::Path;

const BATCH: usize = 128;

fn trainer(settings: TrainArguments) -> Trainer {
    let options = settings.resolve().expect("settings fit").options;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/embedded");
    let search = SearchPath { data_dir: Some(folder), environment_dir: None, system: false };
    let data = data::load(options.dataset, &search).expect("the slice is there");
    let machine = Machine::builtin(&options.machine).expect("a shipped machine");
    Trainer::new(options, data, machine, SimdLevel::best()).expect("the network fits the data")
}

fn steps(criterion: &mut Criterion) {
    for arch in ["lenet5", "alexnet", "resnet20"] {
        let mut group = criterion.benchmark_group(format!("step, {arch}"));
        group.throughput(Throughput::Elements(BATCH as u64));
        let settings = |flags: &str| {
            let line = format!("--arch {arch} --batch-size {BATCH} --epochs 1000 {flags}");
            TrainArguments::from_flags(&line).expect("flags are known")
        };
        let runs = [
            ("float32", settings("--controller float32")),
            ("static", settings("--controller static")),
            ("static, integer backward", settings("--controller static --backward fixed")),
            ("adapt", settings("--controller adapt")),
        ];
        for (name, settings) in runs {
            let mut trainer = trainer(settings);
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    let outcome = trainer.step().expect("training does not diverge");
                    if trainer.epoch_complete() {
                        trainer.end_epoch().expect("training does not diverge");
                    }
                    outcome.images
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = steps
}
criterion_main!(benches);
