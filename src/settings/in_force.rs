//! The settings as they are in force: each with its value, where it comes from and what it means. Secrets
//! have no value here.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Map, Value};

use super::documented::{ANY_PARTNER, meaning, of_any_partner};
use super::layers::PREFIX;
use super::{Origin, Partner, Settings, known, load};

/// What a secret is serialised as.
const HIDDEN: &str = "[secret]";

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// Its name, `server.listen`.
    pub key: String,
    /// Its value as it is written in a file; null if it is not set, and always for a secret.
    pub value: Value,
    /// Whether it has a value.
    pub is_set: bool,
    /// Whether its value is a secret.
    pub is_secret: bool,
    /// Its default, null if it has none.
    pub default: Value,
    /// Where it was set; `None` for the default.
    pub origin: Option<Origin>,
    /// The environment variable that sets it.
    pub variable: String,
    /// What it means.
    pub meaning: &'static str,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Secret,
    Duration,
    Other,
}

impl Settings {
    /// All settings, with those of these partners and of whichever else are set. `database` is the
    /// address of the database without its password.
    pub fn in_force(&self, partners: &[&str], database: &str) -> Vec<InForce> {
        let mut found = BTreeMap::new();
        let plain = |value: serde_json::Result<Value>| value.unwrap_or_default();
        let without = |settings: &Self| Self { partners: BTreeMap::new(), ..settings.clone() };
        let mut defaults = BTreeMap::new();
        leaves("", &plain(serde_json::to_value(Self::default())), &mut defaults);
        leaves("", &plain(serde_json::to_value(without(self))), &mut found);
        let names = partners.iter().copied().chain(self.partners.keys().map(String::as_str));
        for name in names {
            let section = format!("partners.{name}");
            leaves(&section, &plain(serde_json::to_value(self.partner(name))), &mut found);
            leaves(&section, &plain(serde_json::to_value(Partner::default())), &mut defaults);
        }
        found.insert("database.url".to_owned(), database.into());
        found
            .into_iter()
            .map(|(key, value)| self.one(&key, value, defaults.remove(&key).unwrap_or_default()))
            .collect()
    }

    fn one(&self, key: &str, value: Value, default: Value) -> InForce {
        let is_secret = form(key) == Form::Secret;
        InForce {
            is_set: !value.is_null(),
            value: if is_secret { Value::Null } else { written(key, value) },
            is_secret,
            default: written(key, default),
            origin: self.origins.get(key).cloned(),
            variable: format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__")),
            meaning: meaning(key),
            key: key.to_owned(),
        }
    }
}

pub(super) fn leaves(path: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, value, out);
            }
        }
        value => drop(out.insert(path.to_owned(), value.clone())),
    }
}

/// How the value of a setting is written: found out by trying, so that no list of them can be stale.
fn form(key: &str) -> Form {
    static FORMS: OnceLock<BTreeMap<String, Form>> = OnceLock::new();
    let forms = FORMS.get_or_init(|| {
        let keys = known::keys(ANY_PARTNER);
        keys.into_iter().map(|key| (key.clone(), tried(&key))).collect()
    });
    forms.get(&of_any_partner(key)).copied().unwrap_or(Form::Other)
}

fn tried(key: &str) -> Form {
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    let mut table = toml::Table::new();
    load::insert(&mut table, &path, "no duration".into());
    match toml::Value::Table(table).try_into::<Settings>() {
        Ok(settings) => {
            let mut found = BTreeMap::new();
            leaves("", &serde_json::to_value(settings).unwrap_or_default(), &mut found);
            let is_hidden = found.get(key).is_some_and(|value| value == HIDDEN);
            if is_hidden { Form::Secret } else { Form::Other }
        }
        Err(error) if error.message().contains("is not a duration") => Form::Duration,
        Err(_) => Form::Other,
    }
}

/// A value as people write it: `90d`, where the library writes months. No address shows a password.
pub fn written(key: &str, value: Value) -> Value {
    match value {
        Value::String(text) if form(key) == Form::Duration => {
            duration(&text).map_or(text, short).into()
        }
        Value::String(text) => without_password(text).into(),
        Value::Array(values) => values.into_iter().map(|value| written(key, value)).collect(),
        Value::Object(fields) => {
            let of_limit = |(name, value): (String, Value)| match (name.as_str(), value) {
                ("per", Value::String(text)) => (name, duration(&text).map_or(text, short).into()),
                (_, value) => (name, value),
            };
            Value::Object(fields.into_iter().map(of_limit).collect())
        }
        value => value,
    }
}

fn without_password(text: String) -> String {
    match url::Url::parse(&text) {
        Ok(mut url) if url.password().is_some() => {
            // Fails only for addresses that cannot have one.
            url.set_password(Some("hidden")).unwrap_or_default();
            url.into()
        }
        _ => text,
    }
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// A duration as it is written in a file, in one unit.
fn short(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.as_millis());
    match seconds {
        _ if duration.subsec_millis() > 0 => format!("{millis}ms"),
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// A duration in words: `1 day 12 hours`.
fn long(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
        (duration.subsec_millis().into(), "millisecond"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = parts
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}

/// The value of a setting in words.
pub fn in_words(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) if form(key) == Form::Duration => {
            duration(text).map_or_else(|| text.clone(), long)
        }
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => {
            let words: Vec<String> = values.iter().map(|value| in_words(key, value)).collect();
            words.join(", ")
        }
        Value::Object(limit) => limit_in_words(limit),
    }
}

/// The only settings that have parts are limits.
fn limit_in_words(limit: &Map<String, Value>) -> String {
    let text = |name: &str| limit.get(name).and_then(Value::as_str).unwrap_or_default();
    let calls = limit.get("calls").and_then(Value::as_u64).unwrap_or_default();
    let what = if text("counts") == "reads" { "reads" } else { "calls" };
    let per = duration(text("per")).map_or_else(String::new, long);
    let whose = if text("scope") == "connection" { " for each connection" } else { "" };
    let windows = if text("window") == "fixed" { " (fixed windows)" } else { "" };
    format!("{calls} {what} in {per}{whose}{windows}")
}

#[cfg(test)]
mod tests;
