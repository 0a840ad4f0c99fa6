//! `syncwell completions`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, out};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The shell that reads them.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "syncwell", &mut script);
    out::part(format_args!("{}", String::from_utf8_lossy(&script)))
}
