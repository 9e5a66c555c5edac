//! The circuit of a machine for a product, as parameters of the Verilog modules.

use super::error::RtlError;
use super::product::Product;
use hwmodel::array::width;
use hwmodel::cast::exact;
use hwmodel::elementwise::ChannelScale;
use hwmodel::mac_style::Throughput;
use hwmodel::machine::{Array, Dataflow, Machine};
use hwmodel::number::accumulator::{AccumulatorWidth, BiasOrder};
use hwmodel::number::requantise::align;
use hwmodel::product::{ByOperand, GemmKind, GemmShape, GemmWork};
use hwmodel::random::{Lfsr, RandomSource};
use hwmodel::timing::{Schedule, throughput};
use hwmodel::{FixedTensor, Overflow, Rounding};

/// Bits of the event counters.
pub(super) const COUNTER_BITS: u32 = 32;
/// Bits of a shift.
pub(super) const SHIFT_BITS: u32 = 8;
/// The longest shift in either direction.
const MOST_SHIFT: i32 = 127;

/// The circuit: the array of a machine with the widths of a product.
#[derive(Debug, Clone)]
pub struct Twin {
    /// Rows of the array.
    pub rows: usize,
    /// Columns of the array.
    pub columns: usize,
    /// Output- or weight-stationary.
    pub dataflow: Dataflow,
    /// Bits of the accumulator.
    pub accumulator_bits: u32,
    /// The shift register of stochastic rounding.
    pub lfsr: Option<Lfsr>,
    /// Folds and cycles as the machine has them.
    pub schedule: Schedule,
    /// The machine's array.
    pub(super) array: Array,
    /// Bits of a bias or an offset as it is added.
    pub(super) constant_bits: u32,
    /// Every parameter, by its name in the Verilog text.
    pub(super) values: Vec<(&'static str, u64)>,
}

fn lacks(field: &'static str, found: impl ToString, has: &'static str) -> RtlError {
    RtlError::Lacks { field, found: found.to_string(), has }
}

/// The code of an overflow mode in hwsim_fit.
fn overflow_code(field: &'static str, overflow: Overflow) -> Result<u64, RtlError> {
    match overflow {
        Overflow::Wrap => Ok(0),
        Overflow::Saturate => Ok(1),
        Overflow::SaturateSymmetric => Ok(2),
        Overflow::SaturateZero => Ok(3),
        other => Err(lacks(field, other, "wrap, saturate, saturate-symmetric and saturate-zero")),
    }
}

/// The code of a rounding mode in hwsim_requant.
fn rounding_code(rounding: Rounding) -> u64 {
    match rounding {
        Rounding::Stochastic => 0,
        Rounding::NearestEven => 1,
        Rounding::NearestAway => 2,
        Rounding::NearestZero => 3,
        Rounding::NearestOdd => 4,
        Rounding::HalfUp => 5,
        Rounding::HalfDown => 6,
        Rounding::Floor => 7,
        Rounding::Ceiling => 8,
        Rounding::TowardZero => 9,
        Rounding::AwayFromZero => 10,
    }
}

/// Bits of the shortest two's complement word that holds all of `values`; at least 1.
fn bits_of(values: impl Iterator<Item = i128>) -> u32 {
    values.map(|value| i128::BITS - (value ^ (value >> 127)).leading_zeros() + 1).max().unwrap_or(1)
}

impl Twin {
    /// The array of `machine` with the widths of `product`.
    ///
    /// # Errors
    /// If machine or product have something that the Verilog text lacks.
    pub fn new(machine: &Machine, product: &Product) -> Result<Self, RtlError> {
        let accumulator = product.accumulator;
        check_accumulator(product)?;
        let accumulator_bits = accumulator_bits(product);
        let schedule = schedule(machine, product, accumulator_bits)?;
        let array = machine.array();
        let output = &product.output;
        let lfsr = match (output.rounding, output.address.source) {
            (Rounding::Stochastic, RandomSource::Lfsr(lfsr)) => Some(lfsr),
            (Rounding::Stochastic, other) => {
                let has = "lfsr: a shift register below each column";
                return Err(lacks("random source", other, has));
            }
            _ => None,
        };
        let shifts = || (0..product.columns()).map(|column| product.shift(column));
        let (least, most) = (shifts().min().unwrap_or(0), shifts().max().unwrap_or(0));
        if least < -MOST_SHIFT || most > MOST_SHIFT {
            let found = if least < -MOST_SHIFT { least } else { most };
            return Err(lacks("output shift", found, "shifts of -127 to 127 bits"));
        }
        let bias = match (&product.bias, accumulator.bias) {
            (None, _) => 0,
            (Some(_), BiasOrder::First) => 1,
            (Some(_), BiasOrder::Last) => 2,
        };
        let constants = match bias {
            2 => aligned_bias(product),
            _ => Vec::new(),
        };
        let offsets = output.scales.iter().flatten().map(|scale| scale.offset());
        let constant_bits = bits_of(constants.iter().copied().chain(offsets.clone()));
        let multipliers =
            || output.scales.iter().flatten().map(|scale| i128::from(scale.multiplier()));
        let multiplier_bits = if output.scales.is_some() { bits_of(multipliers()) } else { 0 };
        let has_offset = offsets.clone().any(|offset| offset != 0);
        let (a, b) = (product.a_format(), product.b_format());
        let left = least.min(0).unsigned_abs();
        let sums_stay = machine.dataflow() == Dataflow::OutputStationary;
        let values = vec![
            ("DATAFLOW", u64::from(!sums_stay)),
            ("R", array.rows.into()),
            ("C", array.columns.into()),
            ("WLA", a.wl().into()),
            ("WLB", b.wl().into()),
            ("A_SIGNED", a.is_signed().into()),
            ("B_SIGNED", b.is_signed().into()),
            ("ACC", accumulator_bits.into()),
            (
                "ACC_OVERFLOW",
                match accumulator.width {
                    AccumulatorWidth::Exact => 0,
                    AccumulatorWidth::Bits(_) => {
                        overflow_code("accumulator.overflow", accumulator.overflow)?
                    }
                },
            ),
            ("BIAS", bias),
            ("WLC", constant_bits.into()),
            ("OFFSET", has_offset.into()),
            ("WLM", multiplier_bits.into()),
            ("LEFT", left.into()),
            ("SMAX", exact(i64::from(most) + i64::from(left))),
            ("SHW", SHIFT_BITS.into()),
            ("ROUND", rounding_code(output.rounding)),
            ("RBITS", lfsr.map_or(1, |lfsr| lfsr.bits().get().into())),
            ("WLY", output.format.wl().into()),
            ("Y_SIGNED", output.format.is_signed().into()),
            ("Y_NARROW", output.format.is_narrow().into()),
            ("Y_OVERFLOW", overflow_code("output overflow", output.overflow)?),
            ("LW", lfsr.map_or(0, |lfsr| lfsr.width().into())),
            ("TAPS", lfsr.map_or(1, |lfsr| lfsr.polynomial() ^ 1 << lfsr.width())),
            ("EVW", COUNTER_BITS.into()),
        ];
        Ok(Self {
            rows: array.rows as usize,
            columns: array.columns as usize,
            dataflow: machine.dataflow(),
            accumulator_bits,
            lfsr,
            schedule,
            array,
            constant_bits,
            values,
        })
    }

    /// The value of parameter `name` of the Verilog text.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn value(&self, name: &str) -> u64 {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no parameter {name}")).1
    }

    /// Whether sums stay in the array.
    pub(super) fn keeps_sums(&self) -> bool {
        self.dataflow.keeps_sums()
    }

    /// Folds along the rows of the array, of one group.
    pub(super) fn row_folds(&self) -> usize {
        exact(self.schedule.row_folds)
    }

    /// Folds along the columns of the array, of one group.
    pub(super) fn column_folds(&self) -> usize {
        exact(self.schedule.column_folds)
    }

    /// Parts of the stream.
    pub(super) fn blocks(&self) -> usize {
        exact(self.schedule.blocks)
    }
}

/// The bias as it is added to a finished sum.
pub(super) fn aligned_bias(product: &Product) -> Vec<i128> {
    let Some(bias) = &product.bias else { return Vec::new() };
    let shift = product.product_fl() - bias.format().fl();
    (0..bias.len()).map(|i| align(bias.data().get(i).into(), shift)).collect()
}

/// Bits of the accumulator; for `exact` the fewest that hold any words of the formats.
fn accumulator_bits(product: &Product) -> u32 {
    match product.accumulator.width {
        AccumulatorWidth::Bits(bits) => bits.into(),
        AccumulatorWidth::Exact => {
            let bias = product.bias.as_ref().map(FixedTensor::format);
            width::any_words(product.a_format(), product.b_format(), bias, product.k as u64)
        }
    }
}

fn check_accumulator(product: &Product) -> Result<(), RtlError> {
    let accumulator = product.accumulator;
    if accumulator.is_one_level() {
        return Ok(());
    }
    let (field, found) = if let Some(fl) = accumulator.fl {
        ("accumulator.fl", fl.to_string())
    } else if accumulator.inner.is_some() {
        ("accumulator.inner_terms", accumulator.to_string())
    } else if accumulator.stored.is_some() {
        ("accumulator.tile_terms", accumulator.to_string())
    } else {
        ("accumulator.cast", accumulator.to_string())
    };
    Err(lacks(field, found, "one register with the fractional length of the products"))
}

/// Refuses registers, drains and places of partial sums other than the usual ones.
fn check_circuit(array: Array) -> Result<(), RtlError> {
    let (circuit, usual) = (array.circuit, Array::new(array.rows, array.columns).circuit);
    let keys = [
        ("array.input_registers", circuit.input_registers != usual.input_registers),
        ("array.row_hop", circuit.row_hop != usual.row_hop),
        ("array.multiplier_latency", circuit.multiplier_latency != usual.multiplier_latency),
        ("array.accumulator_latency", circuit.accumulator_latency != usual.accumulator_latency),
        ("array.switch_cycles", circuit.switch_cycles != usual.switch_cycles),
        ("array.drain", circuit.drain != usual.drain),
        ("array.drain_start", circuit.drain_start != usual.drain_start),
        ("array.partial_sums", circuit.partial_sums != usual.partial_sums),
        ("array.leave_early", circuit.leave_early != usual.leave_early),
        ("array.broadcast", circuit.broadcast != usual.broadcast),
        ("array.staging", circuit.staging != usual.staging),
    ];
    match keys.into_iter().find(|(_, differs)| *differs) {
        Some((field, _)) => Err(lacks(field, "as this machine has it", "its default")),
        None if circuit != usual => Err(lacks("array", format!("{circuit:?}"), "the defaults")),
        None => Ok(()),
    }
}

/// The timetable of `product` on `machine`, if its array is one that the Verilog text builds.
fn schedule(
    machine: &Machine,
    product: &Product,
    accumulator_bits: u32,
) -> Result<Schedule, RtlError> {
    let (array, dataflow, mac) = (machine.array(), machine.dataflow(), machine.mac());
    if dataflow == Dataflow::InputStationary {
        return Err(lacks("dataflow", dataflow.name(), "output-stationary and weight-stationary"));
    }
    let alone = "arrays whose folds do not overlap: `false`";
    if array.overlap_load {
        return Err(lacks("array.overlap_load", true, alone));
    }
    if array.overlap_drain {
        return Err(lacks("array.overlap_drain", true, alone));
    }
    check_circuit(array)?;
    if mac.zero_skip_limit > 1 {
        return Err(lacks("mac.zero_skip_limit", mac.zero_skip_limit, "1: no zeros are skipped"));
    }
    let size = |size: usize| size as u64;
    let shape = GemmShape { m: size(product.m), n: size(product.n), k: size(product.k) };
    let bits = ByOperand {
        input: product.a_format().wl(),
        weight: product.b_format().wl(),
        output: product.output.format.wl(),
    };
    let work = GemmWork::fixed(GemmKind::Forward, shape, bits, accumulator_bits)?
        .with_groups(size(product.groups()))?;
    let per_cycle = throughput(dataflow, mac, &work);
    if per_cycle != Throughput::ONE {
        return Err(lacks(
            "mac.style",
            mac.style.describe(),
            "one product a processing element and cycle",
        ));
    }
    Ok(machine.schedule(&work))
}

/// Multipliers of the columns, where a requantiser has them.
pub(super) fn multipliers(scales: &[ChannelScale]) -> impl Iterator<Item = i128> {
    scales.iter().map(|scale| scale.multiplier().into())
}
