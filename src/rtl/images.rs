//! Memory images of the operands as the array takes them: padded with zeros, in the order of its folds.

use super::parameters::{Twin, aligned_bias, multipliers};
use super::product::Product;
use hwmodel::FixedTensor;
use hwmodel::number::accumulator::Summation;

/// A memory of equal words.
pub(super) struct Image {
    /// File name.
    pub(super) name: &'static str,
    /// What it holds, in which order.
    pub(super) holds: String,
    /// Bits of a word.
    pub(super) bits: u32,
    /// The words.
    pub(super) words: Vec<i128>,
}

/// The element at `[row, column]` of a matrix, 0 outside.
fn element(matrix: &FixedTensor, row: usize, column: usize) -> i128 {
    let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
    if row < rows && column < columns {
        matrix.data().get(row * columns + column).into()
    } else {
        0
    }
}

/// All memories that the bench reads.
pub(super) fn all(twin: &Twin, product: &Product) -> Vec<Image> {
    let mut images = vec![a(twin, product), b(twin, product)];
    // The fixed left shift comes first.
    let shift = |column| i128::from(product.shift(column)) + i128::from(twin.value("LEFT"));
    images.push(Image {
        name: "shift.hex",
        holds: "right shift of each column [group, n]".to_owned(),
        bits: super::parameters::SHIFT_BITS,
        words: (0..product.columns()).map(shift).collect(),
    });
    if twin.value("BIAS") == 1 {
        images.push(Image {
            name: "init.hex",
            holds: "bias, cast to the accumulator: initial value of the sums [group, n]".to_owned(),
            bits: twin.accumulator_bits,
            words: initial(product),
        });
    }
    if twin.value("BIAS") == 2 {
        images.push(Image {
            name: "bias.hex",
            holds: "bias with the fractional length of the accumulator [group, n]".to_owned(),
            bits: twin.constant_bits,
            words: aligned_bias(product),
        });
    }
    if let Some(scales) = &product.output.scales {
        images.push(Image {
            name: "multiplier.hex",
            holds: "multiplier of each column [group, n]".to_owned(),
            bits: hwmodel::cast::exact(twin.value("WLM")),
            words: multipliers(scales).collect(),
        });
        if twin.value("OFFSET") == 1 {
            images.push(Image {
                name: "offset.hex",
                holds: "offset of each column, added to the product [group, n]".to_owned(),
                bits: twin.constant_bits,
                words: scales.iter().map(|scale| scale.offset()).collect(),
            });
        }
    }
    images.extend(seeds(twin, product));
    images
}

fn a(twin: &Twin, product: &Product) -> Image {
    let (rows, folds) = (twin.rows, twin.row_folds());
    let mut words = Vec::new();
    for a in &product.a {
        for fold in 0..folds {
            if twin.keeps_sums() {
                for k in 0..product.k {
                    words.extend((0..rows).map(|r| element(a, fold * rows + r, k)));
                }
            } else {
                for m in 0..product.m {
                    words.extend((0..rows).map(|r| element(a, m, fold * rows + r)));
                }
            }
        }
    }
    let holds = match twin.keeps_sums() {
        true => "A [group, fold of m, k, row]: m = fold * R + row",
        false => "A [group, fold of k, m, row]: k = fold * R + row",
    };
    Image { name: "a.hex", holds: holds.to_owned(), bits: product.a_format().wl(), words }
}

fn b(twin: &Twin, product: &Product) -> Image {
    let (columns, folds) = (twin.columns, twin.column_folds());
    // Down a column of the array: the stream of k, or the rows of all folds of k.
    let terms = if twin.keeps_sums() { product.k } else { twin.row_folds() * twin.rows };
    let mut words = Vec::new();
    for b in &product.b {
        for fold in 0..folds {
            for k in 0..terms {
                words.extend((0..columns).map(|c| element(b, k, fold * columns + c)));
            }
        }
    }
    let holds = match twin.keeps_sums() {
        true => "B [group, fold of n, k, column]: n = fold * C + column",
        false => {
            "B [group, fold of n, fold of k, row, column]: k = fold * R + row, n = fold * C + column"
        }
    };
    Image { name: "b.hex", holds: holds.to_owned(), bits: product.b_format().wl(), words }
}

/// What the sums of each column begin with.
fn initial(product: &Product) -> Vec<i128> {
    let Some(bias) = &product.bias else { return Vec::new() };
    let fl = product.product_fl();
    let start = |column: usize| {
        let raw = bias.data().get(column).into();
        Summation::new(&product.accumulator, fl).starting_at(raw, bias.format().fl(), fl).value()
    };
    (0..bias.len()).map(start).collect()
}

/// The shift registers of the columns at the first result of each fold.
fn seeds(twin: &Twin, product: &Product) -> Option<Image> {
    let lfsr = twin.lfsr?;
    let mut words = Vec::new();
    for group in 0..product.groups() {
        for column_fold in 0..twin.column_folds() {
            for block in 0..twin.blocks() {
                for row_fold in 0..twin.row_folds() {
                    let row = match twin.keeps_sums() {
                        // The bottom row leaves first.
                        true => row_fold * twin.rows + twin.rows - 1,
                        false => first_of_block(product.m, twin.blocks(), block),
                    };
                    for c in 0..twin.columns {
                        let column = group * product.n + column_fold * twin.columns + c;
                        let element = (row * product.columns() + column) as u64;
                        words.push(lfsr.state_at(product.output.address, element).into());
                    }
                }
            }
        }
    }
    Some(Image {
        name: "seed.hex",
        holds: "shift registers at the first result of each fold [fold, column]".to_owned(),
        bits: lfsr.width().into(),
        words,
    })
}

/// The first element of part `block` of a stream of `m`, of which the first parts are the longer ones.
fn first_of_block(m: usize, blocks: usize, block: usize) -> usize {
    block * (m / blocks) + block.min(m % blocks)
}

/// The jump of the shift registers from one result of a column to the next.
pub(super) fn jump(twin: &Twin, product: &Product) -> u64 {
    let Some(lfsr) = twin.lfsr else { return 1 };
    let row = product.columns() as u64 % lfsr.period() * u64::from(lfsr.steps()) % lfsr.period();
    // Rows leave an output-stationary array in descending order.
    let clocks = if twin.keeps_sums() { lfsr.period() - row } else { row };
    // Bit i of x^clocks modulo the polynomial: bit 0 of a register that was 1 in bit i alone.
    let bit = |i: u8| u64::from(lfsr.jump(1 << i, clocks) & 1) << i;
    (0..lfsr.width()).map(bit).sum()
}
