//! The `muster` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two libraries could choose two providers; the first to be installed stays.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    muster::cli::main()
}
