//! `[server]`

use serde::{Deserialize, Serialize};

/// Where the daemon listens and how it is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one. Default `127.0.0.1:8080`.
    pub listen: String,
    /// How browsers and partners reach the daemon; the OAuth redirect addresses begin with it.
    /// https, or http on loopback; port 0 stands for the port listened on. Default
    /// `http://127.0.0.1:8080`.
    pub public_url: String,
    /// Where users may be sent after connecting: addresses whose beginning a `return_url` must
    /// have. Always allowed: loopback and `public_url`. Default: none further.
    #[serde(deserialize_with = "super::load::list")]
    pub return_urls: Vec<String>,
    /// Threads that answer HTTP. Default 2.
    pub workers: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            public_url: "http://127.0.0.1:8080".into(),
            return_urls: Vec::new(),
            workers: 2,
        }
    }
}
