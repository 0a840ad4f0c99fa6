//! What of changed settings a running daemon takes over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::in_force::leaves;
use super::{Secret, Settings};

/// These are taken over; the others need a restart.
const TAKEN_OVER: [&str; 3] =
    ["log.filter", "server.requests_per_minute_per_key", "server.return_urls"];

/// Which settings differ, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What a running daemon takes over.
    pub taken_over: Vec<String>,
    /// What it does not.
    pub need_restart: Vec<String>,
}

impl Settings {
    /// What differs in `new`.
    pub fn changes(&self, new: &Self) -> Changes {
        let (old, new) = (self.all(), new.all());
        let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        let changed = names.into_iter().filter(|name| old.get(name) != new.get(name));
        let (taken_over, need_restart) =
            changed.partition(|name| TAKEN_OVER.contains(&name.as_str()));
        Changes { taken_over, need_restart }
    }

    /// These settings with what can be taken over from `new`.
    pub fn with_changes_of(&self, new: &Self) -> Self {
        let mut merged = self.clone();
        merged.log.filter.clone_from(&new.log.filter);
        merged.server.return_urls.clone_from(&new.server.return_urls);
        merged.server.requests_per_minute_per_key = new.server.requests_per_minute_per_key;
        for name in TAKEN_OVER {
            match new.origins.get(name) {
                Some(origin) => drop(merged.origins.insert(name.to_owned(), origin.clone())),
                None => drop(merged.origins.remove(name)),
            }
        }
        merged
    }

    /// Every setting with its value, secrets included: only to be compared.
    fn all(&self) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        leaves("", &serde_json::to_value(self).unwrap_or_default(), &mut all);
        for (name, partner) in &self.partners {
            let secrets =
                [("client_secret", &partner.client_secret), ("verify_code", &partner.verify_code)];
            for (key, secret) in secrets {
                let value = secret.as_ref().map(Secret::expose).into();
                all.insert(format!("partners.{name}.{key}"), value);
            }
        }
        all
    }
}

/// The settings in force, shared: those of the start, and what was taken over since.
#[derive(Clone, Debug)]
pub struct InUse(Arc<RwLock<Arc<Settings>>>);

impl InUse {
    /// Begins with the settings of the start.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }

    /// What is in force now.
    pub fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in force.
    pub fn set(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_changed_is_named_and_only_what_can_be_is_taken_over() {
        let old = settings(
            "[server]\nlisten = \"127.0.0.1:1\"\n[partners.withings]\nclient_secret = \"a\"\n",
        );
        let new = settings(
            "[server]\nlisten = \"127.0.0.1:2\"\nrequests_per_minute_per_key = 7\nreturn_urls = [\"https://app.example.com\"]\n\
             [log]\nfilter = \"debug\"\n[partners.withings]\nclient_secret = \"b\"\n[partners.strava]\nclient_id = \"c\"\n",
        );
        let changes = old.changes(&new);
        assert_eq!(changes.taken_over, TAKEN_OVER);
        let mut restart = changes.need_restart.clone();
        restart.retain(|name| !name.starts_with("partners.strava."));
        assert_eq!(restart, ["partners.withings.client_secret", "server.listen"]);
        assert!(changes.need_restart.contains(&"partners.strava.client_id".to_owned()));

        let merged = old.with_changes_of(&new);
        assert_eq!(merged.changes(&new), Changes { taken_over: Vec::new(), ..changes });
        assert_eq!(old.changes(&old), Changes::default());
    }
}
