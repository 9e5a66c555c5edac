//! The `hwsim` command; see [`hwsim::cli`].

fn main() -> std::process::ExitCode {
    hwsim::cli::main()
}
