//! The `hwsim` command.
fn main() {}
