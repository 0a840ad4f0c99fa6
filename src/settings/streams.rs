//! `[streams]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Streams of one user, for phones and browsers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Streams {
    /// The origins (`https://app.example.com`) of pages that may read the stream of a user. Default:
    /// none; apps that are no pages need none.
    #[serde(deserialize_with = "super::list::deserialize")]
    pub origins: Vec<String>,
    /// How long a token for a stream is valid. Default 15 minutes.
    #[serde(with = "super::duration_text")]
    pub token_lifetime: Duration,
}

impl Default for Streams {
    fn default() -> Self {
        Self { origins: Vec::new(), token_lifetime: Duration::from_secs(15 * 60) }
    }
}
