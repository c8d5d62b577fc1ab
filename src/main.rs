//! The command: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(taxiway::cli::main(std::env::args_os()))
}
