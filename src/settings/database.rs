//! `[database]`

use serde::{Deserialize, Serialize};

/// Where everything is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Default `sqlite:syncwell.db` in the working directory.
    pub url: String,
    /// Connections for reading; writing has one of its own. Default 4.
    pub readers: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:syncwell.db".into(), readers: 4 }
    }
}
