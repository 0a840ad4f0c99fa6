//! Arguments → settings → application → run until stopped.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let arguments = syncwell::cli::Arguments::parse();
    match actix_rt::System::new().block_on(syncwell::cli::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("syncwell: {error:#}");
            ExitCode::FAILURE
        }
    }
}
