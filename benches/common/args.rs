//! The command line options of all benches.

use clap::{Args, ValueEnum};

/// The database of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A file in a temporary folder.
    Sqlite,
    /// A separate server in a temporary folder.
    Postgres,
}

impl Kind {
    /// The name in the tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The options of every bench.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Run for a few seconds only: shows that the bench works, its figures mean little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Number of runs; the tables show the medians. Default 3, with --quick 1.
    #[arg(long)]
    runs: Option<usize>,
    /// Measure on these databases only.
    #[arg(long, value_enum, value_delimiter = ',')]
    databases: Vec<Kind>,
    /// Cargo passes this to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Common {
    /// Measures under `cargo bench` or with `--quick`; does nothing in `cargo test --all-targets`.
    pub(crate) fn measure(
        &self,
        all: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        if !self.bench && !self.quick {
            println!("nothing is measured: this is for cargo bench, or give --quick");
            return Ok(());
        }
        actix_rt::System::new().block_on(all)
    }

    /// The number of runs.
    pub(crate) fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// The databases to measure on; both by default.
    pub(crate) fn databases(&self) -> Vec<Kind> {
        if self.databases.is_empty() {
            vec![Kind::Sqlite, Kind::Postgres]
        } else {
            self.databases.clone()
        }
    }

    /// Returns `quick` in a quick run, otherwise `full`.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
