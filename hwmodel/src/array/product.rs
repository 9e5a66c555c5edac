//! The accumulators after a product.

use super::MacReport;
use crate::number::accumulator::{Accumulator, AccumulatorWidth};

/// Accumulator contents, row-major, in the narrowest type that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sums {
    /// Every sum fits 32 bits.
    I32(Vec<i32>),
    /// Every sum fits 64 bits.
    I64(Vec<i64>),
    /// Sums beyond 64 bits (only with an exact accumulator).
    I128(Vec<i128>),
}

/// The accumulators after a product: `rows` × `columns` sums with FL = FLa + FLb.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) terms: usize,
    pub(crate) fl: i32,
    pub(crate) accumulator: Accumulator,
    pub(crate) sums: Sums,
    /// No partial sum has a larger magnitude; what the requantiser's fast paths rely on.
    pub(crate) bound: u128,
    pub(crate) report: MacReport,
}

/// Error of sums that cannot be the accumulators of a product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumsError {
    /// The sums do not fill rows.
    #[error("{sums} sums are not a whole number of rows of {columns} columns")]
    Columns {
        /// Sums given.
        sums: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// A sum is outside the accumulator.
    #[error("sum {sum} at element {index} does not fit an accumulator of {width} bits")]
    Range {
        /// Position, row-major.
        index: usize,
        /// The sum.
        sum: i128,
        /// Bits of the accumulator.
        width: AccumulatorWidth,
    },
}

impl Sums {
    /// Number of sums.
    pub fn len(&self) -> usize {
        match self {
            Self::I32(sums) => sums.len(),
            Self::I64(sums) => sums.len(),
            Self::I128(sums) => sums.len(),
        }
    }

    /// Whether there are no sums.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum at `index`.
    ///
    /// # Panics
    /// If `index` is not below the length.
    pub fn get(&self, index: usize) -> i128 {
        match self {
            Self::I32(sums) => sums[index].into(),
            Self::I64(sums) => sums[index].into(),
            Self::I128(sums) => sums[index],
        }
    }
}

impl Product {
    /// Accumulators with these contents, row-major, as if each were one exact term: for requantising sums that were
    /// computed elsewhere.
    ///
    /// # Errors
    /// If the sums do not fill rows of `columns`, or one is outside the accumulator.
    pub fn from_sums(
        sums: Sums,
        columns: usize,
        fl: i32,
        accumulator: Accumulator,
    ) -> Result<Self, SumsError> {
        let count = sums.len();
        let Some(rows) = count.checked_div(columns).filter(|rows| rows * columns == count) else {
            return Err(SumsError::Columns { sums: count, columns });
        };
        if let AccumulatorWidth::Bits(bits) = accumulator.width {
            let outside = |&index: &usize| !(bits.min()..=bits.max()).contains(&sums.get(index));
            if let Some(index) = (0..count).find(outside) {
                let (sum, width) = (sums.get(index), accumulator.width);
                return Err(SumsError::Range { index, sum, width });
            }
        }
        let bound = (0..count).map(|index| sums.get(index).unsigned_abs()).max().unwrap_or(0);
        let report = MacReport::default();
        Ok(Self { rows, columns, terms: 1, fl, accumulator, sums, bound, report })
    }

    /// Rows, M.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns, N.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Terms of a sum, K.
    pub fn terms(&self) -> usize {
        self.terms
    }

    /// Fractional length of the sums, FLa + FLb, in bits.
    pub fn fl(&self) -> i32 {
        self.fl
    }

    /// The accumulator that held them.
    pub fn accumulator(&self) -> Accumulator {
        self.accumulator
    }

    /// The sums, row-major.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Consumes the product and returns its sums.
    pub fn into_sums(self) -> Sums {
        self.sums
    }

    /// A proven bound: no partial sum has a larger magnitude than this.
    pub fn bound(&self) -> u128 {
        self.bound
    }

    /// What was counted.
    pub fn report(&self) -> MacReport {
        self.report
    }

    /// Adds the rows of another product of the same columns, terms and operand formats.
    pub(super) fn append(&mut self, other: Self) {
        let wide = |sums: Sums| match sums {
            Sums::I32(sums) => sums.into_iter().map(i128::from).collect(),
            Sums::I64(sums) => sums.into_iter().map(i128::from).collect(),
            Sums::I128(sums) => sums,
        };
        self.rows += other.rows;
        self.bound = self.bound.max(other.bound);
        self.report += other.report;
        match (&mut self.sums, other.sums) {
            (Sums::I32(sums), Sums::I32(more)) => sums.extend(more),
            (Sums::I64(sums), Sums::I64(more)) => sums.extend(more),
            (sums, more) => {
                let mut all: Vec<i128> = wide(std::mem::replace(sums, Sums::I32(Vec::new())));
                all.extend::<Vec<i128>>(wide(more));
                *sums = Sums::I128(all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_sums_are_checked() {
        let accumulator =
            Accumulator { width: AccumulatorWidth::bits(8).unwrap(), ..Accumulator::default() };
        let of = |sums: &[i64], columns| {
            Product::from_sums(Sums::I64(sums.to_vec()), columns, 3, accumulator)
        };
        let product = of(&[127, -128, 0, 5], 2).unwrap();
        assert_eq!([product.rows(), product.columns(), product.terms()], [2, 2, 1]);
        assert_eq!((product.bound(), product.fl()), (128, 3));
        let error = of(&[0, 0, 128, 0], 2).unwrap_err().to_string();
        assert_eq!(error, "sum 128 at element 2 does not fit an accumulator of 8 bits");
        assert_eq!(of(&[0; 3], 2), Err(SumsError::Columns { sums: 3, columns: 2 }));
        assert_eq!(of(&[0; 3], 0), Err(SumsError::Columns { sums: 3, columns: 0 }));
    }
}
