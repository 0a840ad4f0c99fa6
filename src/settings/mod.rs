//! Settings: one struct per section. Every key has its default here and in `config/default.toml`.
//!
//! Layers, in order of increasing precedence: the defaults, each `--config FILE`, then the
//! environment as `SYNCWELL__SECTION__KEY`.

mod changes;
mod colour;
mod connect;
mod database;
mod documented;
mod duration_text;
mod events;
mod in_force;
mod known;
mod layers;
mod list;
mod load;
mod log;
mod logo;
mod metrics;
mod mistake;
mod partner;
mod records;
mod retention;
mod scheduler;
mod secret;
mod server;
mod streams;
mod traces;
mod urls;
mod validate;
mod vault;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::changes::{Changes, InUse};
pub use self::colour::Colour;
pub use self::connect::Connect;
pub use self::database::Database;
pub use self::documented::meaning;
pub use self::events::Events;
pub use self::in_force::{InForce, in_words, written};
pub use self::load::Loaded;
pub use self::log::{Log, LogFormat};
pub use self::logo::Logo;
pub use self::metrics::Metrics;
pub use self::mistake::{Mistake, Mistakes, Origin};
pub use self::partner::{LimitSetting, Partner};
pub use self::records::Records;
pub use self::retention::{Keep, Retention};
pub use self::scheduler::Scheduler;
pub use self::secret::Secret;
pub use self::server::Server;
pub use self::streams::Streams;
pub use self::traces::Traces;
pub use self::urls::{checked_url, is_loopback};
pub use self::vault::Vault;

/// All settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The partners to run, by name. Default: none.
    #[serde(deserialize_with = "list::deserialize")]
    pub installed_partners: Vec<String>,
    /// Where the daemon listens and how it is reached.
    pub server: Server,
    /// The connect page of end users.
    pub connect: Connect,
    /// Where everything is stored.
    pub database: Database,
    /// The key that encrypts tokens and secrets.
    pub vault: Vault,
    /// When connections are polled.
    pub scheduler: Scheduler,
    /// Which records are accepted.
    pub records: Records,
    /// What is logged and how.
    pub log: Log,
    /// Where traces are sent.
    pub traces: Traces,
    /// Who may read the metrics.
    pub metrics: Metrics,
    /// How events are sent to webhook endpoints.
    pub events: Events,
    /// Streams of one user.
    pub streams: Streams,
    /// How long what piles up is kept.
    pub retention: Retention,
    /// Each partner's own settings, by its name.
    pub partners: BTreeMap<String, Partner>,
    /// Where each key that was set comes from.
    #[serde(skip)]
    pub origins: BTreeMap<String, Origin>,
}

impl Settings {
    /// The settings of a partner, or the defaults.
    pub fn partner(&self, name: &str) -> Partner {
        self.partners.get(name).cloned().unwrap_or_default()
    }

    /// A mistake in the value of `key`; `text` names the key.
    pub fn mistake(&self, key: &str, text: impl Into<String>) -> Mistake {
        Mistake::new(key, text.into(), self.origins.get(key).cloned())
    }
}

/// The path of the systemd credential (`LoadCredential=`) of that name, if it exists.
pub fn credential(name: impl AsRef<Path>) -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?);
    Some(directory.join(name)).filter(|path| path.exists())
}
