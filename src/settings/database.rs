//! `[database]`

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_text;

/// Where everything is stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Default `sqlite:syncwell.db`
    /// in the working directory.
    pub url: String,
    /// Connections for reading; there is one more for writing. Default 4.
    pub readers: u32,
    /// How long a start or a command waits for a server that is not up yet. Default 60 seconds.
    #[serde(with = "duration_text")]
    pub wait: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:syncwell.db".into(), readers: 4, wait: Duration::from_secs(60) }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may have a password.
        let Self { url: _, readers, wait } = self;
        let mut shown = formatter.debug_struct("Database");
        shown.field("readers", readers).field("wait", wait).finish_non_exhaustive()
    }
}
