use super::manifest::Manifest;
use super::*;
use crate::network::{Activation, BackwardArithmetic, Initialisation, Network, PassSettings, arch};
use crate::precision::{NumberFormat, RoleFormats};
use hwmodel::array::{Convolution2d, MacArray};
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::number::quantise::quantise;
use hwmodel::random::{RandomAddress, RandomSource, Role, generator, uniform_f32};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use proptest::prelude::*;
use rand_core::Rng;
use std::path::Path;

fn format(wl: u32, fl: i32) -> Format {
    Format::new(wl, fl).unwrap()
}

fn random(shape: &[usize], format: Format, seed: u64) -> FixedTensor {
    let mut generator = generator(seed, &[7]);
    let mut word = || generator.next_u32() as i32 >> (32 - format.wl());
    let raw: Vec<i32> = (0..shape.iter().product::<usize>()).map(|_| word()).collect();
    FixedTensor::from_raw(shape, format, &raw).unwrap()
}

/// A grouped convolution with everything uneven.
fn operands(accumulator: Accumulator) -> LayerOperands {
    LayerOperands {
        layer: "conv".to_owned(),
        index: 0,
        kind: "convolution".to_owned(),
        input: random(&[2, 5, 6, 4], format(6, 3), 1),
        weights: random(&[6, 3, 2, 2], format(5, 4), 2),
        bias: Some(random(&[6], format(9, 2), 3)),
        geometry: Convolution2d::symmetric([3, 2], [2, 1], [1, 2], 2),
        accumulator,
        output: format(6, 3),
        rounding: Rounding::NearestEven,
        address: RandomAddress::new(0, 0, 0, Role::Output),
        overflow: Overflow::Saturate,
    }
}

fn about() -> About {
    About { network: "net".to_owned(), dataset: "data".to_owned(), seed: 9, machine: None }
}

fn options() -> ExportOptions {
    let simd = SimdLevel::best();
    let requantisers = std::num::NonZeroU32::MIN;
    ExportOptions { simd, k_tile: None, outputs: None, word_bits: None, requantisers, force: false }
}

fn bits(bits: u32, overflow: Overflow) -> Accumulator {
    Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), overflow)
}

#[test]
fn files_and_recomputation_give_the_same_bits() {
    let exact = Accumulator::default();
    let narrow = bits(8, Overflow::Saturate);
    let wrapping = bits(9, Overflow::Wrap);
    for (accumulator, k_tile, outputs, word_bits) in [
        (exact, None, None, None),
        (narrow, Some(5), None, Some(7)),
        (wrapping, Some(12), Some(50), Some(64)),
        (narrow, Some(1), Some(1), Some(1)),
        (wrapping, Some(1000), None, Some(4096)),
    ] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        let operands = operands(accumulator);
        let k_tile = k_tile.and_then(std::num::NonZeroUsize::new);
        let options = ExportOptions { k_tile, outputs, word_bits, ..options() };
        let manifest = write(&folder, &operands, &about(), &options).unwrap();
        // 2 images of 3 × 9 pixels and 6 filters.
        assert_eq!(manifest.output.shape, [2, 3, 9, 6]);
        assert_eq!(manifest.expected_outputs, outputs.unwrap_or(2 * 3 * 9 * 6));
        assert_eq!((manifest.gemm.m, manifest.gemm.n, manifest.gemm.k), (54, 3, 12));
        let overflows = accumulator != exact;
        assert!(outputs == Some(1) || (manifest.accumulator_events > 0) == overflows);
        assert_eq!(manifest, Manifest::read(&folder).unwrap());
        for simd in SimdLevel::available() {
            let verification = verify(&folder, simd).unwrap();
            assert_eq!(verification.first_difference(), None);
            assert!(verification.checks.iter().all(|check| check.compared > 0));
        }
    }
}

#[test]
fn tiles_joined_below_the_columns_have_sums_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let k_tile = std::num::NonZeroUsize::new(5).unwrap();
    let width = AccumulatorWidth::bits(9).unwrap();
    let accumulator = Joined::Below.accumulator(width, Overflow::Saturate, k_tile);
    let options = ExportOptions { k_tile: Some(k_tile), ..options() };
    let manifest = write(&folder, &operands(accumulator), &about(), &options).unwrap();
    assert_eq!(manifest.accumulator.partial_sums, Joined::Below);
    assert_eq!(manifest.file("folds.hex").unwrap().elements, 3 * 324);
    assert_eq!(verify(&folder, SimdLevel::best()).unwrap().first_difference(), None);
    let sums = |folder: &Path| std::fs::read(folder.join("accumulators.hex")).unwrap();
    let carried = root.path().join("carried");
    let plain = operands(bits(9, Overflow::Saturate));
    write(&carried, &plain, &about(), &options).unwrap();
    assert_ne!(sums(&folder), sums(&carried));
    assert!(!carried.join("folds.hex").exists());
    change(&folder, "folds.hex", 1, |digit| if digit == b'1' { b'2' } else { b'1' }, true);
    let verification = verify(&folder, SimdLevel::best()).unwrap();
    let difference = verification.first_difference().unwrap();
    assert!(difference.starts_with("folds.hex, output 0"), "{difference}");
    // Tiles of another length than the adder's are not what the files describe.
    let other = ExportOptions { k_tile: None, force: true, ..options };
    let error = write(&folder, &operands(accumulator), &about(), &other).unwrap_err();
    assert!(matches!(error, ExportError::Levels));
}

#[test]
fn a_stochastic_requantiser_is_rebuilt_from_the_manifest() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let lfsr = hwmodel::random::Lfsr::new(16, hwmodel::random::RandomBits::new(8).unwrap(), 8);
    let source = RandomSource::Lfsr(lfsr.unwrap());
    let operands = LayerOperands {
        rounding: Rounding::Stochastic,
        address: RandomAddress { source, ..RandomAddress::new(9, 4, 3, Role::Output) },
        bias: None,
        ..operands(Accumulator::default())
    };
    let requantisers = std::num::NonZeroU32::new(4).unwrap();
    let options = ExportOptions { requantisers, ..options() };
    let manifest = write(&folder, &operands, &about(), &options).unwrap();
    assert_eq!(verify(&folder, SimdLevel::best()).unwrap().first_difference(), None);
    // Files of a bias that is not there are empty.
    for name in ["bias.hex", "bias.bin", "biased.hex"] {
        assert_eq!(std::fs::read(folder.join(name)).unwrap(), b"", "{name}");
    }
    // A circuit: four requantisers, each with its register.
    let random = manifest.random.unwrap();
    assert_eq!((random.load, random.taps.as_slice()), (random.array.loads[0], &[0, 2, 3, 5][..]));
    let step = |state: u32| {
        let taps = random.taps.iter().fold(0, |sum, &tap| sum ^ state >> tap & 1);
        state >> 1 | taps << (random.width - 1)
    };
    let read = |name: &str, bits: u32| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let sign = |word: &str| {
            let word = i64::from_str_radix(word, 16).unwrap();
            word << (64 - bits) >> (64 - bits)
        };
        text.lines().map(sign).collect::<Vec<i64>>()
    };
    let sums = read("accumulators.hex", manifest.accumulator.bits);
    let outputs = read("outputs.hex", 6);
    let mut registers = random.array.loads.clone();
    for (index, (sum, output)) in sums.iter().zip(outputs).enumerate() {
        let register = &mut registers[index % 4];
        let number = i64::from(*register & ((1 << random.bits) - 1));
        // Four bits are dropped: r keeps its upper four.
        assert_eq!(manifest.output_shift, 4);
        let rounded = (sum + (number >> 4)) >> 4;
        assert_eq!(output, rounded.clamp(-32, 31), "output {index}");
        let (mut jumped, mut later) = (0, *register);
        for bit in 0..random.width {
            if random.array.mask >> bit & 1 == 1 {
                jumped ^= later;
            }
            later = step(later);
        }
        *register = jumped;
    }
}

#[test]
fn an_exact_accumulator_has_the_fewest_bits_for_any_words() {
    // 12 products of at most 2^5·2^4 = 512, and a bias of at most 255·2^5: 6144 + 8160 = 14304.
    assert_eq!(operands(Accumulator::default()).accumulator_bits().unwrap(), 15);
}

/// Changes byte `at` of file `name` and, with `cover`, the CRC in the manifest as well.
fn change(folder: &Path, name: &str, at: usize, to: impl Fn(u8) -> u8, cover: bool) {
    let path = folder.join(name);
    let mut content = std::fs::read(&path).unwrap();
    let before = crc(&content);
    content[at] = to(content[at]);
    std::fs::write(&path, &content).unwrap();
    if cover {
        let path = folder.join("manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(&before).count(), 1);
        std::fs::write(&path, text.replace(&before, &crc(&content))).unwrap();
    }
}

fn crc(content: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    format!("{:08x}", crc.sum())
}

fn flip(digit: u8) -> u8 {
    let value = (digit as char).to_digit(16).unwrap() ^ 1;
    char::from_digit(value, 16).unwrap() as u8
}

#[test]
fn a_flipped_bit_is_found_even_if_the_checksums_are_right() {
    let root = tempfile::tempdir().unwrap();
    let written = |name: &str| {
        let folder = root.path().join(name);
        write(&folder, &operands(Accumulator::default()), &about(), &options()).unwrap();
        folder
    };
    let first = |folder: &Path| {
        let verification = verify(folder, SimdLevel::best()).unwrap();
        verification.first_difference().map(str::to_owned)
    };
    let folder = written("crc");
    change(&folder, "weights.hex", 1, flip, false);
    let found = first(&folder).unwrap();
    assert!(found.starts_with("weights, element 0 [0, 0, 0, 0]: "), "{found}");

    // The same bit in both images, with checksums to match: only the recomputation can tell.
    let folder = written("both");
    change(&folder, "weights.hex", 1, flip, true);
    change(&folder, "weights.bin", 0, |byte| byte ^ 1, true);
    let found = first(&folder).unwrap();
    assert!(found.starts_with("accumulators.hex, output "), "{found}");

    for (name, at) in [
        ("accumulators.hex", 3),
        ("biased.hex", 3),
        ("events.hex", 7),
        ("output_overflow.hex", 0),
        ("outputs.bin", 0),
    ] {
        let folder = written(name);
        let to = if name.ends_with("bin") { |byte| byte ^ 1 } else { flip };
        change(&folder, name, at, to, true);
        let found = first(&folder).unwrap();
        assert!(found.starts_with(name.trim_end_matches(".bin")), "{found}");
    }
}

#[test]
fn a_changed_manifest_is_found() {
    let root = tempfile::tempdir().unwrap();
    let replace = |name: &str, from: &str, to: &str| {
        let folder = root.path().join(name);
        write(&folder, &operands(Accumulator::default()), &about(), &options()).unwrap();
        let path = folder.join("manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        match verify(&folder, SimdLevel::best()) {
            Ok(verification) => verification.first_difference().unwrap().to_owned(),
            Err(error) => error.to_string().replace(&root.path().display().to_string(), "ROOT"),
        }
    };
    insta::assert_snapshot!(replace("a", "\"output_shift\": 4", "\"output_shift\": 5"), @"manifest.json, `output_shift`: 5, but from the operands it follows 4");
    insta::assert_snapshot!(replace("b", "\"schema\": 1", "\"schema\": 2"), @"`ROOT/b/manifest.json`: it is of kind `hwsim-layer-vectors`, schema 2; this version reads `hwsim-layer-vectors`, schema 1");
    insta::assert_snapshot!(replace("c", "\"k_tile\": 12", "\"k_tile\": 0"), @"`ROOT/c/manifest.json`: `gemm.k_tile` is 0: a K-tile has at least one term");
    insta::assert_snapshot!(replace("d", "\"name\": \"biased.hex\"", "\"name\": \"biased\""), @"`ROOT/d/manifest.json`: `files` does not list biased.hex");
    insta::assert_snapshot!(replace("e", "\"groups\": 2", "\"groups\": 4"), @"convolution Convolution2d { kernel: [3, 2], stride: [2, 1], padding: [[1, 1], [2, 2]], dilation: [1, 1], groups: 4 } does not fit input [2, 5, 6, 4] and weights [6, 3, 2, 2]: input channels are not groups × weight channels");
    insta::assert_snapshot!(replace("f", "\"network\"", "\"net\""), @"`ROOT/f/manifest.json`: unknown field `net`, expected one of `kind`, `schema`, `hwsim`, `network`, `layer`, `layer_index`, `layer_kind`, `dataset`, `images`, `seed`, `input`, `weights`, `bias`, `output`, `geometry`, `gemm`, `accumulator`, `rounding`, `output_overflow`, `output_shift`, `bias_shift`, `random`, `machine`, `expected_outputs`, `accumulator_events`, `files` at line 5 column 7");
    // Rounding toward zero changes outputs.
    let found = replace("g", "\"nearest-even\"", "\"toward-zero\"");
    assert!(found.starts_with("outputs.hex, output "), "{found}");
}

#[test]
fn damaged_files_are_errors() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    write(&folder, &operands(Accumulator::default()), &about(), &options()).unwrap();
    let original = std::fs::read(folder.join("weights.hex")).unwrap();
    for content in [&original[..original.len() - 1], &original[3..], b"", b"\xff\xfe\n", b"zz\n"] {
        std::fs::write(folder.join("weights.hex"), content).unwrap();
        let result = verify(&folder, SimdLevel::best());
        if content.len() == original.len() - 1 {
            // Only the last line feed is gone: the words are all there, the checksum is not.
            let first = result.unwrap().first_difference().map(str::to_owned).unwrap();
            assert!(first.starts_with("weights.hex: its CRC-32 is "), "{first}");
        } else {
            assert!(matches!(result, Err(ExportError::File { .. })), "{result:?}");
        }
    }
    std::fs::remove_file(folder.join("weights.hex")).unwrap();
    assert!(matches!(verify(&folder, SimdLevel::best()), Err(ExportError::Io { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn scalar_and_fast_agree(
        seed: u64, wl in 1u32..=32, fl in -10i32..40, weight in (1u32..=32, -10i32..40),
        bias in (1u32..=32, -10i32..40), width in 2u32..=64, wrap: bool, wrap_output: bool, mode in 1usize..6,
        exact: bool,
    ) {
        let overflow = |wrap| if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let accumulator =
            if exact { Accumulator::default() } else { bits(width, overflow(wrap)) };
        let operands = LayerOperands {
            input: random(&[1, 4, 3, 4], format(wl, fl), seed),
            weights: random(&[4, 3, 2, 2], format(weight.0, weight.1), !seed),
            bias: Some(random(&[4], format(bias.0, bias.1), seed ^ 5)),
            output: format(wl, fl),
            rounding: Rounding::ALL[mode],
            overflow: overflow(wrap_output),
            ..operands(accumulator)
        };
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        write(&folder, &operands, &about(), &options()).unwrap();
        let verification = verify(&folder, SimdLevel::best()).unwrap();
        prop_assert_eq!(verification.first_difference(), None);
    }
}

/// A network whose parameters and activations are all ⟨8, 5⟩.
fn quantised(name: &str) -> Network {
    let initialisation = Initialisation { seed: 1, scale: 0.5 };
    let task = arch::Task { input: [32, 32, 1], classes: 10, initialisation };
    let mut network = arch::build(name, &task).unwrap();
    let address = RandomAddress::new(0, 0, 0, Role::Weight);
    for parameter in &mut network.parameters {
        let format = format(8, 5);
        parameter.formats = RoleFormats::all(NumberFormat::Fixed(format));
        let rounding = Rounding::NearestEven;
        let raw = quantise(SimdLevel::best(), &parameter.master, format, rounding, address);
        parameter.quantised =
            Some(FixedTensor::new(&parameter.shape, format, raw.unwrap().0).unwrap());
    }
    network
}

fn context(accumulator: Accumulator) -> PassSettings {
    PassSettings {
        array: MacArray { simd: SimdLevel::best(), accumulator },
        rounding: Rounding::NearestEven,
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        seed: 1,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    }
}

fn images() -> Activation {
    let mut generator = generator(3, &[]);
    let values = (0..2 * 1024).map(|_| 2.0 * uniform_f32(&mut generator) - 1.0).collect();
    Activation::float(values, [2, 32, 32, 1])
}

#[test]
fn the_last_layer_exported_is_what_the_network_says() {
    for (name, accumulator) in
        [("lenet5", bits(14, Overflow::Wrap)), ("mlp", Accumulator::default())]
    {
        let logits = quantised(name).forward(images(), &context(accumulator)).unwrap().logits;
        let network = quantised(name);
        let last = network.mac_layers.len() - 1;
        let operands =
            LayerOperands::capture(network, last, images(), &context(accumulator)).unwrap();
        let all = std::num::NonZeroUsize::new(64).unwrap();
        let expected = Expected::scalar(&operands, all, usize::MAX).unwrap();
        let values: Vec<f32> = expected.outputs.iter().map(|&raw| raw as f32 / 32.0).collect();
        assert_eq!(values, logits, "{name}");
    }
}

#[test]
fn layers_without_integers_are_refused() {
    let mut network = quantised("mlp");
    network.set_float32();
    let run =
        |network, context: &PassSettings| LayerOperands::capture(network, 1, images(), context);
    let error = run(network, &context(Accumulator::default())).unwrap_err();
    assert!(
        matches!(error, ExportError::NotFixed { ref layer, format: NumberFormat::Float32 } if layer == "fc2"),
        "{error}"
    );
    let stochastic =
        PassSettings { rounding: Rounding::Stochastic, ..context(Accumulator::default()) };
    assert!(matches!(run(quantised("mlp"), &stochastic), Err(ExportError::Stochastic)));
}

#[test]
fn impossible_memory_words_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for bits in [0, 4097] {
        let options = ExportOptions { word_bits: Some(bits), ..options() };
        let folder = root.path().join("out");
        let error =
            write(&folder, &operands(Accumulator::default()), &about(), &options).unwrap_err();
        assert!(matches!(error, ExportError::WordBits(found) if found == bits), "{error}");
        assert!(!folder.exists());
    }
}
