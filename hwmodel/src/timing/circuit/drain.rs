//! How results leave an array.

words! {
    /// Where the results of a fold leave, and how many of them in a cycle.
    Drain, "drain":
    /// `rows` where the processing elements keep their sums, `register` where they pass them on.
    Usual = "usual",
    /// An array row a cycle, R cycles: results move along the columns. Output-stationary arrays.
    Rows = "rows",
    /// An array column a cycle, C cycles: results move along the rows. Output-stationary arrays.
    Columns = "columns",
    /// Through a register below each column, 1 cycle. Weight- and input-stationary arrays.
    Register = "register",
    /// All in the cycle of the last addition, 0 cycles.
    None = "none",
}

words! {
    /// When a drain that overlaps the next fold may begin, for arrays that keep their sums.
    DrainStart, "start of a drain":
    /// Each result as soon as it is done.
    Any = "any",
    /// All together, after the last processing element is done: one shadow register each, shifted in common.
    AfterLast = "after-last",
}

impl Drain {
    /// Whether an array can have it whose processing elements keep their sums, or pass them on.
    pub fn fits(self, keeps_sums: bool) -> bool {
        match self {
            Self::Rows | Self::Columns => keeps_sums,
            Self::Register => !keeps_sums,
            Self::Usual | Self::None => true,
        }
    }

    /// Cycles of an array of `[rows, columns]` after the last addition.
    pub fn cycles(self, keeps_sums: bool, [rows, columns]: [u64; 2]) -> u64 {
        match self {
            Self::Usual if keeps_sums => rows,
            Self::Usual | Self::Register => 1,
            Self::Rows => rows,
            Self::Columns => columns,
            Self::None => 0,
        }
    }
}
