//! The command line that all benches have.

use clap::{Args, ValueEnum};

/// Where the daemon stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A file in a temporary folder.
    Sqlite,
    /// A server of its own in a temporary folder.
    Postgres,
}

impl Kind {
    /// As the tables say it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What every bench understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// A few seconds only: shows that the bench works, its figures mean little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often everything is measured; the tables have the medians. Default 3, with --quick 1.
    #[arg(long)]
    runs: Option<usize>,
    /// Measure on these databases alone.
    #[arg(long, value_enum, value_delimiter = ',')]
    databases: Vec<Kind>,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Common {
    /// Measures, if it is to be: `cargo bench` says so, `cargo test --all-targets` does not.
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

    /// How often everything is measured.
    pub(crate) fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// The databases asked for; both unless told otherwise.
    pub(crate) fn databases(&self) -> Vec<Kind> {
        if self.databases.is_empty() {
            vec![Kind::Sqlite, Kind::Postgres]
        } else {
            self.databases.clone()
        }
    }

    /// `full`, or `quick` in a quick run.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
