//! Files that a stopped run continues from.
