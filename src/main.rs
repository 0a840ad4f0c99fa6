//! Arguments → settings → application → run until stopped.

use std::process::ExitCode;

use clap::Parser;

/// Syncs make many small, short-lived allocations; the system's allocator took a quarter of their
/// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let arguments = syncwell::cli::Arguments::parse();
    actix_rt::System::new().block_on(syncwell::cli::run(arguments))
}
