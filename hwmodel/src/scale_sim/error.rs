//! Errors of a topology, a configuration or a SCALE-Sim run.

/// A layer that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A value is 0 or too large.
    #[error("{name} is {value}; use 1 to 2147483647")]
    Range {
        /// Name of the column.
        name: &'static str,
        /// The value.
        value: u32,
    },
    /// No window fits into the input.
    #[error(
        "Filter {name} is {filter}, larger than IFMAP {name} {input}; add the padding to the IFMAP columns"
    )]
    FilterTooLarge {
        /// `Height` or `Width`.
        name: &'static str,
        /// Size of the filter.
        filter: u32,
        /// Size of the input.
        input: u32,
    },
}

/// A topology file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A line has too few or too many columns.
    #[error(
        "topology {file}, line {line}: {found} columns; a convolution has 8 (name, IFMAP height and width, filter \
         height and width, channels, filters, stride), a GEMM 4 (name, M, N, K), each with an optional ratio N:M"
    )]
    Columns {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Columns found.
        found: usize,
    },
    /// A column holds no number.
    #[error(
        "topology {file}, line {line}, column {column} ({name}): `{found}` is no integer of 1 to 2147483647"
    )]
    Number {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// Name of the column.
        name: &'static str,
        /// Its text.
        found: String,
    },
    /// The last, optional column is not a sparsity ratio.
    #[error(
        "topology {file}, line {line}, column {column}: `{found}` is no sparsity ratio N:M; SCALE-Sim 3 has one stride \
         for both directions, so leave this column out or write 1:1"
    )]
    Ratio {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// Its text.
        found: String,
    },
    /// The values make no layer.
    #[error("topology {file}, line {line}: {source}")]
    Shape {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The problem.
        source: ShapeError,
    },
    /// A `DP` line expands to more layers than the limit.
    #[error("topology {file}, line {line}: a DP line of {channels} channels; at most {most}")]
    TooManyLayers {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Channels of the line.
        channels: u32,
        /// How many are allowed.
        most: u32,
    },
    /// There is no layer.
    #[error(
        "topology {file} has no layer; line 1 is the header, layers follow one a line, e.g. `Conv1, 32, 32, 5, 5, 1, 6, 1,`"
    )]
    Empty {
        /// Name of the file.
        file: String,
    },
}

/// A configuration file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A line is neither a section, nor a key with a value, nor a comment.
    #[error("configuration {file}, line {line}: `{found}` is no `[section]` and no `Key: value`")]
    Syntax {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// A section or key occurs twice.
    #[error(
        "configuration {file}, line {line}: {what} is there already, in line {first}; keep one"
    )]
    Duplicate {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The section or key.
        what: String,
        /// Line of its first occurrence.
        first: usize,
    },
    /// A key that decides the answer is missing.
    #[error("configuration {file}: section [{section}] has no `{key}`; add `{key}: {example}`")]
    Missing {
        /// Name of the file.
        file: String,
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// A value it could have.
        example: &'static str,
    },
    /// A value is not allowed.
    #[error(
        "configuration {file}, line {line}, [{section}] `{key}`: `{found}` is not allowed; use {allowed}"
    )]
    Value {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// The allowed values.
        allowed: String,
    },
}

/// A layer that cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// SCALE-Sim divides by the index of the last cycle, which is 0.
    #[error(
        "layer `{layer}`: a 1x1x1 product on a 1x1 os array ends in cycle 0, and SCALE-Sim divides by Total Cycles; \
         use a larger array or product"
    )]
    NoCycles {
        /// Name of the layer.
        layer: String,
    },
    /// Counts of the layer do not fit 63 bits.
    #[error(
        "layer `{layer}`: cycles or accesses of a {rows}x{columns} array exceed 2^63; use a smaller layer"
    )]
    Counts {
        /// Name of the layer.
        layer: String,
        /// Array rows.
        rows: u32,
        /// Array columns.
        columns: u32,
    },
    /// A buffer has to be replayed element by element, and there are too many of them.
    #[error(
        "layer `{layer}`: the {operand} has {elements} elements, over the 2^31 that can be replayed; \
         split the layer or use CALC with a buffer that holds all of them"
    )]
    Operand {
        /// Name of the layer.
        layer: String,
        /// `ifmap` or `filter`.
        operand: &'static str,
        /// Its elements.
        elements: u128,
    },
    /// A buffer of a size for which the rules have no answer.
    #[error(
        "layer `{layer}`: the {operand} buffer has {words} words; SCALE-Sim's rules need {least} to 2^41 in this mode"
    )]
    Buffer {
        /// Name of the layer.
        layer: String,
        /// `ifmap`, `filter` or `ofmap`.
        operand: &'static str,
        /// Its size.
        words: u64,
        /// The least size.
        least: u64,
    },
}
