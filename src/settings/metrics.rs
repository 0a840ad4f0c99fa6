//! `[metrics]`

use serde::{Deserialize, Serialize};

/// Who may read the metrics at `/metrics`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Whether they are read without a key; otherwise with one of scope `admin`. Default: no.
    pub open: bool,
}
