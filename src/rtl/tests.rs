//! The Verilog text in a simulator against hwmodel: many circuits, and mutated ones.

use super::{
    About, Comparison, Expected, OutputStage, Product, RtlError, Simulator, Stimulus, StimulusKind,
    Twin, compare, simulate, write,
};
use hwmodel::elementwise::ChannelScale;
use hwmodel::energy::EnergyTables;
use hwmodel::machine::Machine;
use hwmodel::number::accumulator::{AccumulatorWidth, BiasOrder};
use hwmodel::random::{Lfsr, RandomAddress, RandomBits, RandomSource, Role};
use hwmodel::{Accumulator, Format, Overflow, Rounding, SimdLevel};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use tempfile::TempDir;

/// The default machine with another array.
fn machine(dataflow: &str, rows: usize, columns: usize) -> Machine {
    changed(&[
        ("\"output-stationary\"", &format!("\"{dataflow}\"")),
        ("rows = 16", &format!("rows = {rows}")),
        ("columns = 16", &format!("columns = {columns}")),
    ])
}

fn changed(changes: &[(&str, &str)]) -> Machine {
    let mut text = Machine::builtin_toml(Machine::DEFAULT).unwrap().to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Machine::from_toml(&text, "test", &EnergyTables::builtin().unwrap()).unwrap()
}

fn format(text: &str) -> Format {
    text.parse::<hwmodel::number::format_text::FixedType>().unwrap().format
}

fn accumulator(bits: u32, overflow: Overflow) -> Accumulator {
    Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), overflow)
}

/// 5 · 7 sums of 11 terms in ⟨8, 0⟩, rounded to ⟨8, -4⟩.
fn stimulus() -> Stimulus {
    Stimulus {
        m: 5,
        n: 7,
        k: 11,
        a: format("8,0"),
        b: format("8,0"),
        bias: None,
        accumulator: accumulator(16, Overflow::Saturate),
        output: OutputStage {
            format: format("8,-4"),
            rounding: Rounding::NearestEven,
            overflow: Overflow::Saturate,
            scales: None,
            address: RandomAddress::new(1, 0, 0, Role::Output),
        },
        kind: StimulusKind::Random,
        seed: 1,
    }
}

/// Whether there is Icarus Verilog. Says so if not: a test that cannot run must not pass in silence.
fn icarus() -> bool {
    let installed = Simulator::Icarus.is_installed();
    if !installed {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: iverilog is not installed, the RTL is not simulated"
        );
    }
    installed
}

/// Writes the twin of `product`, changes the files by `change`, simulates and compares.
fn simulated(machine: &Machine, product: &Product, change: impl Fn(&Path)) -> Vec<Comparison> {
    let twin = Twin::new(machine, product).unwrap();
    let expected = Expected::new(&twin, product, SimdLevel::best()).unwrap();
    let root = TempDir::new().unwrap();
    let folder = root.path().join("twin");
    let about = About { machine: "test".to_owned(), source: "test".to_owned(), layer: None };
    let manifest = write(&folder, &twin, product, &expected, &about, false).unwrap();
    change(&folder);
    match simulate(&folder, Simulator::Icarus, None) {
        Ok(_) => compare(&folder, &manifest).unwrap(),
        // A mutated circuit may never end.
        Err(RtlError::Simulation { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

fn check(name: &str, machine: &Machine, stimulus: &Stimulus) {
    let comparisons = simulated(machine, &stimulus.product().unwrap(), |_| {});
    let outputs = (stimulus.m * stimulus.n) as u64;
    assert!(
        comparisons.iter().any(|file| file.file == "word.hex" && file.compared == outputs),
        "{name}"
    );
    assert!(
        comparisons.iter().any(|file| file.file == "cycles.txt" && file.compared == 3),
        "{name}"
    );
    for file in &comparisons {
        assert_eq!(file.first, None, "{name}");
    }
}

#[test]
fn every_width_is_the_same_in_verilog() {
    if !icarus() {
        return;
    }
    let machines = [machine("output-stationary", 3, 2), machine("weight-stationary", 2, 3)];
    let widths = [
        ("1,0", "1,0", "1,-1", 3, Overflow::Wrap),
        ("u1,0", "u1,0", "u1,-2", 3, Overflow::Saturate),
        ("2,0", "u3,0", "4,-2", 5, Overflow::Saturate),
        ("u4,0", "5,0", "u6,-3", 8, Overflow::Wrap),
        ("7,3", "9,2", "8,1", 17, Overflow::SaturateSymmetric),
        ("12,0", "6,0", "10,-6", 19, Overflow::SaturateZero),
        ("u16,0", "u16,0", "u16,-18", 33, Overflow::Saturate),
        ("24,0", "17,0", "20,-24", 41, Overflow::Wrap),
        ("32,0", "32,0", "32,-34", 64, Overflow::Saturate),
        ("u32,0", "32,0", "32,2", 64, Overflow::Wrap),
    ];
    for (machine, (a, b, out, bits, overflow)) in
        machines.iter().flat_map(|machine| widths.iter().map(move |width| (machine, *width)))
    {
        let stimulus = Stimulus {
            a: format(a),
            b: format(b),
            accumulator: accumulator(bits, overflow),
            output: OutputStage { format: format(out), ..stimulus().output },
            ..stimulus()
        };
        check(&format!("{a} {b} {out} {bits} {overflow}"), machine, &stimulus);
    }
}

#[test]
fn every_rounding_is_the_same_in_verilog() {
    if !icarus() {
        return;
    }
    let (os, ws) = (machine("output-stationary", 2, 3), machine("weight-stationary", 4, 2));
    for (at, rounding) in Rounding::ALL.into_iter().enumerate() {
        let lfsr = Lfsr::new(11, RandomBits::new(3).unwrap(), 2).unwrap();
        let mut address = RandomAddress::new(5, 0, 0, Role::Output);
        address.source = RandomSource::Lfsr(lfsr);
        let output = OutputStage { rounding, address, format: format("6,-3"), ..stimulus().output };
        let kind = StimulusKind::Directed;
        let stimulus = Stimulus { m: 12, n: 4, output, kind, ..stimulus() };
        check(rounding.name(), if at % 2 == 0 { &os } else { &ws }, &stimulus);
    }
}

#[test]
fn biases_and_scales_are_the_same_in_verilog() {
    if !icarus() {
        return;
    }
    let (os, ws) = (machine("output-stationary", 4, 4), machine("weight-stationary", 3, 4));
    let first = Accumulator { bias: BiasOrder::First, ..accumulator(13, Overflow::Saturate) };
    let last = accumulator(13, Overflow::Wrap);
    for (machine, accumulator) in [(&os, first), (&os, last), (&ws, first), (&ws, last)] {
        let bias = Some(format("14,1"));
        check("bias", machine, &Stimulus { bias, accumulator, ..stimulus() });
    }
    let scales = (0..7).map(|n| ChannelScale::new(900 - 300 * n, 12 + n.unsigned_abs(), 1 << n));
    let scales = Some(scales.collect::<Result<Vec<_>, _>>().unwrap());
    let output = OutputStage {
        scales,
        rounding: Rounding::HalfUp,
        format: format("u5,0").narrow(),
        ..stimulus().output
    };
    for machine in [&os, &ws] {
        check("scales", machine, &Stimulus { output: output.clone(), ..stimulus() });
    }
    // A left shift, and words longer than the sums.
    let output = OutputStage { format: format("12,5"), ..stimulus().output };
    check(
        "left",
        &os,
        &Stimulus { output, accumulator: accumulator(9, Overflow::Wrap), ..stimulus() },
    );
}

/// One line of every module: the mutated circuit must differ.
#[test]
fn a_mutated_line_of_every_module_is_found() {
    if !icarus() {
        return;
    }
    let (os, ws) = (machine("output-stationary", 2, 3), machine("weight-stationary", 3, 2));
    let mut address = RandomAddress::new(5, 0, 0, Role::Output);
    address.source = RandomSource::Lfsr(Lfsr::new(9, RandomBits::new(4).unwrap(), 4).unwrap());
    let stochastic = OutputStage { rounding: Rounding::Stochastic, address, ..stimulus().output };
    let directed = Stimulus { m: 12, n: 4, kind: StimulusKind::Directed, ..stimulus() };
    let biased = Stimulus { bias: Some(format("8,0")), ..stimulus() };
    // Draining leaves zeros, so that only another initial value needs the start of a sum.
    let bias_first = Accumulator { bias: BiasOrder::First, ..stimulus().accumulator };
    let first = Stimulus { accumulator: bias_first, ..biased.clone() };
    let mixed = Stimulus { a: format("u8,0"), ..stimulus() };
    let random = Stimulus { output: stochastic, ..stimulus() };
    let mutations = [
        ("hwsim_mul.sv", "? a[WLA-1] : 1'b0, a", "? a[WLA-1] : a[WLA-1], a", &os, &mixed),
        ("hwsim_fit.sv", "negative ? LOW : HIGH", "negative ? HIGH : LOW", &os, &stimulus()),
        ("hwsim_add.sv", "{(SW - WLT) {term[WLT-1]}}", "{(SW - WLT) {1'b0}}", &os, &stimulus()),
        (
            "hwsim_pe_os.sv",
            "drain) sum_out <= sum_in",
            "drain) sum_out <= sum_out",
            &os,
            &stimulus(),
        ),
        ("hwsim_pe_os.sv", "a_first_in ? start : sum_out", "sum_out", &os, &first),
        ("hwsim_pe_ws.sv", "if (load) w_out <= w_in", "w_out <= w_in", &ws, &biased),
        (
            "hwsim_array_os.sv",
            "done = g_row[R-1].g_column[C-1].a_last_in",
            "done = g_row[R-1].g_column[C-1].a_last_out",
            &os,
            &stimulus(),
        ),
        ("hwsim_array_ws.sv", "k_base + ROW", "k_base", &ws, &stimulus()),
        ("hwsim_lfsr.sv", "moved = moved ^ later", "moved = later", &os, &random),
        ("hwsim_requant.sv", "above || (at_half && odd)", "above || at_half", &os, &directed),
        ("hwsim_core.sv", "bias[c*WLC+:WLC]", "bias[0+:WLC]", &ws, &biased),
    ];
    for (module, from, to, machine, stimulus) in mutations {
        let product = stimulus.product().unwrap();
        let whole = simulated(machine, &product, |_| {});
        assert!(whole.iter().all(|file| file.first.is_none()), "{module}: {whole:?}");
        let mutated = simulated(machine, &product, |folder| {
            let path = folder.join("rtl").join(module);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{module}: {from}");
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
        });
        let found = mutated.is_empty() || mutated.iter().any(|file| file.first.is_some());
        assert!(found, "{module}: {to} is not found");
    }
}

#[test]
fn what_the_text_lacks_is_refused_by_name() {
    let refused = |machine: &Machine, stimulus: &Stimulus| {
        Twin::new(machine, &stimulus.product().unwrap()).unwrap_err().to_string()
    };
    let machine_refused = |changes: &[(&str, &str)]| refused(&changed(changes), &stimulus());
    let fits = machine("output-stationary", 4, 4);
    let inputs = machine_refused(&[("\"output-stationary\"", "\"input-stationary\"")]);
    assert_eq!(
        inputs,
        "the RTL twin does not have `dataflow` input-stationary: it has output-stationary and weight-stationary"
    );
    let overlap = machine_refused(&[("columns = 16", "columns = 16\noverlap_drain = true")]);
    assert!(overlap.contains("`array.overlap_drain` true"), "{overlap}");
    let style = machine_refused(&[("style = \"exact\"", "style = \"fixed\"\nnative_bits = 4")]);
    assert!(style.contains("`mac.style`"), "{style}");
    let own = Accumulator { fl: Some(3), ..accumulator(16, Overflow::Saturate) };
    let own = refused(&fits, &Stimulus { accumulator: own, ..stimulus() });
    assert!(own.contains("`accumulator.fl` 3"), "{own}");
    let wraps = accumulator(16, Overflow::WrapSaturated { bits: 2 });
    let wraps = refused(&fits, &Stimulus { accumulator: wraps, ..stimulus() });
    assert!(wraps.contains("`accumulator.overflow` wrap:2"), "{wraps}");
    let pcg = OutputStage { rounding: Rounding::Stochastic, ..stimulus().output };
    let pcg = refused(&fits, &Stimulus { output: pcg, ..stimulus() });
    assert!(pcg.contains("`random source` pcg: it has lfsr"), "{pcg}");
    let huge = Stimulus { m: 1 << 20, k: 1 << 20, ..stimulus() }.product().unwrap_err();
    assert!(matches!(huge, RtlError::TooLarge { what: "A", .. }), "{huge}");
}

#[test]
fn cycles_are_those_of_the_closed_forms() {
    // T + 2R + C - 2 a fold where sums stay, T + 2R + C - 1 where weights do.
    for (dataflow, folds, fold) in [
        ("output-stationary", 2 * 3, 11 + 2 * 3 + 3 - 2),
        ("weight-stationary", 4 * 3, 5 + 2 * 3 + 3 - 1),
    ] {
        let machine = machine(dataflow, 3, 3);
        let product = stimulus().product().unwrap();
        let twin = Twin::new(&machine, &product).unwrap();
        let expected = Expected::new(&twin, &product, SimdLevel::best()).unwrap();
        assert_eq!(expected.cycles.total, folds * fold, "{dataflow}");
        assert_eq!(expected.cycles.compute + expected.cycles.drain, expected.cycles.total);
    }
}
