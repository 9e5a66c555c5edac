//! Where the sums of folds over K are joined.

words! {
    /// Where a partial sum of a weight- or input-stationary array goes on in the next fold.
    PartialSums, "place of partial sums":
    /// It enters its column at the top and is carried on; no fold waits for it.
    Carried = "carried",
    /// The same, and a fold waits until the sums of the one before have come out of the array.
    Top = "top",
    /// Each fold starts at zero, and an adder below the column joins its sum to the earlier ones.
    Below = "below",
}
