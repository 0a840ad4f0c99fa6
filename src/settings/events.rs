//! `[events]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration_text;

/// How events are sent to webhook endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Events {
    /// Whether endpoints may be at addresses that are not public (loopback, private networks), and
    /// without TLS. Default: no.
    pub allow_private_targets: bool,
    /// How long one call to an endpoint may take. Default 15 seconds.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
}

impl Default for Events {
    fn default() -> Self {
        Self { allow_private_targets: false, timeout: Duration::from_secs(15) }
    }
}
