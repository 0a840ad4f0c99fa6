//! `[server]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the daemon listens and how it is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Address and port to listen on; port 0 selects a free one. Default `127.0.0.1:8080`.
    pub listen: String,
    /// The URL at which browsers and partners reach the daemon; OAuth redirect URLs begin with it.
    /// Must be https, or http on loopback; port 0 stands for the port the daemon listens on.
    /// Default `http://127.0.0.1:8080`.
    pub public_url: String,
    /// URLs to which users may be sent after connecting, apart from the query; one that ends with `/*` stands
    /// for every path below. URLs below `public_url` are always allowed, and loopback URLs where that is
    /// one. Default: none.
    #[serde(deserialize_with = "super::list::deserialize")]
    pub return_urls: Vec<String>,
    /// The name of the host app, for the pages that a connect may end with. Default: none.
    pub app_name: String,
    /// The number of HTTP worker threads. Default 2.
    pub workers: usize,
    /// How long a request's body may take to arrive. Default 30 seconds.
    #[serde(with = "super::duration_text")]
    pub body_timeout: Duration,
    /// How many calls each API key may make in a minute, on average; 0 for as many as it likes.
    /// Default 0.
    pub requests_per_minute_per_key: u32,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            public_url: "http://127.0.0.1:8080".into(),
            return_urls: Vec::new(),
            app_name: String::new(),
            workers: 2,
            body_timeout: Duration::from_secs(30),
            requests_per_minute_per_key: 0,
        }
    }
}
