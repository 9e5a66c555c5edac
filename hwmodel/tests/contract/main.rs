//! hwmodel against a slow reference that was written from the specification of the arithmetic alone (README and docs of
//! [`hwmodel`]), in integers of 128 bits and without a call into hwmodel's arithmetic.
//!
//! By default a few hundred random batches are checked. The long mode checks as many cases as
//! `HWSIM_LONG_CASES` says (100 million if it says nothing) and prints how many of each kind:
//!
//! ```text
//! cargo test -p hwmodel --release --test contract -- --ignored --nocapture
//! ```

mod edges;
mod fixed_crate;
mod folds;
mod inputs;
mod levels;
mod long;
mod mac;
mod quantise;
mod reference;
mod requantise;
mod signs;
