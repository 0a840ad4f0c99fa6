//! `[traces]`

use serde::{Deserialize, Serialize};

/// Where traces are sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Traces {
    /// The address of a collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`. Default:
    /// none, and no traces.
    pub endpoint: String,
    /// The share of traces that are sent, from 0 to 1. Default 1.
    pub sample_ratio: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self { endpoint: String::new(), sample_ratio: 1.0 }
    }
}

impl Traces {
    /// The address to which spans are sent: that of the settings, with the usual path if it has none.
    pub fn address(&self) -> String {
        let base = self.endpoint.trim_end_matches('/');
        let has_path = base.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        if has_path { base.to_owned() } else { format!("{base}/v1/traces") }
    }
}
