use super::*;
use crate::energy::{DramEnergy, EnergyTables};
use proptest::prelude::*;

fn table(name: &str, node_nm: u32) -> EnergyModel {
    let tables = EnergyTables::builtin().unwrap();
    let dram = DramEnergy::PicojoulesPerBit(0.0);
    EnergyModel::new(tables.get(name).unwrap(), node_nm, &dram).unwrap()
}

fn horowitz() -> EnergyModel {
    table("horowitz-2014", 45)
}

fn words(input_bits: u32, weight_bits: u32, accumulator_bits: u32) -> MacWords {
    MacWords { input_bits, weight_bits, accumulator_bits, ..MacWords::default() }
}

const STRIPES: MacStyle = MacStyle::BitSerial(BitSerial {
    serial: SerialOperand::Input,
    lanes: 16,
    bits_per_cycle: 1,
    parallel_bits: 16,
});
const LOOM: MacStyle = MacStyle::BitSerial(BitSerial {
    serial: SerialOperand::Both,
    lanes: 16,
    bits_per_cycle: 1,
    parallel_bits: 1,
});
const FUSION: MacStyle = MacStyle::Composable(Composable { brick_bits: 2, bricks: 16 });
const NATIVE: MacStyle = MacStyle::Fixed(Fixed { native_bits: 8 });
const SLICE: MacStyle = MacStyle::Dsp(Dsp);

#[track_caller]
fn gives(style: MacStyle, (input, weight): (u32, u32), terms: u32, outputs: u32, cycles: u32) {
    let throughput = style.throughput(words(input, weight, 32));
    assert_eq!(throughput, Throughput { terms, outputs, cycles }, "{input} x {weight}");
}

#[track_caller]
fn close(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn exact_takes_a_cycle_and_the_energy_of_its_widths() {
    let exact = MacStyle::default();
    gives(exact, (1, 32), 1, 1, 1);
    let energy = exact.energy(&horowitz(), words(8, 8, 32));
    assert_eq!(energy.accumulate_pj, 0.1);
    close(energy.multiply_pj, 0.2);
    close(energy.total_pj(), horowitz().mac_pj(8, 8, 32));
}

#[test]
fn fixed_takes_a_pass_for_each_pair_of_digits() {
    // The first TPU: a half of its rate for 8 x 16 bits, a quarter for 16 x 16.
    gives(NATIVE, (8, 8), 1, 1, 1);
    gives(NATIVE, (3, 5), 1, 1, 1);
    gives(NATIVE, (8, 16), 1, 1, 2);
    gives(NATIVE, (9, 16), 1, 1, 4);
    gives(NATIVE, (32, 17), 1, 1, 12);
    let energy = NATIVE.energy(&horowitz(), words(16, 8, 32));
    assert_eq!(energy.accumulate_pj, 0.2);
    close(energy.multiply_pj, 0.4);
    assert_eq!(
        NATIVE.energy(&horowitz(), words(2, 2, 32)),
        NATIVE.energy(&horowitz(), words(8, 8, 32))
    );
}

#[test]
fn bricks_join_as_in_bit_fusion() {
    // (16 of 2 x 2, 8 of 2 x 4, 4 of 4 x 4, 2 of 4 x 8, 1 of 8 x 8) a cycle; 16 x 16 in four.
    for (operands, terms, cycles) in [
        ((2, 2), 16, 1),
        ((1, 2), 16, 1),
        ((2, 4), 8, 1),
        ((3, 4), 4, 1),
        ((8, 4), 2, 1),
        ((8, 8), 1, 1),
        ((8, 2), 4, 1),
        ((5, 7), 1, 1),
        ((16, 8), 1, 2),
        ((16, 16), 1, 4),
        ((16, 2), 2, 1),
        ((32, 32), 1, 16),
    ] {
        gives(FUSION, operands, terms, 1, cycles);
    }
    let model = horowitz();
    let brick = model.multiply_pj(3, 3);
    // 4 x 4: four bricks and three additions of 8 bits; four products of 8 + 2 bits to one accumulation.
    let energy = FUSION.energy(&model, words(4, 4, 32));
    close(energy.multiply_pj, 4.0 * brick + 3.0 * model.add_pj(8));
    close(energy.accumulate_pj, (3.0 * model.add_pj(10) + model.add_pj(32)) / 4.0);
    // 16 x 16: 64 bricks in four cycles, each of which accumulates.
    let energy = FUSION.energy(&model, words(16, 16, 32));
    close(energy.multiply_pj, 64.0 * brick + 63.0 * model.add_pj(32));
    close(energy.accumulate_pj, 4.0 * model.add_pj(32));
}

#[test]
fn serial_operands_take_a_cycle_a_bit() {
    gives(STRIPES, (8, 16), 16, 1, 8);
    gives(STRIPES, (3, 2), 16, 1, 3);
    gives(STRIPES, (8, 17), 16, 1, 16);
    gives(LOOM, (8, 5), 16, 1, 40);
    let wide =
        BitSerial { serial: SerialOperand::Weight, lanes: 4, bits_per_cycle: 2, parallel_bits: 8 };
    gives(MacStyle::BitSerial(wide), (8, 5), 4, 1, 3);
    gives(MacStyle::BitSerial(wide), (9, 5), 4, 1, 6);
    let model = horowitz();
    // 17 bits of a product and four of sixteen lanes.
    let energy = STRIPES.energy(&model, words(8, 16, 32));
    let tree = 15.0 / 16.0 * model.add_pj(21);
    close(energy.multiply_pj, 8.0 * (model.multiply_pj(1, 16) + tree));
    close(energy.accumulate_pj, 8.0 * model.add_pj(32) / 16.0);
}

#[test]
fn a_slice_packs_two_products_that_share_an_operand() {
    // (input, weight): weights are packed. INT8: 16 + 8 bits of 26.
    gives(SLICE, (8, 8), 1, 2, 1);
    gives(SLICE, (10, 8), 1, 2, 1);
    gives(SLICE, (11, 8), 1, 1, 1);
    gives(SLICE, (8, 9), 1, 2, 1);
    gives(SLICE, (18, 4), 1, 2, 1);
    gives(SLICE, (19, 3), 1, 1, 1);
    gives(SLICE, (27, 18), 1, 1, 1);
    gives(SLICE, (18, 27), 1, 1, 1);
    gives(SLICE, (19, 19), 1, 1, 2);
    gives(SLICE, (32, 32), 1, 1, 4);
    let input = MacWords { column: ColumnOperand::Input, ..words(8, 10, 32) };
    assert_eq!(SLICE.throughput(input).outputs, 2);
    assert_eq!(SLICE.throughput(words(24, 16, 49)).cycles, 2);
}

#[test]
fn packed_fields_hold_as_many_products_as_published() {
    // INT8 at offset 18: seven products, then both fields move on to their own accumulators.
    let model = horowitz();
    let energy = SLICE.energy(&model, words(8, 8, 32));
    close(energy.multiply_pj, model.multiply_pj(27, 18) / 2.0);
    close(energy.accumulate_pj, model.add_pj(48) / 2.0 + model.add_pj(32) / 7.0);
    // By exhaustion: the extreme products of n steps stay in a field of 18 bits up to n = 7.
    let field = |n: i64| n * 128 * 128 < 1 << 17 && -n * 128 * 127 >= -(1 << 17);
    assert!(field(7) && !field(8));
    // And the packed word needs no more than 27 bits.
    for (upper, lower) in [(-128i64, -128), (127, 127), (-128, 127), (127, -128)] {
        let packed = (upper << 18) + lower;
        assert!((-(1i64 << 26)..1 << 26).contains(&packed));
    }
}

#[test]
fn a_serial_mac_with_skipped_zeros_takes_the_bit_weighted_cost() {
    // The papers' forward cost ops · sp · WL is what one lane of one bit a cycle takes.
    let lane =
        BitSerial { serial: SerialOperand::Input, lanes: 1, bits_per_cycle: 1, parallel_bits: 32 };
    for wl in 1..=32 {
        let throughput = MacStyle::BitSerial(lane).throughput(words(wl, wl, 32));
        assert_eq!(throughput.macs_per_cycle(), 1.0 / f64::from(wl));
    }
}

#[test]
fn hardware_of_a_native_width_has_the_same_area_at_every_word_length() {
    for style in [NATIVE, FUSION, STRIPES, LOOM, SLICE] {
        let area = |wl| style.transistors(words(wl, wl, 32), Overflow::Wrap);
        assert!(area(8) > 0.0);
        assert_eq!(area(2), area(32), "{}", style.describe());
    }
    let exact = |wl| MacStyle::default().transistors(words(wl, wl, 32), Overflow::Wrap);
    assert!(exact(8) > exact(4));
    assert_eq!(exact(8), NATIVE.transistors(words(8, 8, 32), Overflow::Wrap));
}

#[test]
fn styles_are_named_and_described() {
    assert_eq!(FUSION.describe(), "composable 16 x (2 x 2)");
    assert_eq!(LOOM.describe(), "bit-serial both, 16 x (1 x 1)");
}

#[test]
fn every_style_is_built_from_its_defaults_and_costs_a_mac() {
    for description in MacStyle::ALL {
        let name = description.name;
        let style = (description.from_keys)(&GivenKeys::default()).unwrap();
        assert_eq!((style.name(), style.most_outputs()), (name, description.most_outputs));
        let text = toml::Value::try_from(style).unwrap();
        assert_eq!(text["style"].as_str(), Some(name));
        assert_eq!(text.try_into::<MacStyle>().unwrap(), style);
        assert!(style.describe().starts_with(name), "{}", style.describe());
        let throughput = style.throughput(words(8, 8, 32));
        assert!(throughput.macs_per_cycle() > 0.0 && throughput.outputs <= style.most_outputs());
        assert!(style.energy(&horowitz(), words(8, 8, 32)).total_pj() > 0.0, "{name}");
        assert!(style.transistors(words(8, 8, 32), Overflow::Wrap) > 0.0, "{name}");
        let owners =
            |key: &Key| MacStyle::ALL.iter().filter(|style| style.keys.contains(key)).count();
        assert!(description.keys.iter().all(|key| owners(key) == 1), "{name} shares a key");
        assert!(description.width.iter().all(|key| description.keys.contains(key)), "{name}");
    }
}

proptest! {
    #[test]
    fn longer_words_never_give_more_and_never_take_less(
        style in prop::sample::select(vec![MacStyle::default(), NATIVE, FUSION, STRIPES, LOOM, SLICE]),
        input in 1u32..32, weight in 1u32..32, accumulator in 1u32..128, which in 0usize..3,
        column in prop::sample::select(vec![ColumnOperand::Input, ColumnOperand::Weight]), seven: bool,
    ) {
        let model = if seven { table("jouppi-2021", 7) } else { horowitz() };
        let short = MacWords { input_bits: input, weight_bits: weight, accumulator_bits: accumulator, column };
        let mut long = short;
        *[&mut long.input_bits, &mut long.weight_bits, &mut long.accumulator_bits][which] += 1;
        let rate = |words| style.throughput(words).macs_per_cycle();
        prop_assert!(rate(long) <= rate(short));
        let energy = |words| style.energy(&model, words).total_pj();
        prop_assert!(energy(long) >= energy(short) * (1.0 - 1e-12), "{} {}", energy(long), energy(short));
        let area = |words| style.transistors(words, Overflow::Saturate);
        prop_assert!(area(long) >= area(short));
        prop_assert!(energy(short) > 0.0 && area(short) > 0.0 && rate(short) > 0.0);
    }
}
