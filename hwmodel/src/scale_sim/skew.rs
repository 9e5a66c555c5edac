//! A block of elements that crosses the array's edge on the diagonal.

/// `rows` × `columns` elements, element (r, c) in line r + c: the wavefront of a systolic array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skew {
    rows: u64,
    columns: u64,
}

/// 1 + 2 + … + x.
fn triangle(x: u64) -> u64 {
    x * (x + 1) / 2
}

impl Skew {
    /// A block with neither side 0, of at most 2^63 elements.
    pub(super) fn new(rows: u64, columns: u64) -> Self {
        Self { rows, columns }
    }

    /// Lines from the first element to the last.
    pub(super) fn lines(self) -> u64 {
        self.rows + self.columns - 1
    }

    /// Elements in lines before `line`.
    pub(super) fn before(self, line: u64) -> u64 {
        let (short, long) = (self.rows.min(self.columns), self.rows.max(self.columns));
        if line <= short {
            triangle(line)
        } else if line <= long {
            triangle(short) + (line - short) * short
        } else {
            short * long - triangle(self.lines().saturating_sub(line))
        }
    }

    /// Elements in line `line`.
    pub(super) fn at(self, line: u64) -> u64 {
        self.before(line + 1) - self.before(line)
    }

    /// The line of element `index`, counted from 0 over the lines.
    pub(super) fn line_of(self, index: u64) -> u64 {
        let (mut low, mut high) = (0, self.lines());
        // Invariant: before(low) <= index < before(high).
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.before(middle) <= index {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_diagonals() {
        for rows in 1..7 {
            for columns in 1..7 {
                let skew = Skew::new(rows, columns);
                let mut lines = vec![0; (rows + columns - 1) as usize];
                for r in 0..rows {
                    for c in 0..columns {
                        lines[(r + c) as usize] += 1;
                    }
                }
                assert_eq!(skew.lines(), lines.len() as u64);
                let mut before = 0;
                for (line, &count) in lines.iter().enumerate() {
                    let line = line as u64;
                    assert_eq!(skew.before(line), before);
                    assert_eq!(skew.at(line), count);
                    for index in before..before + count {
                        assert_eq!(skew.line_of(index), line);
                    }
                    before += count;
                }
                assert_eq!(skew.before(1000), rows * columns);
            }
        }
    }
}
