//! What a test bench observes of a product: the sums after each K-tile, the events of each output, and where each first
//! overflowed.

use super::matrix_file;
use crate::cli::errors::Failure;
use crate::cli::files::Files;
use crate::cli::output::{self, Attempts};
use anyhow::anyhow;
use hwmodel::array::{MacArray, OutputStates, ShapeError};
use hwmodel::number::accumulator::InnerAccumulator;
use hwmodel::{Accumulator, FixedTensor};
use rayon::prelude::*;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

/// Files with a value an output, or a K-tile of an output.
#[derive(Debug, clap::Args)]
pub(super) struct ObserveArguments {
    /// Write for each output how many additions (and casts) left their range, a line a row.
    #[arg(long, help_heading = "Observe", value_name = "FILE")]
    events: Option<PathBuf>,
    /// Write for each output the first k at which something left its range, -1 if nothing did, a line a row.
    #[arg(long, help_heading = "Observe", value_name = "FILE")]
    first_overflow: Option<PathBuf>,
    /// Terms of a K-tile, the rows of a weight-stationary array; all of a sum if not given.
    #[arg(long, help_heading = "Observe", value_name = "N")]
    k_tile: Option<NonZeroU32>,
    /// Where the sum of a K-tile begins: at what the tile before left (`carried`), or at zero, and an adder joins the tiles
    /// (`below`, as below the columns of an array); needs --k-tile.
    #[arg(
        long,
        help_heading = "Observe",
        value_name = "WORD",
        default_value = "carried",
        requires_if("below", "k_tile")
    )]
    partial_sums: PartialSums,
    /// Write what the accumulator holds after each K-tile, a line an output.
    #[arg(long, help_heading = "Observe", value_name = "FILE")]
    tile_sums: Option<PathBuf>,
    /// With --partial-sums below: write the sum of each K-tile from zero, a line an output.
    #[arg(long, help_heading = "Observe", value_name = "FILE")]
    fold_sums: Option<PathBuf>,
}

/// Where the sum of a K-tile begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PartialSums {
    Carried,
    Below,
}

/// Bits of a count or an index in a `.hex` file.
const COUNT_BITS: u32 = 32;

impl ObserveArguments {
    /// Declares the files.
    pub(super) fn files(&self, files: Files) -> Files {
        files
            .output("--events", &self.events)
            .output("--first-overflow", &self.first_overflow)
            .output("--tile-sums", &self.tile_sums)
            .output("--fold-sums", &self.fold_sums)
    }

    /// The accumulator `own` with the place where partial sums are joined.
    ///
    /// # Errors
    /// If the accumulator has other levels, or a file needs what is not asked for.
    pub(super) fn over(&self, own: Accumulator) -> Result<Accumulator, Failure> {
        let below = self.partial_sums == PartialSums::Below;
        if self.fold_sums.is_some() && !below {
            let why =
                "`--fold-sums` needs `--partial-sums below`: carried sums do not begin at zero";
            return Err(Failure::usage(anyhow!(why)));
        }
        match (below, self.k_tile) {
            (true, Some(terms)) if own.is_one_level() => {
                let Accumulator { width, overflow, .. } = own;
                let inner = Some(InnerAccumulator { terms, width, overflow });
                Ok(Accumulator { inner, ..own })
            }
            (true, Some(_)) => Err(Failure::usage(anyhow!(
                "`--partial-sums below` makes the two registers of an accumulator of width and overflow alone: leave out the other --accumulator-... flags"
            ))),
            _ => Ok(own),
        }
    }

    /// Writes the files of the product whose sums of `bits` bits begin at `initial`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub(super) fn write(
        &self,
        array: &MacArray,
        [a, b]: [&FixedTensor; 2],
        initial: &[i64],
        bits: u32,
        outputs: &mut Attempts,
    ) -> Result<(), ShapeError> {
        let paths = [&self.events, &self.first_overflow, &self.tile_sums, &self.fold_sums];
        if paths.iter().all(|path| path.is_none()) {
            return Ok(());
        }
        let (rows, k, columns) = (a.shape()[0], a.shape()[1], b.shape()[1]);
        let whole = NonZeroUsize::new(k).unwrap_or(NonZeroUsize::MIN);
        let k_tile = match self.k_tile {
            Some(tile) => NonZeroUsize::try_from(tile).unwrap_or(whole).min(whole),
            None => whole,
        };
        let rows_of_states: Vec<Vec<OutputStates>> = (0..rows)
            .into_par_iter()
            .map(|row| array.row_states(a, b, initial, row, k_tile))
            .collect::<Result<_, _>>()?;
        let of = |index: usize| &rows_of_states[index / columns][index % columns];
        let tiles = k.div_ceil(k_tile.get());
        let tile = |index: usize| of(index / tiles).tiles[index % tiles];
        let mut write = |path: &Option<PathBuf>, shape, bits, element: &dyn Fn(usize) -> i128| {
            if let Some(path) = path {
                let text = matrix_file::text(path, shape, bits, element);
                outputs.add(output::write(path, &text));
            }
        };
        let (each, by_tile) = ([rows, columns], [rows * columns, tiles]);
        write(&self.events, each, COUNT_BITS, &|index| of(index).events().into());
        write(&self.first_overflow, each, COUNT_BITS, &|index| {
            of(index).first_overflow.map_or(-1, |term| term as i128)
        });
        write(&self.tile_sums, by_tile, bits, &|index| tile(index).sum);
        write(&self.fold_sums, by_tile, bits, &|index| tile(index).inner);
        Ok(())
    }
}
